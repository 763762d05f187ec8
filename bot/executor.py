"""Executes an owned run to its end, to a question or to somebody else, and sees that its ending is told once."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

import structlog

from bot.dispatch import Dispatcher
from bot.ending import Ending
from bot.engine import Engine, NotStartedError
from bot.requests import Origin, Say
from bot.slack_errors import SlackError
from bot.views import InviteView, NoticeView
from patterns.errors import ParkedError, RunLostError
from patterns.events import PatternResult, StopReason
from patterns.ports import EventSink, Question
from storage.outbox import Outbox
from storage.runs import RunRow

log = structlog.get_logger()

LEASE_S = 30.0
HEARTBEAT_S = 5.0
_HOPELESS = frozenset({"not_in_channel", "archived", "person_gone", "missing_scope", "gone", "refused"})


class Stage(Protocol):
    """Where a run shows itself: `bot.delivery` for threads of Slack, `bot.terminal` for a shell."""

    @property
    def board(self) -> EventSink:
        """Who hears what happens in the run."""
        ...

    @property
    def outbox(self) -> Outbox:
        """The names of the messages that tell its ending."""
        ...

    async def begin(self, run: RunRow) -> RunRow:
        """Show that it works. Returns the run with its place; SlackError when there is none."""
        ...

    async def ask(self, run: RunRow, path: str, question: Question) -> None:
        """Show what it waits for."""
        ...

    async def count(self, run: RunRow, ending: Ending) -> int:
        """How many messages its ending takes."""
        ...

    async def finish(self, run: RunRow, ending: Ending) -> None:
        """Post what is still owed of its ending; SlackError when that has to wait."""
        ...


S = TypeVar("S", bound=Stage)


@dataclass
class Executor(Generic[S]):
    """What the dispatcher runs. `owner` names this process in leases."""

    engine: Engine
    delivery: S
    say: Say
    owner: str
    _stops: dict[str, asyncio.Event] = field(default_factory=dict)
    _dispatcher: Dispatcher | None = None

    def dispatch_with(self, dispatcher: Dispatcher) -> None:
        """Name who executes; it needs `execute`, so it comes later."""
        self._dispatcher = dispatcher

    async def submit(self, run_id: str) -> None:
        """Have the run executed soon."""
        if self._dispatcher is not None:
            await self._dispatcher.submit(run_id)

    async def wake(self, run_id: str) -> None:
        """A parked run has something to go on with."""
        await self.engine.store.wake(run_id)
        await self.submit(run_id)

    async def stop(self, run: RunRow, *, by: str) -> None:
        """End the run within a moment, wherever it is executed."""
        await self.engine.store.request_cancel(run.id, by=by)
        local = self._stops.get(run.id)
        if local is not None:
            local.set()
        await self.wake(run.id)

    async def execute(self, run_id: str) -> None:
        """Own the run and take it as far as it goes: to its end, to a question, or to somebody else."""
        run = await self.engine.store.claim(run_id, owner=self.owner, lease_s=LEASE_S)
        if run is None:
            return
        started_s = self.engine.clock.monotonic()
        stop = self._stops.setdefault(run_id, asyncio.Event())
        if run.cancel_requested_by:
            stop.set()
        try:
            outcome = await self._until_stopped(run, stop, started_s)
            await self._conclude(self._clocked(run, started_s), outcome)
        except RunLostError:
            log.info("run is somebody else's", run=run_id)
        except asyncio.CancelledError:
            await self.engine.store.let_go(run.fence, executed_ms=self._clocked(run, started_s).executed_ms)
            raise
        finally:
            self._stops.pop(run_id, None)

    async def _until_stopped(self, run: RunRow, stop: asyncio.Event, started_s: float) -> "Ending | ParkedError":
        """The outcome of the work, or a stop within a moment of somebody asking for it."""
        work = asyncio.create_task(self._work(run), name=f"work {run.id}")
        watch = asyncio.create_task(self._watch(run, stop, started_s), name=f"watch {run.id}")
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watch.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
        if not work.cancelled():
            return work.result()
        if watch.done() and not watch.cancelled():
            watch.result()  # raises when the run was lost
        return Ending(result=PatternResult(output="", stop_reason=StopReason.CANCELLED))

    async def _watch(self, run: RunRow, stop: asyncio.Event, started_s: float) -> None:
        """Keep the lease until somebody here, or in another process, asks to stop."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await stop.wait()
            except TimeoutError:
                executed_ms = self._clocked(run, started_s).executed_ms
                if await self.engine.store.renew(run.fence, lease_s=LEASE_S, executed_ms=executed_ms):
                    return

    async def _work(self, run: RunRow) -> "Ending | ParkedError":
        try:
            placed = await self.delivery.begin(run)
        except SlackError as error:
            return await self._nowhere(run, error)
        try:
            return Ending(result=await self.engine.carry_out(placed, self.delivery.board))
        except ParkedError as error:
            return error
        except NotStartedError as error:
            result = PatternResult(output="", stop_reason=StopReason.BUDGET)
            return Ending(result=result, needed_nusd=max(1, error.needed_nusd))
        except RunLostError:
            raise
        except Exception:
            log.exception("run failed", run=run.id)
            note = f"Something went wrong on my side. An admin finds it in the log under {run.id}."
            return Ending(result=PatternResult(output="", stop_reason=StopReason.FAILED, notes=(note,)))

    async def _nowhere(self, run: RunRow, error: SlackError) -> Ending:
        """We cannot post where the request was made: say so to the person, nothing was spent."""
        log.warning("no place to post", run=run.id, code=error.code)
        key = run.options.get("delivery_key", "")
        view = InviteView(key=key) if error.kind == "not_in_channel" and key else NoticeView(str(error), tone="warning")
        await self._tell(run, view)
        return Ending(result=PatternResult(output="", stop_reason=StopReason.FAILED, notes=(str(error),)))

    async def _conclude(self, run: RunRow, outcome: "Ending | ParkedError") -> None:
        if isinstance(outcome, ParkedError):
            await self._park(run)
            return
        run = await self._fresh(run)
        names = [f"answer/{number}" for number in range(await self.delivery.count(run, outcome))] if run.root_ts else []
        waiting = await self.engine.store.finish(
            run,
            stop_reason=outcome.result.stop_reason.value,
            result_json=outcome.model_dump_json(),
            cost_nusd=sum(row["cost_nusd"] for row in await self.engine.store.money(run.id)),
            executed_ms=run.executed_ms,
            intents=names,
        )
        for name in names:
            self.delivery.outbox.wrote(run.id, name)
        log.info("run ended", run=run.id, stop_reason=outcome.result.stop_reason.value, executed_ms=run.executed_ms)
        if waiting:
            await self.submit(waiting)
        if run.root_ts:
            await self._deliver(run, outcome)

    async def _deliver(self, run: RunRow, ending: Ending) -> None:
        try:
            await self.delivery.finish(run, ending)
        except SlackError as error:
            log.warning("answer not delivered", run=run.id, kind=error.kind, code=error.code)
            if error.kind in _HOPELESS:
                for number in range(await self.delivery.count(run, ending)):
                    await self.delivery.outbox.abandon(run.id, f"answer/{number}")
                await self._tell(run, NoticeView(f"I could not post your answer. {error}", tone="warning"))

    async def _park(self, run: RunRow) -> None:
        run = await self._fresh(run)
        await self.engine.store.park(run.fence, executed_ms=run.executed_ms)
        await self._ask(run)

    async def _ask(self, run: RunRow) -> None:
        """Show a parked run's question, or wake the run when it was decided in the meantime."""
        pending = await self.engine.questions.pending(run.id)
        if pending is None:
            await self.wake(run.id)
            return
        try:
            await self.delivery.ask(run, *pending)
        except SlackError as error:
            log.warning("question not posted", run=run.id, code=error.code)
            await self._tell(run, NoticeView(f"Your request waits for a decision, but I could not ask. {error}"))

    async def resume(self) -> None:
        """Go on with what an earlier process left: open runs, questions and answers that never reached their thread.

        Only the holder of the bot's role may call this: every lease of a Slack run is a dead process's.
        """
        await self.engine.store.break_leases()
        for run_id in await self.engine.store.open_ids():
            await self.submit(run_id)
        for run in await self.engine.store.parked():
            await self._ask(run)
        await self.redeliver()

    async def redeliver(self) -> None:
        """Post what is still owed of finished runs."""
        for run_id in await self.engine.store.undelivered_ids():
            run, kept = await self.engine.store.get(run_id), await self.engine.store.text(run_id, "result")
            if run is not None and kept is not None:
                await self._deliver(run, Ending.model_validate_json(kept))

    async def _tell(self, run: RunRow, view: InviteView | NoticeView) -> None:
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

    def _clocked(self, run: RunRow, started_s: float) -> RunRow:
        """The run with its executing time up to now."""
        return replace(run, executed_ms=run.executed_ms + int((self.engine.clock.monotonic() - started_s) * 1000))

    async def _fresh(self, run: RunRow) -> RunRow:
        """The row as it is now, with the executing time of ours."""
        now = await self.engine.store.get(run.id)
        return replace(now, executed_ms=run.executed_ms) if now else run
