"""Show a run in its thread: a root where nothing else shows the request, and a plan that gives way to the answer."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog

from bot.messages.card_views import Needs
from bot.messages.renderer import Renderer
from bot.messages.views import AnswerView, ProgressView, RunState, RunView, SlackMessage
from bot.people.channel_rules import RulesStore
from bot.people.profiles import ProfileLookup
from bot.runs.budget_gate import missing_nusd
from bot.runs.delivery import CLOSED
from bot.runs.engine import Engine
from bot.runs.outcome import RunOutcome
from bot.runs.presenter import Rendered
from bot.slack.errors import SlackError
from bot.slack.permalinks import permalink
from bot.slack.workspaces import Slack
from bot.threads.answer_place import AnswerPlace
from bot.threads.attachments import AttachmentCollector
from bot.threads.cards import Cards
from bot.threads.edits import ENDED, PROGRESS, QUEUED, ROOT, MessageEdits, waiting_for
from bot.threads.first_messages import FirstMessages
from bot.threads.partial_answers import PartialAnswers
from bot.threads.progress import ProgressBoard
from bot.threads.rendering import rendered
from bot.threads.run_views import RunViews
from bot.threads.streaming import AnswerStreams
from patterns.core.events import PatternResult, StopReason
from patterns.core.questions import Question
from patterns.core.tasks import run_to_completion
from storage.outbox import Outbox
from storage.questions import StoredQuestion
from storage.run_rows import RunRow

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OutcomeMessages:
    """An outcome rendered once: to record the names of its messages, and to post them."""

    answer: AnswerView
    messages: tuple[SlackMessage, ...]

    def __len__(self) -> int:
        return len(self.messages)


@dataclass(frozen=True, slots=True)
class SlackThreadPresenter:
    """The `RunPresenter` of Slack threads."""

    engine: Engine
    slack: Slack
    outbox: Outbox
    renderer: Renderer
    progress: ProgressBoard
    profiles: ProfileLookup
    attachments: AttachmentCollector
    views: RunViews
    cards: Cards
    edits: MessageEdits
    first: FirstMessages
    partials: PartialAnswers
    answers: AnswerPlace
    rules: RulesStore
    streams: AnswerStreams

    def may_stream(self, run: RunRow) -> bool:
        """Return True in direct messages, where the workspace supports streaming."""
        return self.streams.may(run)

    async def begin(self, run: RunRow) -> RunRow:
        """Post root and plan, or continue those of an earlier attempt.

        Raises:
            SlackError: there is no place to post.
        """
        async with self.outbox.recalled(run.id):
            # Asked together, they are one trip to the database.
            view, open_progress = await asyncio.gather(self.views.view(run, RunState.RUNNING), self._progress_of(run))
            # A stop may come meanwhile: a message that nobody knows of would say for ever that we are working.
            run, plan_ts = await run_to_completion(self.first.open(run, view))
            came = await self.attachments.gather(run)
            view = replace(view, material=came.read_words, left_out=" ".join(came.left_out))
            if run.epoch > 1:  # an earlier owner may have left another state in it
                await self.outbox.mark_shown(run.id, PROGRESS, "")
            open_progress(run, view, plan_ts)
        self.streams.open(run)
        await self.streams.session(run, "processing", title=view.request)
        return run

    async def queued(self, run: RunRow) -> None:
        """Say in the thread which place in line the request has; its turn makes the plan of this message."""
        await self.first.queued(run)

    def release(self, run: RunRow) -> None:
        """Stop showing a run that continues elsewhere."""
        self.progress.drop(run.id)

    async def is_shown(self, run: RunRow) -> bool:
        """Return whether any message shows the run, perhaps one whose post was not recorded before a crash."""
        return bool(run.root_ts) or any([await self.outbox.exists(run.id, name) for name in (ROOT, PROGRESS, QUEUED)])

    async def is_message_of(self, run: RunRow, ts: str) -> bool:
        """Return True when the message is one of the run's: its root, its progress, a card that waits for somebody."""
        return ts == run.root_ts or await self.outbox.has_posted(run.id, ts)

    async def link(self, run: RunRow, name: str = "") -> str:
        """Return the permalink of a named message of the run, else of its root; empty where Slack does not say."""
        ts = await self.outbox.find(run.id, name) if name else None
        return await permalink(self.slack.of(run.workspace), channel=run.channel, ts=ts or run.root_ts)

    async def _progress_of(self, run: RunRow) -> Callable[[RunRow, RunView, str], None]:
        """Return what opens the progress of a run, from its row with its place, its view and the message's ts."""
        rules, journal = await asyncio.gather(
            self.rules.rules(workspace=run.workspace, channel=run.channel), self.engine.journal.steps(run.id)
        )

        def open_progress(run: RunRow, view: RunView, progress_ts: str) -> None:
            shown_at = progress_ts

            async def edit(progress: ProgressView) -> bool:
                nonlocal shown_at
                slack, is_running = self.slack.of(run.workspace), progress.run.state is RunState.RUNNING
                if not shown_at:
                    # Only a plan that can still become something is worth a message of its own.
                    is_wanted = is_running and not rules.quiet
                    if is_wanted and not slack.is_crowded(run.channel):
                        shown_at = await self.first.post_plan(run, progress)
                    return bool(shown_at) or not is_wanted
                render = partial(self.renderer.message, progress)
                if not is_running:
                    await slack.update(channel=run.channel, ts=shown_at, message=render())
                    return True
                # Progress edits may be skipped under load; outcomes may not.
                return rules.quiet or await slack.update_if_room(channel=run.channel, ts=shown_at, render=render)

            self.progress.open(view, edit, journal=journal)

        return open_progress

    async def _close_progress(self, run: RunRow, view: RunView, *, shows: str) -> bool:
        """Show the run's state in its progress message, even when another process posted it."""
        if self.progress.view(run.id) is None:
            ts, shown = await self.outbox.last_shown(run.id, PROGRESS)
            if ts is None or shown == shows:
                return True
            (await self._progress_of(run))(run, view, ts)
        is_shown = await self.progress.close(run.id, view)
        if is_shown:
            await self.outbox.mark_shown(run.id, PROGRESS, shows)
        return is_shown

    async def ask(self, run: RunRow, asked: Sequence[StoredQuestion]) -> None:
        """Show the questions a parked run waits for, and on the cards of others that they are decided.

        Raises:
            SlackError: the rest is owed until the next try.
        """
        waiting = [one for one in asked if one.decision is None]
        in_line = all(one.question.kind == "line" for one in waiting)
        await self._suspend(run, waiting[0].path, RunState.QUEUED if in_line else RunState.WAITING)
        for one in asked:
            if one.decision is not None:
                await self.cards.close(run, one.path, one.question, one.decision)
        for one in waiting:
            if one.question.kind == "money":
                await self._post_partial(run, one.path, one.question)
            await self.cards.post(run, one.path, one.question)

    async def _suspend(self, run: RunRow, path: str, state: RunState) -> None:
        """Show in every message above the card that the run waits."""
        await self.streams.close(run.id)
        await self.streams.discard(run)
        view = await self.views.view(run, state)
        is_told = await self.edits.is_current(run, PROGRESS, waiting_for(path))
        are_shown = [await self._close_progress(run, view, shows=waiting_for(path))]
        if not is_told:
            await self.streams.session(run, "suspended")
        are_shown.append(await self.edits.show(run, ROOT, self.renderer.message(view), shows=waiting_for(path)))
        if not all(are_shown):
            raise SlackError("unreachable", code="not_suspended", method="chat.update")

    async def _post_partial(self, run: RunRow, path: str, question: Question) -> None:
        result = PatternResult.model_validate_json(question.draft)
        missing = missing_nusd(question, await self.engine.balances.tightest(run.payer, question.amount_nusd))
        # Its card has the buttons.
        answer = replace(await self.views.answer(run, RunOutcome(result=result)), grant_nusd=missing, remedies=())
        await self.partials.post(run, path, answer)

    async def finish(self, run: RunRow, outcome: RunOutcome, rendered: Rendered | None = None) -> None:
        """Post what is still owed of a finished run; idempotent.

        Raises:
            SlackError: the rest is owed until the next try.
        """
        # Asked together, they are one trip to the database.
        _, is_withdrawn, cards = await asyncio.gather(
            self._settle_posts(run), self.answers.is_withdrawn(run), self.cards.left(run)
        )
        known = rendered if isinstance(rendered, OutcomeMessages) else None
        answer = known.answer if known else await self.views.answer(run, outcome)
        if not run.root_ts:
            left = {
                QUEUED: self.first.stopped_in_line(run),
                ROOT: self.renderer.message(answer.run),
                PROGRESS: self.renderer.message(ProgressView(answer.run)),
            }
            for name, message in left.items():
                if (ts := await self.outbox.find(run.id, name)) is not None:
                    await self.slack.of(run.workspace).update(channel=run.channel, ts=ts, message=message)
            return
        await self.streams.close(run.id)
        await self.progress.freeze(run.id)
        streamed = 0
        if is_withdrawn:
            await self.answers.drop(run)
        else:
            messages = known.messages if known else await self._outcome_messages(run, outcome, answer)
            streamed = await self.answers.post(run, messages, outcome.result.output)
        await self.streams.discard(run, first=streamed)
        if outcome.result.output.strip() and not await self._is_above(run, outcome):
            await self.partials.fold(run)
        await self.streams.session(run, "active")
        root = self.renderer.message(answer.run)
        are_shown = await asyncio.gather(self.cards.settle(run, *cards), self._remove_plan(run))
        if not (await self.edits.show(run, ROOT, root, shows=ENDED) and all(are_shown)):
            raise SlackError("unreachable", code="not_closed", method="chat.update")

    async def withdraw(self, run: RunRow) -> None:
        """Deliver nothing more of a run whose request its author deleted."""
        await self.answers.withdraw(run)

    async def _remove_plan(self, run: RunRow) -> bool:
        """Delete the plan, unless it has become the answer; return False when Slack is out of reach."""
        found = (self.outbox.find(run.id, name) for name in (PROGRESS, QUEUED, "answer/0"))
        plan_ts, line_ts, answer_ts = await asyncio.gather(*found)
        are_gone = [
            await self.edits.remove(run, name)
            for name, ts in ((PROGRESS, plan_ts), (QUEUED, line_ts if line_ts != plan_ts else None))
            if ts not in (None, answer_ts)
        ]
        return all(are_gone)

    async def _settle_posts(self, run: RunRow) -> None:
        """Settle interrupted posts of a run that was stopped or whose process died, except its outcome."""
        for name in await self.outbox.unposted_names(run.id):
            if name != CLOSED and not name.startswith("answer/"):
                await self.slack.of(run.workspace).find_or_abandon(
                    run.id, name, channel=run.channel, thread_ts=run.thread_ts or None
                )

    async def _is_above(self, run: RunRow, outcome: RunOutcome) -> bool:
        """Return True when a partial answer turned out to be the final one."""
        is_partial = outcome.result.stop_reason is StopReason.BUDGET
        return is_partial and await self.partials.is_posted(run, outcome.result.output)

    async def render(self, run: RunRow, outcome: RunOutcome) -> Rendered:
        """Return the messages of the outcome: their names are recorded before the first is posted."""
        is_withdrawn, answer = await asyncio.gather(self.answers.is_withdrawn(run), self.views.answer(run, outcome))
        if is_withdrawn or not run.root_ts:
            return ()
        return OutcomeMessages(answer, await self._outcome_messages(run, outcome, answer))

    async def _outcome_messages(self, run: RunRow, outcome: RunOutcome, answer: AnswerView) -> tuple[SlackMessage, ...]:
        if not outcome.needed_nusd:
            shown = replace(answer, is_above=await self._is_above(run, outcome))
            return await rendered(len(outcome.result.output), lambda: self.renderer.answer(shown))
        balance = await self.engine.balances.tightest(run.payer, outcome.needed_nusd)
        needs = Needs(await self.engine.price_of(run), outcome.needed_nusd)
        refusal = await self.profiles.refusal(run.payer, balance, needs=needs, run_id=run.id)
        return (self.renderer.message(refusal),)
