"""Ledger with group commit: concurrent holds and settles share one transaction, decided in turn."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import structlog

from patterns.core.errors import AgentsError, RunLostError, StorageError
from patterns.core.holds import Charged, Fence, Hold, HoldRequest, ReserveRequest, Settlement
from patterns.core.ports import Clock
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.core.tools import EarlierCall
from storage.database.database import Database
from storage.database.statements import Query, Work, single
from storage.ledger import admission
from storage.ledger.book import LedgerTransaction, Policy
from storage.ledger.periods import ClockGuard
from storage.ledger.transaction import (
    Decide,
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

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recovered:
    """Calls closed for dead owners: reservations released, and calls now counted in full as uncertain."""

    released: int
    uncertain: int
    uncertain_nusd: int


class SqlLedger:
    """The `Ledger` port over a database. One per process; `close` lets queued operations end.

    Operations that wait are merged into one script: it locks what all of them need at once and decides them in turn.
    All carry ids their caller chose, so one whose outcome is unknown is run again.
    """

    def __init__(self, db: Database, clock: Clock, policy: Policy, *, guard: ClockGuard | None = None) -> None:
        self._db = db
        self._clock = clock
        self.policy = policy
        self._guard = guard or ClockGuard(clock)
        self._undoing: set[asyncio.Task[None]] = set()

    async def hold(self, request: HoldRequest) -> Hold:
        """Hold the bound of one attempt; see the port for the errors. A cancelled caller's hold is released."""
        return cast("Hold", await self._submit(request))

    async def reserve_many(self, requests: Sequence[ReserveRequest], *, joined: bool = False) -> list[Hold]:  # noqa: ARG002 - alone, it joins nothing
        """Reserve money for several parts, all or nothing, and return their holds."""
        return cast("list[Hold]", await self._submit(Reserve(tuple(requests)))) if requests else []

    def is_refused(self, reservation: Hold) -> bool:  # noqa: ARG002 - who asked was told
        """Return False: a refusal was raised."""
        return False

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

    async def earlier_calls(self, run_id: str, path: str) -> list[EarlierCall]:
        """Return the calls held for a path, by any owner of the run, that could have been sent; oldest first."""
        query = q.earlier_calls(run_id=run_id, path=path, never_sent=Reason.NEVER_SENT)
        return [EarlierCall(**row) for row in await self._db.read(lambda: single(query))]

    async def decide(self, decisions: Decide) -> None:
        """Journal steps that cost nothing, before every operation that is asked for later.

        Raises:
            RunLostError: another process owns the run.
        """
        await self._submit(decisions)

    def queue(self, operation: Operation) -> "asyncio.Future[object]":
        """Queue an operation before whatever is asked for after this call, and return the future of its answer."""
        return self._db.merge_later(self._merge, operation)

    async def recover_run(self, fence: Fence) -> Recovered:
        """Close what earlier owners of a run left open, after its claim: reservations free, open calls uncertain."""
        return await self._abandon(q.lock_abandoned_of_run, run_id=fence.run_id, epoch=fence.epoch)

    async def end_run(self, fence: Fence) -> Recovered:
        """Close what the present owner of a run left open, when its work is over: nothing stays held after it."""
        return await self._abandon(q.lock_abandoned_of_run, run_id=fence.run_id, epoch=fence.epoch + 1)

    async def sweep(self) -> Recovered:
        """Close what every run that has ended, is parked, or has a later owner left open."""
        return await self._abandon(q.lock_abandoned, alone=True)

    async def close(self) -> None:
        """Wait until everything queued is committed."""
        await self._db.idle()
        while self._undoing:
            await asyncio.wait(self._undoing)

    def _new_book(self) -> LedgerTransaction:
        return LedgerTransaction(
            self.policy, self._clock.now_us(), trusted=self._guard.trusted, confirmed=self._guard.confirmed
        )

    async def _abandon(self, query: Query, *, alone: bool = False, **which: object) -> Recovered:
        recovered = await self._db.write(lambda: self._closing(query, **which), alone=alone, repeatable=True)
        self.report(recovered, **which)
        return recovered

    def closing(self, fence: Fence) -> Work[Recovered]:
        """Close, as part of a transaction, what owners of a run before this fencing token left open."""
        return self._closing(q.lock_abandoned_of_run, run_id=fence.run_id, epoch=fence.epoch)

    def _closing(self, query: Query, **which: object) -> Work[Recovered]:
        book = self._new_book()
        yield from load_calls(book, query, **which)
        yield from load_accounts(book, {})
        for call in book.calls.values():
            admission.close_abandoned(book, call)
        yield from save(book)
        lost = [call for call in book.calls.values() if call.state == "uncertain"]
        return Recovered(len(book.calls) - len(lost), len(lost), sum(call.actual_nusd for call in lost))

    @staticmethod
    def report(recovered: Recovered, **which: object) -> None:
        """Log calls whose outcome is unknown, once their transaction stands."""
        if recovered.uncertain:
            log.warning(
                "calls_uncertain", calls=recovered.uncertain, uncertain_nusd=recovered.uncertain_nusd, scope=which
            )

    def _merge(self, operations: Sequence[Operation]) -> Work[list[object]]:
        return run_batch(self._new_book(), operations)

    async def _submit(self, operation: Operation) -> object:
        held = _held(operation)
        undo = partial(self._undo, held) if held else None
        try:
            return await self._db.write_merged(self._merge, operation, undo=undo)
        except AgentsError:
            raise
        except Exception as error:
            log.exception("ledger_failed")
            raise StorageError from error

    def _undo(self, call_ids: tuple[str, ...]) -> None:
        """Release what a cancelled caller asked for; what was settled stays."""
        task = asyncio.get_running_loop().create_task(self._release(call_ids), name="undo a hold")
        self._undoing.add(task)
        task.add_done_callback(self._undoing.discard)

    async def _release(self, call_ids: tuple[str, ...]) -> None:
        try:
            await self._submit(Release(call_ids))
        except StorageError as error:
            log.warning("hold_not_released", error=str(error))  # the sweep ends it


def _held(operation: Operation) -> tuple[str, ...]:
    """Return the ids of the calls that an operation opens: what is to be released if nobody waits for it."""
    match operation:
        case HoldRequest(call_id=call_id):
            return (call_id,)
        case Reserve(requests=requests):
            return tuple(request.call_id for request in requests)
        case _:
            return ()
