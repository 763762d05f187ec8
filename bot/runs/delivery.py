"""Tells how runs ended and what they ask: once, by whoever holds the run, and later by others what was left unsaid."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.commands.origin import Origin
from bot.messages.notice_views import InviteView, NoticeView
from bot.runs.engine import Engine
from bot.runs.lease import LEASE_S, Lease
from bot.runs.outcome import RunOutcome
from bot.runs.presenter import PrivateNotifier, RunPresenter
from bot.slack.errors import SlackError
from patterns.core.errors import RunLostError
from storage.run_rows import RunRow

log = structlog.get_logger()

CLOSED = "closed"
"""Among the messages owed of a run: its root and its progress say how it ended."""
_HOPELESS = frozenset({"not_in_channel", "archived", "person_gone", "uninstalled", "missing_scope", "gone", "refused"})


@dataclass(frozen=True, slots=True)
class ResultDelivery:
    """Tells on a stage. `owner` names this process in leases, `wake` goes on with a run that was decided meanwhile."""

    engine: Engine
    stage: RunPresenter
    say: PrivateNotifier
    lease: Lease
    owner: str
    wake: Callable[[str], Awaitable[None]]

    async def tell_ending(self, run: RunRow, ending: RunOutcome) -> None:
        """Post how a run of ours ended; what fails stays owed."""
        try:
            async with self.lease.telling(run):
                await self._deliver(run, ending)
        except RunLostError:
            log.info("run is told by somebody else", run=run.id)
        except Exception:
            # The next look at what is owed tries again.
            log.exception("ending not told", run=run.id)

    async def _deliver(self, run: RunRow, ending: RunOutcome) -> None:
        try:
            await self.stage.finish(run, ending)
        except SlackError as error:
            log.warning("answer not delivered", run=run.id, kind=error.kind, code=error.code)
            if error.kind in _HOPELESS:
                for name in await self.names(run, ending):
                    await self.stage.outbox.abandon(run.id, name)
                await self.tell_person(run, NoticeView(f"I could not post your answer. {error}", tone="warning"))
        else:
            await self.stage.outbox.posted(run.id, CLOSED, run.root_ts)

    async def names(self, run: RunRow, ending: RunOutcome) -> list[str]:
        """The messages that tell an ending; of a run that never began, only the line that it waited in."""
        if not await self.stage.is_shown(run):
            return []
        return [*(f"answer/{number}" for number in range(await self.stage.count(run, ending))), CLOSED]

    async def ask(self, run: RunRow) -> None:
        """Show a parked run's question, or wake the run when it was decided in the meantime."""
        pending = await self.engine.questions.pending(run.id)
        if pending is None:
            await self.wake(run.id)
            return
        try:
            await self.stage.ask(run, pending.path, pending.question)
        except SlackError as error:
            log.warning("question not posted", run=run.id, code=error.code)
            if error.kind not in _HOPELESS:
                return  # the next look at what is owed tries again
            await self.tell_person(run, NoticeView(f"Your request waits for a decision, but I could not ask. {error}"))

    async def redeliver(self, run_id: str) -> None:
        """Ask or post what an owner that is gone left unsaid."""
        try:
            run = await self.engine.store.claim_telling(run_id, owner=self.owner, lease_s=LEASE_S)
            if run is None:
                return
            async with self.lease.telling(run):
                kept = await self.engine.store.text(run_id, "result")
                if run.status == "parked":
                    await self.ask(run)
                elif kept is not None:
                    await self._deliver(run, RunOutcome.model_validate_json(kept))
        except RunLostError:
            log.info("run is told by somebody else", run=run_id)
        except Exception:
            # The next look at what is owed tries again, and what is told at the same time goes on.
            log.exception("owed words not told", run=run_id)

    async def tell_person(self, run: RunRow, view: InviteView | NoticeView) -> None:
        """Say something privately to whoever asked, where the thread cannot be had."""
        origin = Origin(
            delivery_key="",
            workspace=run.workspace,
            channel=run.channel,
            user=run.user,
            response_url=run.options.get("response_url"),
        )
        try:
            await self.say.private(origin, view)
        except SlackError as error:
            log.warning("person not told", run=run.id, code=error.code)
