"""Decisions on parked runs: check permission, accept the first one, close the card, resume the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from bot.commands.origin import Origin
from bot.commands.reply import is_vague, is_yes, reply_kind
from bot.messages.card_views import ConfirmChoice
from bot.messages.notice_views import CallView, NoticeView, UnclearReplyView
from bot.messages.run_text import moment
from bot.messages.views import Person
from bot.people.access import Access
from bot.people.permissions import Action
from bot.people.profiles import ProfileLookup
from bot.people.tool_approvers import ACTIONS, ToolApprovers, who_decides
from bot.runs.budget_gate import InsufficientBudgetError, missing_nusd, require_budget
from bot.runs.engine import CONFIRM_PATH, Engine
from bot.runs.executor import Executor
from bot.runs.presenter import PrivateNotifier
from bot.threads.cards import Cards
from bot.threads.presenter import SlackThreadPresenter
from patterns.core.errors import UserError
from patterns.core.money import format_usd
from patterns.core.questions import Decision, DecisionVerdict, Question, Scope
from storage.questions import StoredQuestion
from storage.run_rows import RunRow
from storage.tool_grants import ToolGrants

log = structlog.get_logger()

CALLED_MAX = 10
"""People that one reminder calls."""
_CHOICES: dict[ConfirmChoice, DecisionVerdict] = {"run": "run", "answer": "instead", "cancel": "cancel"}
_REVIEWS = frozenset({"approve", "feedback"})
_VERDICTS: Mapping[str, frozenset[DecisionVerdict]] = {
    "confirm": frozenset({"run", "instead", "cancel"}),
    "approve": frozenset({"approve", "changes", "edit", "stop"}),
    "feedback": frozenset({"approve", "changes", "edit", "stop", "none"}),
    "money": frozenset({"stop"}),
    "line": frozenset(),
    "tool": frozenset({"approve", "deny"}),
    "outcome": frozenset({"done", "again"}),
    "form": frozenset({"answer", "deny"}),
}
"""What the cards of each kind offer to people."""
_DRAFT_WAITS = "the draft above waits for you{until}: approve it, or write here what should change."
_REMINDERS = {
    "tool": "the call above waits for you{until}: approve or deny it with its buttons.",
    "outcome": "the call above waits for you{until}: say with its buttons whether it was done.",
    "form": "the question above waits for you{until}: answer or decline it with its buttons.",
}
_OTHER_WAITS = "your request waits{until} for somebody else to decide about the call above."
_UNKNOWN = "I no longer have that question."
_MONEY_BY_BUTTON = "Prices and money are accepted with the buttons on the card only, never with a reply."
_ACTIONS_BY_BUTTON = "What a tool may do is decided with the buttons on the card only, never with a reply."
_WHICH_DRAFT = "Several drafts wait in this thread. Please use the buttons on the card of the one you mean."


@dataclass(frozen=True, slots=True)
class ReviewService:
    """The port `Reviews` of the listeners."""

    engine: Engine
    cards: Cards
    access: Access
    executor: Executor[SlackThreadPresenter]
    profiles: ProfileLookup
    notifier: PrivateNotifier
    approvers: ToolApprovers
    grants: ToolGrants

    async def confirm(self, run_id: str, by: Origin, *, choice: ConfirmChoice) -> None:
        """Answer the price card of a parked run; the first answer counts."""
        await self.decide(run_id, CONFIRM_PATH, by, verdict=_CHOICES[choice])

    async def question(self, run_id: str, path: str, by: Origin) -> Question:
        """Return the open question, for a person who may decide it."""
        run, asked = await self._open_to(run_id, path, by)
        if asked.decision is not None:
            raise UserError(f"{await self.cards.words(run, asked.question, asked.decision)}. The newest card counts.")
        return asked.question

    async def shown(self, run_id: str, path: str, by: Origin) -> Question:
        """Return a question, decided or not, for a person who may read the run."""
        run, asked = await self._known(run_id, path, by)
        place = {"workspace": run.workspace, "channel": run.channel}
        if not await self.access.may(by.user, Action.READ_RUN, **place, is_own=run.user == by.user):
            raise UserError(_UNKNOWN)
        return asked.question

    async def decide(
        self,
        run_id: str,
        path: str,
        by: Origin,
        *,
        verdict: DecisionVerdict,
        text: str = "",
        scope: Scope = "once",
    ) -> None:
        """Decide a run's question and resume the run. The same decision again changes nothing."""
        run, asked = await self._open_to(run_id, path, by)
        if verdict not in _VERDICTS[asked.question.kind]:
            raise UserError(_UNKNOWN)  # a click that somebody made up: no card of ours offers that
        if scope == "standing":
            await self.approvers.require_standing(by.user, run)
        if run.status == "done" or run.cancel_requested_by:
            raise UserError("That request is over; there is nothing left to decide.")
        given = Decision(verdict=verdict, text=text, user=by.user, at_us=self.engine.clock.now_us(), scope=scope)
        in_force = asked.decision or await self.engine.questions.decide(run_id, path, given)
        if in_force.model_copy(update={"at_us": given.at_us}) != given:
            raise UserError(f"{await self.cards.words(run, asked.question, in_force)}, which was faster.")
        if scope == "standing":
            tools = [(call.tool, call.schema_hash) for call in asked.question.calls]
            await self.grants.give(tools, workspace=run.workspace, channel=run.channel, by=by.user)
        await self._resume(run, asked, in_force)

    async def _resume(self, run: RunRow, asked: StoredQuestion, decision: Decision) -> None:
        """Close the card and wake the run."""
        await self.cards.close(run, asked.path, asked.question, decision)
        log.info("question_decided", run=run.id, path=asked.path, verdict=decision.verdict)
        # The decision itself made the run claimable: a repeated click does not disturb one that waits for another.
        await self.executor.submit(run.id)

    async def is_waiting(self, origin: Origin) -> bool:
        """Return True when a reply in this thread can be feedback on a draft."""
        return any(asked.question.kind in _REVIEWS for asked in await self._asked_in(origin))

    async def _asked_in(self, origin: Origin) -> list[StoredQuestion]:
        return await self.engine.questions.pending_in(
            workspace=origin.workspace, channel=origin.channel, thread_ts=origin.thread_ts or ""
        )

    async def reply(self, origin: Origin, text: str, *, was_called: bool) -> bool:
        """Take a reply in a thread under review as a decision; return False when nothing is under review there."""
        waiting = await self._asked_in(origin)
        drafts = [asked for asked in waiting if asked.question.kind in _REVIEWS]
        if not drafts:
            return await self._yes_to_buttons(origin, text, waiting)
        asked = drafts[-1]
        run = await self.engine.store.get(asked.run_id)
        if run is not None and run.cancel_requested_by:
            return False  # it has just been stopped: the reply is about something else
        if run is None or not await self._may(run, asked.question, origin.user):
            # People may discuss a draft among themselves.
            if was_called:
                raise UserError(f"This thread waits for a decision on a draft. {self._who(asked.question)}")
            return True
        if drafts[1:]:
            await self.notifier.private(origin, NoticeView(_WHICH_DRAFT))
            return True
        kind = reply_kind(text)
        if kind == "unclear" or not await self._is_newer(run, asked, origin):
            question = UnclearReplyView(run.id, asked.path, origin.delivery_key, text)
            await self.notifier.private(origin, question)
            return True
        yes: DecisionVerdict = "approve" if asked.question.kind == "approve" else "none"
        verdict, said = (yes, "") if kind == "yes" else ("changes", text)
        await self.decide(asked.run_id, asked.path, origin, verdict=verdict, text=said)
        return True

    async def _yes_to_buttons(self, origin: Origin, text: str, waiting: Sequence[StoredQuestion]) -> bool:
        """Explain to a person who types a yes, or a no, that what waits here needs a button; return False otherwise."""
        if not waiting or not (is_yes(text) or is_vague(text)):
            return False
        acts = any(asked.question.kind in ACTIONS for asked in waiting)
        await self.notifier.private(origin, NoticeView(_ACTIONS_BY_BUTTON if acts else _MONEY_BY_BUTTON))
        return True

    async def _is_newer(self, run: RunRow, asked: StoredQuestion, origin: Origin) -> bool:
        """Return True when a reply was written after the card was posted, so that it can be about this draft."""
        card_ts = await self.cards.card_ts(run, asked.path)
        return card_ts is not None and float(origin.message_ts or 0) > float(card_ts)

    async def approve_reaction(self, origin: Origin) -> None:
        """Approve the draft on whose card a person put a sign of approval, if they may; else it is only a reaction."""
        for asked in await self.engine.questions.undecided():
            if asked.question.kind not in _REVIEWS:
                continue
            run = await self.engine.store.get(asked.run_id)
            if run is None or (run.workspace, run.channel) != (origin.workspace, origin.channel):
                continue
            if await self.cards.card_ts(run, asked.path) != origin.message_ts:
                continue
            if await self._may(run, asked.question, origin.user):
                yes: DecisionVerdict = "approve" if asked.question.kind == "approve" else "none"
                await self.decide(run.id, asked.path, origin, verdict=yes)
            return

    async def ask_for_budget(self, run_id: str, path: str, by: Origin) -> None:
        """Ask an admin in the thread for more budget, once."""
        run, asked = await self._open_to(run_id, path, by)
        if asked.decision is not None or run.status == "done":
            raise UserError("That is settled already.")
        balance = await self.engine.balances.tightest(run.payer, asked.question.amount_nusd)
        amount = format_usd(missing_nusd(asked.question, balance))
        name = (await self.profiles.person(by.user, run.workspace)).name
        how = f' `/agents budget grant {amount.lstrip("$")} "why"` in this channel adds it.'
        text = (
            f"{name} asks for {amount}, so that this request can be finished.{'' if run.channel_kind == 'dm' else how}"
        )
        owner = await self.profiles.owner(run.workspace)
        await self.cards.call(run, f"plea/{path}", CallView((owner,) if owner else (), text))

    async def budget_raised(self, workspace: str, channel: str) -> None:
        """Resume runs that can be paid after a budget change, in a channel or (empty) anywhere."""
        for asked in await self.engine.questions.undecided():
            run = await self.engine.store.get(asked.run_id) if asked.question.kind == "money" else None
            if run is not None and run.workspace == workspace and channel in ("", run.channel):
                await self.resume_funded(asked)

    async def resume_funded(self, asked: StoredQuestion) -> None:
        """Resume a run whose rest can be paid now, whatever changed that."""
        run = await self.engine.store.get(asked.run_id)
        if run is None:
            return
        try:
            await require_budget(self.engine.balances, run.payer, asked.question.amount_nusd)
        except InsufficientBudgetError:
            return
        await self.settle(run, asked, "run")

    async def expire(self, asked: StoredQuestion) -> None:
        """Apply the default decision after the deadline."""
        run = await self.engine.store.get(asked.run_id)
        if run is not None:
            await self.settle(run, asked, "expired")

    async def remind(self, asked: StoredQuestion, number: int) -> None:
        """Remind whoever may decide in the thread that a draft, or a tool, still waits."""
        run = await self.engine.store.get(asked.run_id)
        if run is None:
            return
        until = f" until {moment(asked.deadline_us, self.engine.zone)}" if asked.deadline_us else ""
        question, text = asked.question, _REMINDERS.get(asked.question.kind, _DRAFT_WAITS)
        if question.approve_by == "other" and question.kind != "form":
            text = _OTHER_WAITS
        view = CallView(await self._waited_for(run, question), text.format(until=until))
        await self.cards.call(run, f"remind/{asked.path}/{number}", view)

    async def _waited_for(self, run: RunRow, question: Question) -> tuple[Person, ...]:
        """Return whom a reminder calls: all who are named for it, the owners of the budget, else who asked."""
        if question.approve_by == "owner":
            owners = await self.access.owners(workspace=run.workspace, channel=run.channel)
            ids = sorted(owners) or await self.profiles.admin_ids(run.workspace)
        else:
            ids = [*(() if question.approve_by == "named" else (run.user,)), *question.approvers]
        known = dict.fromkeys(ids[:CALLED_MAX])
        return tuple([await self.profiles.person(user, run.workspace) for user in known])

    async def settle(self, run: RunRow, asked: StoredQuestion, verdict: DecisionVerdict) -> None:
        """Decide without a person, unless a person has."""
        ours = Decision(verdict=verdict, at_us=self.engine.clock.now_us())
        if await self.engine.questions.decide(run.id, asked.path, ours) == ours:
            await self._resume(run, asked, ours)

    async def _open_to(self, run_id: str, path: str, by: Origin) -> tuple[RunRow, StoredQuestion]:
        run, asked = await self._known(run_id, path, by)
        if not await self._may(run, asked.question, by.user):
            raise UserError(self._who(asked.question))
        return run, asked

    async def _known(self, run_id: str, path: str, by: Origin) -> tuple[RunRow, StoredQuestion]:
        """Return a question of the workspace: ids in a click are claims."""
        run = await self.engine.store.get(run_id)
        asked = await self.engine.questions.find(run_id, path)
        if run is None or asked is None or run.workspace != by.workspace:
            raise UserError(_UNKNOWN)
        return run, asked

    async def _may(self, run: RunRow, question: Question, user: str) -> bool:
        if question.kind in ACTIONS:
            return await self.approvers.may(user, run, question)
        return await self.access.may_decide(
            user, asker=run.user, workspace=run.workspace, channel=run.channel, approvers=question.approvers
        )

    @staticmethod
    def _who(question: Question) -> str:
        if question.kind in ACTIONS:
            return who_decides(question)
        approvers = ", the named approvers" if question.approvers else ""
        return f"Only the person who asked{approvers} and admins can decide that."
