"""Execute an owned run to its end, to a question or to another owner, and have its outcome delivered once."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Any, Generic, TypeVar

import structlog

from bot.messages.notice_views import InviteView, NoticeView
from bot.messages.run_text import unknown_acts
from bot.runs.budget_gate import InsufficientBudgetError
from bot.runs.delivery import ResultDelivery, names_of
from bot.runs.dispatcher import Dispatcher
from bot.runs.engine import Engine
from bot.runs.lease import LEASE_S, Lease
from bot.runs.outcome import RunOutcome
from bot.runs.postponed import POSTPONED_S, PostponedError, is_worth_waiting
from bot.runs.presenter import PrivateNotifier, RunPresenter
from bot.runs.stopwatch import Stopwatch
from bot.slack.errors import SlackError
from bot.telemetry.operations import RunExecution
from patterns.core.errors import CancelledRunError, ParkedError, RunLostError, StorageError
from patterns.core.events import PatternResult, StopReason
from patterns.core.reasons import Reason
from patterns.tools.sources import offered_tools
from storage.database.database import ConstraintError
from storage.execution.session import RunSession
from storage.run_rows import Lane, RunRow

log = structlog.get_logger()

REDELIVERED_AT_ONCE = 8
"""How many undelivered questions or outcomes of dead owners are redelivered at a time: all at once would share Slack's
rate limit, and another crash would leave all of them half delivered."""
_STOPPED = RunOutcome(result=PatternResult(output="", stop_reason=StopReason.CANCELLED))


S = TypeVar("S", bound=RunPresenter)


class Executor(Generic[S]):
    """Executes runs for the dispatcher. `owner` names this process in leases."""

    def __init__(self, engine: Engine, presenter: S, notifier: PrivateNotifier, *, owner: str) -> None:
        self.engine = engine
        self.presenter = presenter
        self.owner = owner
        self.lease = Lease(engine.store, engine.clock)
        self._delivery = ResultDelivery(engine, presenter, notifier, self.lease, owner, self.wake)
        self._stops: dict[str, asyncio.Future[None]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._dispatcher: Dispatcher | None = None
        self._on_budget_released: Callable[[], Awaitable[None]] | None = None

    def set_dispatcher(self, dispatcher: Dispatcher) -> None:
        """Set the dispatcher; it needs `execute` itself, so it is set after construction."""
        self._dispatcher = dispatcher

    def on_budget_released(self, call: Callable[[], Awaitable[None]]) -> None:
        """Set the callback for when a run has released its budget."""
        self._on_budget_released = call

    async def submit(self, run_id: str, lane: Lane | None = None) -> None:
        """Have the run executed when its turn in its lane has come."""
        if self._dispatcher is not None:
            await self._dispatcher.submit(run_id, lane)

    async def ahead(self, run_id: str) -> int | None:
        """Return how many requests of the same person come before this one; None when it waits for no slot."""
        return await self._dispatcher.ahead(run_id) if self._dispatcher is not None else None

    async def wake(self, run_id: str) -> None:
        """Resume a parked run that has something to continue with."""
        await self.submit(run_id, await self.engine.store.unpark(run_id))

    async def stop(self, run: RunRow, *, by: str) -> None:
        """Stop the run promptly, wherever it is executed."""
        await self.engine.store.request_cancel(run.id, by=by)
        if self.stop_here(run.id):
            await self.wake(run.id)
            return
        if self._dispatcher is not None:
            await self._dispatcher.cancel(run.id)
        await self.engine.store.unpark(run.id)
        await self.execute(run.id)  # ending it needs neither its thread's turn nor a free slot

    def stop_here(self, run_id: str) -> bool:
        """Stop the run promptly; return False when it is not executed in this process."""
        stop = self._stops.get(run_id)
        if stop is not None and not stop.done():
            stop.set_result(None)
        return stop is not None

    async def execute(self, run_id: str) -> None:
        """Claim the run and take it as far as it goes: to its end, to a question, or to another owner."""
        await self.engine.client.warm()
        session = await self.engine.sessions.claim(run_id, owner=self.owner, lease_s=LEASE_S)
        if session is None:
            return
        run = session.run
        watch = Stopwatch(self.engine.clock)
        stop = self._stops.setdefault(run_id, asyncio.get_running_loop().create_future())
        if run.cancel_requested_by:
            self.stop_here(run_id)
        seen = RunExecution(run, self._waited_s(run))
        try:
            with self.engine.telemetry.observers.observe(seen):
                outcome = await self._until_stopped(session, stop, watch, seen)
                seen.tell(outcome if isinstance(outcome, ParkedError) else outcome.result)
                await self._conclude(session, await self._current(session, watch, seen.run), outcome)
        except RunLostError:
            self.presenter.release(run)
            log.info("run_lost", run=run_id)
        except PostponedError as error:
            self.presenter.release(run)
            # Its lease keeps everybody from trying again at once; nothing was spent.
            await self.engine.store.renew_all([(run.fence, run.executed_ms)], lease_s=POSTPONED_S)
            log.warning("run_postponed", run=run_id, code=error.code)
        except StorageError as error:
            self.presenter.release(run)
            # Its lease expires, and the next process that reaches the database resumes it from the journal.
            log.warning("run_released", run=run_id, reason=str(error))
        except asyncio.CancelledError:
            self.presenter.release(run)
            await self.engine.store.release(run.fence, executed_ms=watch.clocked(run).executed_ms)
            raise
        finally:
            session.close()
            self._stops.pop(run_id, None)

    def _waited_s(self, run: RunRow) -> float | None:
        """Return how many seconds a request waited until it began now; None when it had begun before."""
        return (self.engine.clock.now_us() - run.created_us) / 1e6 if run.epoch == 1 else None

    async def _until_stopped(
        self, session: RunSession, stop: "asyncio.Future[None]", watch: Stopwatch, seen: RunExecution
    ) -> "RunOutcome | ParkedError":
        """Return the outcome of the work, or of a stop soon after it was requested."""
        run = session.run
        if stop.done() and not run.root_ts:
            return _STOPPED
        with self.lease.renewed(run, lambda: watch.clocked(run).executed_ms) as over:
            work = asyncio.create_task(self._work(session, watch, seen), name=f"work {run.id}")
            ends: set[asyncio.Future[Any]] = {work, over, stop}
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not work.done():
                    work.cancel()
                    await asyncio.wait({work})
            if not work.cancelled():
                return work.result()
            if over.done():
                over.result()  # raises when the run was lost
            return _STOPPED

    async def _work(self, session: RunSession, watch: Stopwatch, seen: RunExecution) -> "RunOutcome | ParkedError":
        run = session.run
        try:
            placed = await self.presenter.begin(run)
        except SlackError as error:
            return await self._not_postable(run, error)
        seen.run = placed
        may_stream = self.presenter.may_stream(run)
        try:
            async with self._turn(run.id):
                watch.start()
                result = await self.engine.execute(session, placed, self.presenter.progress, may_stream=may_stream)
            return RunOutcome(result=result)
        except ParkedError as error:
            return error
        except InsufficientBudgetError as error:
            result = PatternResult(output="", stop_reason=StopReason.BUDGET)
            return RunOutcome(result=result, needed_nusd=max(1, error.needed_nusd))
        except RunLostError:
            raise
        except CancelledRunError:  # another process asked, and the ledger noticed before our watch did
            return _STOPPED
        except Exception as error:
            if isinstance(error, StorageError) and not isinstance(error, ConstraintError):
                raise  # the database is away, which is no reason to end a run
            log.exception("run_failed", run=run.id)
            note = f"{Reason.INTERNAL.clause().capitalize()}."
            return RunOutcome(result=PatternResult(output="", stop_reason=StopReason.FAILED, notes=(note,)))

    def _turn(self, run_id: str) -> AbstractAsyncContextManager[None]:
        """Return what waits for a slot and holds it: from the first message on, not while Slack lets us wait for it."""
        return self._dispatcher.turn(run_id) if self._dispatcher is not None else nullcontext()

    async def _not_postable(self, run: RunRow, error: SlackError) -> RunOutcome:
        """Tell the person that we cannot post in their conversation; return the outcome: nothing was spent.

        Raises:
            PostponedError: nobody can be told now, so the run begins later.
        """
        if is_worth_waiting(run, error, now_us=self.engine.clock.now_us()):
            raise PostponedError(error.code)
        log.warning("conversation_not_postable", run=run.id, code=error.code)
        key = run.options.get("delivery_key", "")
        view = InviteView(key=key) if error.kind == "not_in_channel" and key else NoticeView(str(error), tone="warning")
        await self._delivery.notify_person(run, view)
        return RunOutcome(result=PatternResult(output="", stop_reason=StopReason.FAILED, notes=(str(error),)))

    async def _conclude(self, session: RunSession, run: RunRow, outcome: "RunOutcome | ParkedError") -> None:
        if isinstance(outcome, ParkedError):
            await self._park(run, outcome)
            self._in_background(self._budget_released(), f"free {run.id}")
            return
        if session.holds_money:  # the cost shown counts what nobody can tell any more
            await self.engine.ledger.end_run(run.fence)
        outcome = await self._with_unknown_acts(session, run, outcome)
        rendered = await self._delivery.render(run, outcome)
        names = names_of(rendered)
        waiting = await self.engine.sessions.finish(
            run,
            stop_reason=outcome.result.stop_reason.value,
            result_json=outcome.model_dump_json(),
            executed_ms=run.executed_ms,
            intents=names,
        )
        for name in names:
            self.presenter.outbox.note_committed(run.id, name)
        log.info("run_ended", run=run.id, stop_reason=outcome.result.stop_reason.value, executed_ms=run.executed_ms)
        if waiting:
            await self.submit(waiting)
        self._in_background(self._budget_released(), f"free {run.id}")
        if rendered is not None:
            self._in_background(self._delivery.deliver(run, outcome, rendered), f"outcome {run.id}")

    async def _with_unknown_acts(self, session: RunSession, run: RunRow, outcome: RunOutcome) -> RunOutcome:
        """Return the outcome with a note on calls of tools of which nobody knows whether they were done."""
        unknown = await self.engine.store.unknown_acts(run.id) if offered_tools(session.steps) else []
        if not unknown:
            return outcome
        notes = (*outcome.result.notes, unknown_acts(unknown))
        return outcome.model_copy(update={"result": outcome.result.model_copy(update={"notes": notes})})

    def _in_background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run in the background: Slack's rate limit must not keep other runs from being executed."""
        task = asyncio.create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _budget_released(self) -> None:
        if self._on_budget_released is None:
            return
        try:
            await self._on_budget_released()
        except Exception:
            # Waiting runs are checked again every few seconds.
            log.exception("budget_queue_failed")

    async def drain(self, grace_s: float) -> None:
        """Wait up to `grace_s` seconds for deliveries; the rest stays owed, for the next process."""
        if self._background:
            _done, late = await asyncio.wait(self._background, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _park(self, run: RunRow, parked: ParkedError) -> None:
        if not await self.engine.sessions.park(run.fence, parked.paths, executed_ms=run.executed_ms):
            self.presenter.release(run)
            await self.submit(run.id)
            return
        await self._delivery.ask_parked(run)

    async def resume(self) -> None:
        """Resume every run that an earlier process left; undelivered results follow with the first chores.

        Only the holder of the bot role may call this: every lease of a Slack run is then a dead process's.
        """
        await self.engine.store.expire_leases()
        if self._dispatcher is not None:
            await self._dispatcher.resume_orphans()

    async def resume_orphans(self) -> None:
        """Resume runs without an owner, and deliver questions and answers that never reached their thread."""
        if self._dispatcher is not None:
            await self._dispatcher.resume_orphans()
        owed = (await self.engine.store.unposted_question_ids(), await self.engine.store.undelivered_ids())
        # In random order, so that what cannot be delivered does not block the rest.
        free = [[run_id for run_id in ids if not self.lease.is_kept(run_id)] for ids in owed]
        some = [run_id for ids in free for run_id in random.sample(ids, min(len(ids), REDELIVERED_AT_ONCE))]
        async with asyncio.TaskGroup() as task:  # when we leave, it ends with the last of them
            for run_id in some:
                task.create_task(self._delivery.redeliver(run_id), name=f"owed {run_id}")

    async def _current(self, session: RunSession, watch: Stopwatch, run: RunRow) -> RunRow:
        """Return the row as it is now, with our own executing time; once it has its place, its owner knows it."""
        run = watch.clocked(run)
        if run.root_ts or watch.has_started:
            return replace(run, flow=session.run.flow, worst_nusd=session.run.worst_nusd)
        return replace(await self.engine.store.get(run.id) or run, executed_ms=run.executed_ms)
