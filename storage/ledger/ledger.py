"""Ledger with group commit: concurrent holds and settles share one transaction, decided in turn."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import structlog

from patterns.core.errors import AgentsError, RunLostError, StorageError
from patterns.core.ports import Charged, Clock, Fence, Hold, HoldRequest, ReserveRequest, Settlement, StepRecord
from storage.database.database import ConstraintError, Database
from storage.database.statements import Query, Work
from storage.ledger import admission
from storage.ledger.book import LedgerTransaction, Policy
from storage.ledger.periods import ClockGuard
from storage.ledger.transaction import (
    Operation,
    Release,
    Reserve,
    Settle,
    load_accounts,
    load_calls,
    q,
    run_batch,
    save,
)

BATCH_MAX = 256
"""Operations in one transaction: more gain nothing, and a longer one would delay other processes."""

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recovered:
    """Calls closed for dead owners: reservations released, and calls now counted in full as uncertain."""

    released: int
    uncertain: int
    uncertain_nusd: int


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A queued operation and the future of its caller."""

    operation: Operation
    future: "asyncio.Future[object]"

    @property
    def abandoned(self) -> bool:
        """Return whether the caller is gone and nothing was sent, so that it need not run at all."""
        return self.future.cancelled() and isinstance(self.operation, HoldRequest | Reserve)


