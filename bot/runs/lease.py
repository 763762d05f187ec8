"""Leases with heartbeats: the owner of a run renews its lease every second and counts as dead after six without."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from patterns.core.errors import RunLostError, StorageError
from patterns.core.ports import Clock
from storage.run_rows import RunRow
from storage.runs import RunStore

log = structlog.get_logger()

LEASE_S = 6.0
"""Seconds after the last heartbeat until another process may resume a run."""
HEARTBEAT_S = 1.0
"""Seconds between heartbeats. Five in a row must be late before a slow owner counts as dead, which costs an uncertain
call."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Renews the leases of runs that this process claimed."""

    store: RunStore
    clock: Clock

    async def keep(self, run: RunRow, stop: asyncio.Event, executed_ms: Callable[[], int]) -> None:
        """Renew the lease until someone here, or in another process, asks to stop the run.

        Raises:
            RunLostError: another process owns it.
        """
        while not stop.is_set():
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await stop.wait()
            except TimeoutError:
                try:
                    if await self.store.renew(run.fence, lease_s=LEASE_S, executed_ms=executed_ms()):
                        return
                except StorageError as error:
                    # The work goes on: if another process claims the run meanwhile, our fencing token is rejected.
                    log.warning("lease_not_renewed", run=run.id, reason=str(error))

    @asynccontextmanager
    async def delivering(self, run: RunRow) -> AsyncIterator[None]:
        """Hold the run while it is delivered, so that no other process delivers it too; then release it.

        Delivery may wait for Slack's rate limit; when the run continues elsewhere meanwhile, it is outdated and
        dropped.

        Raises:
            RunLostError: another process owns the run.
        """
        try:
            async with asyncio.timeout(None) as expiry:
                renewing = asyncio.create_task(self._renew(run, expiry), name=f"delivering {run.id}")
                try:
                    yield
                finally:
                    renewing.cancel()
        except TimeoutError:
            if expiry.expired():
                raise RunLostError from None
            raise
        finally:
            if (now := await self.store.get(run.id)) is not None:
                await self.store.release(run.fence, executed_ms=now.executed_ms)

    async def _renew(self, run: RunRow, expiry: asyncio.Timeout) -> None:
        while True:
            await self.clock.sleep(HEARTBEAT_S)
            try:
                if (now := await self.store.get(run.id)) is not None:
                    await self.store.renew(run.fence, lease_s=LEASE_S, executed_ms=now.executed_ms)
            except RunLostError:
                expiry.reschedule(0)
                return
            except StorageError as error:
                log.warning("lease_not_renewed", run=run.id, reason=str(error))
