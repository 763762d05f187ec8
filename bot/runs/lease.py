"""The owner's signs of life: whoever holds a run says so every second, and is taken for dead after six without."""

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
"""After the last sign of life of its owner, somebody else goes on with a run."""
HEARTBEAT_S = 1.0
"""Five signs in a row have to be late before a slow owner is taken for a dead one; that costs an uncertain call."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Keeps runs for the process that claimed them."""

    store: RunStore
    clock: Clock

    async def keep(self, run: RunRow, stop: asyncio.Event, executed_ms: Callable[[], int]) -> None:
        """Keep the run until somebody here, or in another process, asks to stop it.

        Raises:
            RunLostError: somebody else owns it.
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
                    # The work goes on: if somebody takes the run over meanwhile, our epoch is worth nothing.
                    log.warning("lease not renewed", run=run.id, reason=str(error))

    @asynccontextmanager
    async def telling(self, run: RunRow) -> AsyncIterator[None]:
        """Keep the run while something of it is told, so that nobody tells it too; then let go.

        Words may wait for Slack's pace; when the run goes on elsewhere meanwhile, they are out of date and dropped.

        Raises:
            RunLostError: somebody else owns the run.
        """
        try:
            async with asyncio.timeout(None) as told:
                renewing = asyncio.create_task(self._renew(run, told), name=f"telling {run.id}")
                try:
                    yield
                finally:
                    renewing.cancel()
        except TimeoutError:
            if told.expired():
                raise RunLostError from None
            raise
        finally:
            if (now := await self.store.get(run.id)) is not None:
                await self.store.release(run.fence, executed_ms=now.executed_ms)

    async def _renew(self, run: RunRow, told: asyncio.Timeout) -> None:
        while True:
            await self.clock.sleep(HEARTBEAT_S)
            try:
                if (now := await self.store.get(run.id)) is not None:
                    await self.store.renew(run.fence, lease_s=LEASE_S, executed_ms=now.executed_ms)
            except RunLostError:
                told.reschedule(0)
                return
            except StorageError as error:
                log.warning("lease not renewed", run=run.id, reason=str(error))
