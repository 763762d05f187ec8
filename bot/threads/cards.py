"""The cards of parked runs: a price to accept, a draft to decide on, budget to ask for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from bot.messages.card_views import BudgetQueueView, BudgetRequestView, ConfirmView, Needs, ReviewView
from bot.messages.decision_text import decided
from bot.messages.notice_views import CallView
from bot.messages.renderer import Renderer
from bot.messages.run_text import moment
from bot.messages.tool_text import approvers_words
from bot.messages.tool_views import FormCardView, OutcomeCardView, ToolCardView
from bot.messages.views import RunState, RunView, SlackMessage
from bot.people.profiles import ProfileLookup
from bot.people.tool_approvers import ACTIONS
from bot.runs.budget_gate import missing_nusd
from bot.runs.engine import CONFIRM_PATH, Engine
from bot.runs.tool_lines import looked_up
from bot.slack.workspaces import Slack
from bot.threads.edits import DECIDED, MessageEdits
from bot.threads.rendering import rendered
from bot.threads.run_views import RunViews
from patterns.core.forms import Form
from patterns.core.questions import Decision, Question
from patterns.core.tasks import run_to_completion
from patterns.tools.forms import fields_of, refusal
from storage.outbox import Outbox
from storage.questions import StoredQuestion
from storage.run_rows import RunRow

_THEN = {
    "approve": "Open until {until}; after that it ends without approval.",
    "feedback": "At {until} it continues by itself.",
    "money": "Open until {until}; after that the partial answer is final.",
    "tool": "Open until {until}; after that it counts as denied.",
    "outcome": "Open until {until}; after that the agent goes on without knowing.",
    "form": "Open until {until}; after that it is declined.",
    "line": "I wait until {until}; then the request ends.",
}


@dataclass(frozen=True, slots=True)
class Cards:
    """Posts questions as cards with buttons, and closes them when somebody has decided."""

    engine: Engine
    profiles: ProfileLookup
    renderer: Renderer
    views: RunViews
    slack: Slack
    outbox: Outbox
    edits: MessageEdits

    async def post(self, run: RunRow, path: str, question: Question) -> None:
        """Post a card, once; raise SlackError when that has to wait.

        Whoever loses the run meanwhile still finishes: a card that nobody closes would ask for ever.
        """
        await run_to_completion(self._post(run, path, question))

    async def _post(self, run: RunRow, path: str, question: Question) -> None:
        card = await self._card(run, path, question)
        await self._post_once(run, f"ask/{path}", card)
        asked = await self.engine.questions.find(run.id, path)
        if asked is not None and asked.decision is not None:
            # It was decided, by a reply or a stop, while the card was on its way.
            await self.close(run, path, question, asked.decision)

    async def close(self, run: RunRow, path: str, question: Question, decision: Decision) -> bool:
        """Show on the card who decided what, and when; see `MessageEdits.show`."""
        if await self.edits.is_current(run, f"ask/{path}", DECIDED):
            return True
        words = f"{await self.words(run, question, decision)}."
        if decision.verdict in ("approve", "edit"):
            question = question.model_copy(update={"draft": ""})
        card = await self._card(run, path, question, decided=words)
        return await self.edits.show(run, f"ask/{path}", card, shows=DECIDED)

    async def left(self, run: RunRow) -> tuple[RunRow | None, list[StoredQuestion]]:
        """Return what `settle` needs of a finished run: its row, and its questions."""
        return await asyncio.gather(self.engine.store.get(run.id), self.engine.questions.of_run(run.id))

    async def settle(self, run: RunRow, now: RunRow | None, questions: Sequence[StoredQuestion]) -> bool:
        """Close every card of a finished run: the process that took a decision may have died before showing it."""
        by = now.cancel_requested_by if now else None
        over = Decision(verdict="stop" if by else "none", user=by or "", at_us=self.engine.clock.now_us())
        are_shown = []
        for asked in questions:
            decision = asked.decision or await self.engine.questions.decide(run.id, asked.path, over)
            are_shown.append(await self.close(run, asked.path, asked.question, decision))
        return all(are_shown)

    async def words(self, run: RunRow, question: Question, decision: Decision) -> str:
        """Return a decision in words, with the name of the person."""
        name = (await self.profiles.person(decision.user, run.workspace)).name if decision.user else ""
        return decided(question, decision, name=name, zone=self.engine.zone)

    async def call(self, run: RunRow, name: str, view: CallView) -> None:
        """Mention a person who must act in the thread, once."""
        await self._post_once(run, name, self.renderer.message(view))

    async def card_ts(self, run: RunRow, path: str) -> str | None:
        """Return the ts of a posted card; None before."""
        return await self.outbox.find(run.id, f"ask/{path}")

    async def _post_once(self, run: RunRow, name: str, message: SlackMessage) -> None:
        out = self.slack.of(run.workspace)
        await out.post_once(run.id, name, channel=run.channel, message=message, thread_ts=run.thread_ts)

    async def _card(self, run: RunRow, path: str, question: Question, *, decided: str = "") -> SlackMessage:
        view = await self.views.view(run, RunState.WAITING)
        if path == CONFIRM_PATH:
            return await self._price(run, view, question, decided)
        if question.kind == "money":
            return await self._money(run, view, path, question, decided)
        if question.kind == "line":
            return await self._line(run, path, question, decided)
        if question.kind in ACTIONS:
            return await self._tool(run, view, path, question, decided)
        review = ReviewView(
            view,
            question.title,
            question.draft,
            question.verdict,
            question.round,
            deadline=await self._deadline(run, path, question),
            decided=decided,
            question=path,
            is_optional=question.kind == "feedback",
            has_approvers=bool(question.approvers),
        )
        return await rendered(len(question.draft), lambda: self.renderer.message(review))

    async def _price(self, run: RunRow, view: RunView, question: Question, decided: str) -> SlackMessage:
        default = self.engine.roster.router.default
        cheap = None if decided or question.title == default else await self.engine.quote_flow(run.payer, default)
        offered = cheap if cheap and cheap.told.worst_nusd < question.amount_nusd else None
        asked = replace(view, price=await self.engine.price_of(run), flow=question.title)
        return self.renderer.message(
            ConfirmView(asked, offered.title if offered else "", offered.price if offered else None, decided)
        )

    async def _money(self, run: RunRow, view: RunView, path: str, question: Question, decided: str) -> SlackMessage:
        payer = run.payer
        balance = await self.engine.balances.tightest(payer, question.amount_nusd)
        return self.renderer.message(
            BudgetRequestView(
                view,
                missing_nusd(question, balance),
                # Everybody in the channel reads a card, guests and people of other organisations among them.
                await self.profiles.view(payer, balance, with_workspace=False),
                owner=await self.profiles.owner(run.workspace),
                deadline=await self._deadline(run, path, question),
                decided=decided,
                question=path,
            )
        )

    async def _tool(self, run: RunRow, view: RunView, path: str, question: Question, decided: str) -> SlackMessage:
        """Return the card about calls of tools: may they be made, or was one made already."""
        who = await self._who(run, question)
        deadline = "" if decided else await self._deadline(run, path, question)
        if question.kind == "form":
            return self.renderer.message(form_card(view, path, question, who=who, deadline=deadline, decided=decided))
        if question.kind == "outcome":
            call = question.calls[0]
            return self.renderer.message(OutcomeCardView(view, call, who, deadline, decided=decided, question=path))
        journal = [] if decided else await self.engine.journal.steps(run.id)
        card = ToolCardView(
            view,
            question.calls,
            who,
            deadline,
            decided,
            question=path,
            may_stand=run.channel_kind == "channel",
            looked_up=looked_up(journal, path, self.engine.roster.tools),
        )
        return self.renderer.message(card)

    async def _who(self, run: RunRow, question: Question) -> str:
        """Return who may decide about a tool, by name: nobody needs to be called who may already see it."""
        names = await self.profiles.names(question.approvers, run.workspace)
        asker = (await self.profiles.person(run.user, run.workspace)).name
        if question.kind == "form":
            return f"{asker} answers that, or whoever may approve the tool."
        return approvers_words(question.approve_by, asker=asker, names=names)

    async def _line(self, run: RunRow, path: str, question: Question, decided: str) -> SlackMessage:
        """Return what a queued run waits for; its root message has the stop button."""
        payer = run.payer
        tightest = await self.engine.balances.tightest(payer, question.amount_nusd)
        balance = await self.profiles.view(payer, tightest, with_workspace=False)
        until = "" if decided else await self._deadline(run, path, question)
        needs = Needs(await self.engine.price_of(run), question.amount_nusd)
        return self.renderer.message(BudgetQueueView(needs, balance, deadline=until, decided=decided))

    async def _deadline(self, run: RunRow, path: str, question: Question) -> str:
        """Return the deadline of a question and what happens then."""
        asked = await self.engine.questions.find(run.id, path)
        if asked is None or asked.deadline_us is None:
            return ""
        return _THEN[question.kind].format(until=moment(asked.deadline_us, self.engine.zone))


def form_card(view: RunView, path: str, question: Question, *, who: str, deadline: str, decided: str) -> FormCardView:
    """Return the card of a server that asks something; once it is decided, its draft may be gone."""
    form = Form.model_validate_json(question.draft)
    return FormCardView(
        view,
        question.title,
        form.message,
        () if refusal(form) else tuple(field.label for field in fields_of(form)),
        form.url,
        urlsplit(form.url).hostname or "",
        who,
        deadline,
        decided,
        question=path,
    )
