"""Leases with heartbeats: the owner of runs renews their leases every second and counts as dead after six without."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from patterns.core.errors import RunLostError, StorageError
from patterns.core.holds import Fence
from patterns.core.ports import Clock
from storage.database.statements import Statement
from storage.run_rows import RunRow
from storage.runs import RunStore

log = structlog.get_logger()

LEASE_S = 6.0
"""Seconds after the last heartbeat until another process may resume a run."""
HEARTBEAT_S = 1.0
"""Seconds between heartbeats. Five in a row must be late before a slow owner counts as dead, which costs an uncertain
call."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """A run whose lease is renewed; `over` is set when it is lost, or a person wants to stop its work."""

    fence: Fence
    executed_ms: Callable[[], int]
    is_working: bool
    over: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Lease:
    """Renews the leases of all runs that this process claimed, together: one transaction a heartbeat."""

    def __init__(self, store: RunStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kept: set[_Kept] = set()
        self._heart: asyncio.Task[None] | None = None
        self.is_renewed = True
        """Whether the last heartbeat was written; a process that holds no lease has nothing to write."""

    def is_kept(self, run_id: str) -> bool:
        """Return whether this process works on the run or delivers it, though a jump of the clock let its lease end."""
        return any(kept.fence.run_id == run_id for kept in self._kept)

    @asynccontextmanager
    async def delivering(self, run: RunRow) -> AsyncIterator[list[Statement]]:
        """Hold the run while it is delivered, so that no other process delivers it too; then release it.

        Statements that are added to the list inside the block are executed with the release.

        Delivery may wait for Slack's rate limit; when the run continues elsewhere meanwhile, it is outdated and
        dropped.

        Raises:
            RunLostError: another process owns the run.
        """
        also: list[Statement] = []
        try:
            async with asyncio.timeout(None) as expiry:
                with self.renewed(run, lambda: run.executed_ms, is_working=False) as over:
                    over.add_done_callback(lambda ended: None if ended.cancelled() else _expire(ended, expiry))
                    yield also
        except TimeoutError:
            if expiry.expired():
                raise RunLostError from None
            raise
        finally:
            await self._store.release(run.fence, executed_ms=run.executed_ms, also=also)

    @contextlib.contextmanager
    def renewed(
        self, run: RunRow, executed_ms: Callable[[], int], *, is_working: bool = True
    ) -> Iterator["asyncio.Future[None]"]:
        """Have a lease renewed inside the block; yield the future of its loss or of a wish to stop."""
        kept = _Kept(run.fence, executed_ms, is_working)
        self._kept.add(kept)
        if self._heart is None:
            self._heart = asyncio.create_task(self._beat(), name="heartbeat")
        try:
            yield kept.over
        finally:
            self._kept.discard(kept)
            if not kept.over.cancel() and not kept.over.cancelled():
                kept.over.exception()  # whoever left the block knows, or does not mind any more
            if not self._kept and self._heart is not None:
                self._heart.cancel()
                self._heart, self.is_renewed = None, True

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            kept = list(self._kept)
            try:
                async with asyncio.timeout(LEASE_S):
                    answers = await self._store.renew_all(
                        [(one.fence, one.executed_ms()) for one in kept], lease_s=LEASE_S
                    )
            except (StorageError, TimeoutError) as error:
                # The work goes on: if another process claims a run meanwhile, our fencing token is rejected.
                self.is_renewed = False
                log.warning("leases_not_renewed", runs=len(kept), reason=str(error))
                continue
            self.is_renewed = True
            for one, (is_owned, stopped_by) in zip(kept, answers, strict=True):
                if one.over.done():
                    continue
                if not is_owned:
                    one.over.set_exception(RunLostError())
                elif one.is_working and stopped_by is not None:
                    one.over.set_result(None)


def _expire(lost: "asyncio.Future[None]", expiry: asyncio.Timeout) -> None:
    if lost.exception() is not None:
        expiry.reschedule(0)
