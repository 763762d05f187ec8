"""Ports of a run while this process owns it: decisions wait for the ledger's next write, and events wait for them."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from patterns.core.errors import AgentsError, ReservationRefusedError, RunLostError, StorageError
from patterns.core.events import RunEvent
from patterns.core.holds import Charged, Fence, Hold, HoldRequest, ReserveRequest, Settlement
from patterns.core.ports import EventSink
from patterns.core.questions import Decision, Question
from patterns.core.step_record import StepRecord
from patterns.core.tools import EarlierCall
from storage.execution.waiting import Entry, Reservation, Waiting
from storage.ledger.ledger import SqlLedger
from storage.ledger.transaction import Decide
from storage.questions import Questions, StoredQuestion
from storage.run_rows import RunRow

FLUSH_S = 0.25
"""Longest time that a decision waits for a ledger write that it can join, in seconds."""
T = TypeVar("T")


class RunSession:
    """The ports `Journal`, `Ledger` and `Decisions` of one run while this process owns it.

    The journal was read with the claim, and only the owner writes it, so it answers from memory. A decision waits for
    the next write of the ledger, a joined reservation for the next hold; until they are committed, the run's events are
    held back: nothing is shown that a crash could decide otherwise. What was released waits for the next write too, or
    for the end of the run, which closes it.
    """

    def __init__(
        self,
        run: RunRow,
        ledger: SqlLedger,
        questions: Questions,
        *,
        steps: Sequence[StepRecord],
        asked: Sequence[StoredQuestion],
    ) -> None:
        self.run = run
        self.asked = tuple(asked)
        self._ledger = ledger
        self._questions = questions
        self._steps = {step.path: step for step in steps}
        self._waiting = Waiting()
        self._in_flight: set[asyncio.Future[object]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: set[asyncio.Task[None]] = set()
        self._events: list[tuple[EventSink, RunEvent]] = []
        self._open: set[str] = set()

    @property
    def steps(self) -> list[StepRecord]:
        """Return the finished steps, those of earlier owners first."""
        return list(self._steps.values())

    @property
    def holds_money(self) -> bool:
        """Return whether a call or a reservation of this session may be open, but for what waits to be released."""
        return bool(self._open)

    # ------------------------------------------------------------ journal

    async def find(self, run_id: str, path: str) -> StepRecord | None:  # noqa: ARG002 - the port's shape
        """Return the finished step of a path, or None."""
        return self._steps.get(path)

    async def record(self, fence: Fence, step: StepRecord) -> StepRecord:  # noqa: ARG002 - the port's shape
        """Journal a step that cost nothing, a decision with the ledger's next write; return the one in force.

        Raises:
            RunLostError: another process owns the run.
        """
        if (known := self._steps.get(step.path)) is not None:
            return known
        kept = self._steps[step.path] = step.model_copy(update={"data": json.loads(json.dumps(step.data))})
        self._waiting.steps.append(kept)
        if step.outcome == "decision":
            self._flush_soon()
        else:
            await self.flush()
        return kept

    def choose_flow(self, flow: str, *, worst_nusd: int) -> None:
        """Store the chosen flow and its worst-case price in nano-dollars with the ledger's next write."""
        self.run = replace(self.run, flow=flow, worst_nusd=worst_nusd)
        self._waiting.flow = (flow, worst_nusd)
        self._flush_soon()

    async def flush(self) -> None:
        """Commit the decisions that wait.

        Raises:
            RunLostError: another process owns the run.
        """
        while self._in_flight:
            await asyncio.wait(self._in_flight)
        if self._waiting.has_decisions:
            await self._after_waiting(None)
        while self._flushing:
            await asyncio.wait(self._flushing)

    def close(self) -> None:
        """Leave what is still to be released to the transaction that ended or parked the run, or to the next owner."""
        self._waiting.forget()
        self._stop_timer()

    def _flush_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush_in_background)

    def _flush_in_background(self) -> None:
        task = asyncio.get_running_loop().create_task(self._try_flush(), name=f"decisions {self.run.id}")
        self._flushing.add(task)
        task.add_done_callback(self._flushing.discard)

    async def _try_flush(self) -> None:
        with contextlib.suppress(AgentsError):  # the next write of the run meets it too
            await self._after_waiting(None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _after_waiting(self, write: Awaitable[T] | None) -> T | None:
        """Make a write of the ledger, what waits before it in the same transaction where possible.

        What the database could not take waits again, and the error is raised.
        """
        self._stop_timer()
        # Queued at once, so that no hold of another branch comes before them.
        queued = [(entry, self._queue(entry)) for entry in self._waiting.take(self.run.fence)]
        written: T | AgentsError | None = None
        try:
            written = None if write is None else await write
        except AgentsError as error:
            written = error
        if pending := [
            future for _, future in queued if future in self._in_flight
        ]:  # what shared its transaction is not
            await asyncio.wait(pending)
        for entry, future in queued:
            failed = future.exception()
            if failed is not None and isinstance(entry.operation, Decide):
                await self._ledger.release(_holds(written))  # they will not be sent
                raise failed
            if write is None and isinstance(failed, StorageError):
                raise failed
        if isinstance(written, AgentsError):
            raise written
        return written

    def _queue(self, entry: Entry) -> "asyncio.Future[object]":
        future = self._ledger.queue(entry.operation)
        self._in_flight.add(future)
        future.add_done_callback(partial(self._answered, entry))
        return future

    def _answered(self, entry: Entry, future: "asyncio.Future[object]") -> None:
        self._in_flight.discard(future)
        error = future.exception()
        self._waiting.answered(entry, error)
        if isinstance(error, RunLostError):
            self._events.clear()
        if isinstance(entry, Reservation) and error is not None:
            self._open.difference_update(entry.kept)
        self._show()

    # ------------------------------------------------------------ money

    async def hold(self, request: HoldRequest) -> Hold:
        """Hold the bound of one attempt; see the port."""
        try:
            hold = await self._opening([request.call_id], self._ledger.hold(request))
        except ReservationRefusedError:
            self._waiting.tell(request.envelope)
            raise
        self._waiting.go_on(request.envelope)
        self._show()
        return hold

    async def reserve_many(self, requests: Sequence[ReserveRequest], *, joined: bool = False) -> list[Hold]:
        """Reserve money for several parts, all or nothing; see the port."""
        ids = [request.call_id for request in requests]
        if not joined:
            return await self._opening(ids, self._ledger.reserve_many(requests))
        self._open.update(ids)
        self._flush_soon()
        return self._waiting.reserve(requests, events_from=len(self._events))

    def is_refused(self, reservation: Hold) -> bool:
        """Return whether a joined reservation was refused; see the port."""
        return self._waiting.is_refused(reservation.call_id)

    async def settle(self, hold: Hold, charged: Charged, fence: Fence, step: StepRecord | None = None) -> Settlement:
        """Settle a hold and journal its step; see the port."""
        settlement = await self._ledger.settle(hold, charged, fence, step)
        self._open.discard(hold.call_id)
        if step is not None:
            self._steps.setdefault(step.path, step)
        return settlement

    async def release(self, holds: Sequence[Hold]) -> None:
        """Free reservations, or holds whose call was never sent, with the next write or at the run's end."""
        if holds:
            ids = [hold.call_id for hold in holds]
            stands = self._waiting.release(ids)
            if stands is not None:
                del self._events[stands:]  # what was begun on the strength of it begins again
            self._open.difference_update(ids)
            self._flush_soon()
            self._show()

    async def earlier_calls(self, run_id: str, path: str) -> Sequence[EarlierCall]:
        """Return the calls held for a path that could have been sent; see the port."""
        return await self._ledger.earlier_calls(run_id, path)

    async def _opening(self, call_ids: Sequence[str], write: Awaitable[T]) -> T:
        self._open.update(call_ids)
        try:
            return await self._after_waiting(write)  # type: ignore[return-value]
        except AgentsError as error:
            if not isinstance(error, StorageError):  # refused; else it is not known, and the end closes it
                self._open.difference_update(call_ids)
            raise

    # ------------------------------------------------------------ people

    async def ask(self, fence: Fence, path: str, question: Question) -> Decision:
        """Return the decision of a path, or store the question, after everything decided so far.

        Raises:
            ParkedError: there is no decision yet; the question is stored.
        """
        await self.flush()
        return await self._questions.ask(fence, path, question)

    def events_to(self, sink: EventSink) -> EventSink:
        """Return a sink that passes events on once the decisions before them are committed."""
        return _Held(self._emit, sink)

    @property
    def _is_unsure(self) -> bool:
        """Return whether what happens now could be decided otherwise after a crash."""
        return self._waiting.has_decisions or bool(self._in_flight) or self._waiting.is_doubtful

    def _emit(self, sink: EventSink, event: RunEvent) -> None:
        if self._is_unsure or self._events:
            self._events.append((sink, event))
        else:
            sink.emit(self.run.id, event)

    def _show(self) -> None:
        if self._is_unsure:
            return
        events, self._events = self._events, []
        for sink, event in events:
            sink.emit(self.run.id, event)


def _holds(outcome: object) -> list[Hold]:
    found = outcome if isinstance(outcome, list) else [outcome]
    return [one for one in found if isinstance(one, Hold)]


class _Held:
    """An event sink that a session passes on."""

    def __init__(self, emit: Callable[[EventSink, RunEvent], None], sink: EventSink) -> None:
        self._emit = emit
        self._sink = sink

    def emit(self, run_id: str, event: RunEvent) -> None:  # noqa: ARG002 - the session knows its run
        self._emit(self._sink, event)