class SqlLedger:
    """The `Ledger` port over a database. One per process; `close` lets queued operations end.

    Operations queue; one writer runs a batch in one transaction and answers after its commit. All carry ids their
    caller chose, so a batch whose outcome is unknown is run again, one by one.
    """

    def __init__(self, db: Database, clock: Clock, policy: Policy, *, guard: ClockGuard | None = None) -> None:
        self._db = db
        self._clock = clock
        self.policy = policy
        self._guard = guard or ClockGuard(clock)
        self._queue: deque[_Ticket] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def hold(self, request: HoldRequest) -> Hold:
        """Hold the bound of one attempt; see the port for the errors. A cancelled caller's hold is released."""
        return cast("Hold", await self._submit(request))

    async def reserve_many(self, requests: Sequence[ReserveRequest]) -> list[Hold]:
        """Reserve money for several parts, all or nothing, and return their holds."""
        return cast("list[Hold]", await self._submit(Reserve(tuple(requests)))) if requests else []

    async def settle(self, hold: Hold, charged: Charged, fence: Fence, step: StepRecord | None = None) -> Settlement:
        """Settle a hold and journal the step in the same transaction, also when the caller is cancelled.

        Raises:
            RunLostError: the money is settled, the step was not published.
        """
        answer = await self._submit(Settle(hold, charged, fence, step))
        settlement, published = cast("tuple[Settlement, bool]", answer)
        if not published:
            raise RunLostError
        return settlement

    async def release(self, holds: Sequence[Hold]) -> None:
        """Release reservations, or holds whose call was never sent."""
        if holds:
            await self._submit(Release(tuple(hold.call_id for hold in holds)))

    async def recover_run(self, fence: Fence) -> Recovered:
        """Close what earlier owners of a run left open, after its claim: reservations free, open calls uncertain."""
        return await self._abandon(q.lock_abandoned_of_run, run_id=fence.run_id, epoch=fence.epoch)

    async def end_run(self, fence: Fence) -> Recovered:
        """Close what the present owner of a run left open, when its work is over: nothing stays held after it."""
        return await self._abandon(q.lock_abandoned_of_run, run_id=fence.run_id, epoch=fence.epoch + 1)

    async def sweep(self) -> Recovered:
        """Close what every run that has ended, is parked, or has a later owner left open."""
        return await self._abandon(q.lock_abandoned)

    async def close(self) -> None:
        """Wait until everything queued is committed."""
        while self._writer is not None:
            await asyncio.wait([self._writer])

    def _new_book(self) -> LedgerTransaction:
        return LedgerTransaction(
            self.policy, self._clock.now_us(), trusted=self._guard.trusted, confirmed=self._guard.confirmed
        )

    async def _abandon(self, query: Query, **which: object) -> Recovered:
        def work() -> Work[Recovered]:
            book = self._new_book()
            yield from load_calls(book, query, **which)
            yield from load_accounts(book, {})
            for call in book.calls.values():
                admission.close_abandoned(book, call)
            yield from save(book)
            lost = [call for call in book.calls.values() if call.state == "uncertain"]
            return Recovered(len(book.calls) - len(lost), len(lost), sum(call.actual_nusd for call in lost))

        recovered = await self._db.write(work)
        if recovered.uncertain:
            log.warning(
                "calls_uncertain", calls=recovered.uncertain, uncertain_nusd=recovered.uncertain_nusd, scope=which
            )
        return recovered

    async def _submit(self, operation: Operation) -> object:
        ticket = _Ticket(operation, asyncio.get_running_loop().create_future())
        self._enqueue(ticket)
        try:
            return await ticket.future
        except asyncio.CancelledError:
            # Answered in the same moment as cancelled: the hold will never be used.
            if ticket.future.done() and not ticket.future.cancelled() and ticket.future.exception() is None:
                self._undo(ticket)
            raise

    def _enqueue(self, ticket: _Ticket) -> None:
        self._queue.append(ticket)
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_all())

    def _undo(self, ticket: _Ticket) -> None:
        """Release what a cancelled caller asked for; what was settled stays."""
        match ticket.operation:
            case HoldRequest(call_id=call_id):
                ids: tuple[str, ...] = (call_id,)
            case Reserve(requests=requests):
                ids = tuple(request.call_id for request in requests)
            case _:
                return
        ticket = _Ticket(Release(ids), asyncio.get_running_loop().create_future())
        ticket.future.add_done_callback(_log_failure)
        self._enqueue(ticket)

    async def _write_all(self) -> None:
        try:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))]
                await self._write([ticket for ticket in batch if not ticket.abandoned])
        finally:
            self._writer = None

    async def _write(self, batch: list[_Ticket]) -> None:
        if not batch:
            return
        try:
            answers = await self._db.write(self._work(batch))
        except Exception as error:  # noqa: BLE001 - every caller gets its own error below
            if len(batch) > 1:
                log.warning("ledger_batch_replayed", operations=len(batch), error=str(error))
            await self._write_singly(batch)
            return
        for ticket, answer in zip(batch, answers, strict=True):
            self._answer(ticket, answer)

    async def _write_singly(self, batch: list[_Ticket]) -> None:
        unusable: StorageError | None = None
        for ticket in batch:
            answer: object = unusable
            if unusable is None:
                try:
                    (answer,) = await self._db.write(self._work([ticket]))
                except Exception as error:  # noqa: BLE001 - it is the caller's
                    answer = error if isinstance(error, AgentsError) else _unexpected(error)
                    if isinstance(error, StorageError) and not isinstance(error, ConstraintError):
                        unusable = error  # a locked or full database: the others need not wait for it in turn
            self._answer(ticket, answer)

    def _work(self, batch: list[_Ticket]) -> Callable[[], Work[list[object]]]:
        operations = [ticket.operation for ticket in batch]
        return lambda: run_batch(self._new_book(), operations)

    def _answer(self, ticket: _Ticket, answer: object) -> None:
        if ticket.future.cancelled():
            self._undo(ticket)
        elif isinstance(answer, BaseException):
            ticket.future.set_exception(answer)
        else:
            ticket.future.set_result(answer)


def _log_failure(future: "asyncio.Future[object]") -> None:
    if not future.cancelled() and (error := future.exception()):
        log.warning("hold_not_released", error=str(error))  # the sweep ends it


def _unexpected(error: Exception) -> StorageError:
    log.error("ledger_failed", exc_info=error)
    failure = StorageError()
    failure.__cause__ = error
    return failure
