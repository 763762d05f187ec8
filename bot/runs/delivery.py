"""Delivery of results and questions: once, by the owner of the run, and later by others what was left undelivered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.commands.origin import Origin
from bot.messages.notice_views import InviteView, NoticeView
from bot.runs.engine import Engine
from bot.runs.lease import LEASE_S, Lease
from bot.runs.outcome import RunOutcome
from bot.runs.presenter import PrivateNotifier, Rendered, RunPresenter
from bot.slack.errors import SlackError
from patterns.core.errors import RunLostError
from storage.database.statements import Statement
from storage.run_rows import RunRow

log = structlog.get_logger()

CLOSED = "closed"
"""One of a run's owed messages: root and progress message show how it ended."""
ENDS_LOOKED_FOR, LOOK_S = 60, 1.0
"""Looks at whether a run's end was told meanwhile, and the seconds between two."""
_PERMANENT = frozenset({"not_in_channel", "archived", "person_gone", "uninstalled", "missing_scope", "gone", "refused"})


def names_of(rendered: Rendered | None) -> list[str]:
    """Return the names of an outcome's messages; of a run that never began, only its queue message."""
    return [] if rendered is None else [*(f"answer/{number}" for number in range(len(rendered))), CLOSED]


@dataclass(frozen=True, slots=True)
class ResultDelivery:
    """Delivers through a presenter. `owner` names this process in leases, `wake` continues a run decided meanwhile."""

    engine: Engine
    presenter: RunPresenter
    notifier: PrivateNotifier
    lease: Lease
    owner: str
    wake: Callable[[str], Awaitable[None]]

    async def deliver(self, run: RunRow, outcome: RunOutcome, rendered: Rendered) -> None:
        """Post the outcome of a run we own; what fails stays owed."""
        try:
            async with self.lease.delivering(run) as ending:
                await self._deliver(run, outcome, rendered, ending)
        except RunLostError:
            log.info("run_delivered_elsewhere", run=run.id)
        except Exception:
            # The next sweep of owed messages tries again.
            log.exception("outcome_not_delivered", run=run.id)

    async def _deliver(
        self, run: RunRow, outcome: RunOutcome, rendered: Rendered | None, ending: list[Statement]
    ) -> None:
        outbox = self.presenter.outbox
        try:
            async with outbox.recalled(run.id):
                await self.presenter.finish(run, outcome, rendered)
                ending += outbox.closed(run.id, CLOSED, run.root_ts)
        except SlackError as error:
            log.warning("answer_not_delivered", run=run.id, kind=error.kind, code=error.code)
            if error.kind in _PERMANENT:
                for name in names_of(rendered if rendered is not None else await self.render(run, outcome)):
                    await outbox.mark_abandoned(run.id, name)
                await self.notify_person(run, NoticeView(f"I could not post your answer. {error}", tone="warning"))

    async def render(self, run: RunRow, outcome: RunOutcome) -> Rendered | None:
        """Return the messages of an outcome; None where nothing of the run was shown."""
        return await self.presenter.render(run, outcome) if await self.presenter.is_shown(run) else None

    async def ask(self, run: RunRow) -> None:
        """Show what a parked run waits for, or wake the run when there is nothing."""
        asked = await self.engine.questions.of_run(run.id)
        if all(one.decision is not None for one in asked):
            await self.wake(run.id)
            return
        try:
            await self.presenter.ask(run, asked)
        except SlackError as error:
            log.warning("question_not_posted", run=run.id, code=error.code)
            if error.kind not in _PERMANENT:
                return  # the next sweep of owed messages tries again
            await self.notify_person(
                run, NoticeView(f"Your request waits for a decision, but I could not ask. {error}")
            )

    async def ask_parked(self, run: RunRow) -> None:
        """Show what a run of ours waits for. If a person stopped it meanwhile, its messages show that in the end."""
        try:
            async with self.lease.delivering(run):
                await self.ask(run)
        except RunLostError:
            self.presenter.release(run)
            log.info("run_lost", run=run.id)
        await self._show_end(run.id)

    async def _show_end(self, run_id: str) -> None:
        """Edit the messages of a run once more if it is over: what we edited may have come after its end did."""
        for _ in range(ENDS_LOOKED_FOR):
            run = await self.engine.store.get(run_id)
            if run is None or run.status != "done" or await self.redeliver(run_id, anew=True):
                return
            await self.engine.clock.sleep(LOOK_S)  # whoever ended it still tells

    async def redeliver(self, run_id: str, *, anew: bool = False) -> bool:
        """Deliver the question or outcome that a dead owner left undelivered; return False when another process has it.

        `anew`: messages that show it already are edited once more.
        """
        try:
            run = await self.engine.store.claim_redelivery(run_id, owner=self.owner, lease_s=LEASE_S)
            if run is None:
                return False
            if run.status == "parked":
                await self.ask_parked(run)
                return True
            async with self.lease.delivering(run) as ending:
                if anew:
                    await self.presenter.outbox.forget_shown(run_id)
                kept = await self.engine.store.text(run_id, "result")
                if kept is not None:
                    await self._deliver(run, RunOutcome.model_validate_json(kept), None, ending)
        except RunLostError:
            log.info("run_delivered_elsewhere", run=run_id)
        except Exception:
            # The next sweep of owed messages tries again; other deliveries continue.
            log.exception("redelivery_failed", run=run_id)
        return True

    async def notify_person(self, run: RunRow, view: InviteView | NoticeView) -> None:
        """Tell the asker privately, where the thread cannot be reached."""
        origin = Origin(
            delivery_key="",
            workspace=run.workspace,
            channel=run.channel,
            user=run.user,
            response_url=run.options.get("response_url"),
        )
        try:
            await self.notifier.private(origin, view)
        except SlackError as error:
            log.warning("person_not_notified", run=run.id, code=error.code)
