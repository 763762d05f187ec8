"""The real clock behind `ports.Clock`; on PostgreSQL it follows the server's time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from patterns.core.errors import StorageError
from storage.database.database import Database
from storage.database.statements import load, single

log = structlog.get_logger()

SYNC_EVERY_S = 30
"""Seconds between two comparisons with the database server's clock."""
LOOKS, SLOW_US = 3, 200_000
q = load("clock")


class SystemClock:
    """Wall time for records, monotonic time for durations.

    With PostgreSQL it tells that server's time: machines whose clocks differ would otherwise disagree about whose lease
    has expired, and take runs from each other.
    """

    def __init__(self) -> None:
        self._origin_us: int | None = None
        """Server time minus our monotonic time, in microseconds; a step of this machine's wall clock changes neither.
        """

    def now_us(self) -> int:
        """Return microseconds since 1970 UTC."""
        return time.time_ns() // 1000 if self._origin_us is None else self._origin_us + time.monotonic_ns() // 1000

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)

    async def synchronize(self, db: Database) -> None:
        """Adopt the time of the database server; SQLite has none of its own.

        Raises:
            StorageError: it does not answer.
        """
        if db.dialect == "sqlite":
            return
        for _ in range(LOOKS):
            asked_us = time.monotonic_ns() // 1000
            (row,) = await db.read(lambda: single(q.now()))
            answered_us = time.monotonic_ns() // 1000
            # The server read its clock somewhere between the two; a slow round trip is a poor measurement, but better
            # than none.
            if answered_us - asked_us < SLOW_US:
                break
        else:
            if self._origin_us is not None:
                return
        self._origin_us = row["now_us"] - (asked_us + answered_us) // 2

    @asynccontextmanager
    async def synchronized(self, db: Database) -> AsyncIterator[None]:
        """Adopt the server's time now and at intervals while the block runs.

        Raises:
            StorageError: the database does not answer at the beginning; later failures keep the last offset.
        """
        await self.synchronize(db)
        synchronized = asyncio.create_task(self._keep_synchronized(db), name="following the database's clock")
        try:
            yield
        finally:
            synchronized.cancel()
            await asyncio.gather(synchronized, return_exceptions=True)

    async def _keep_synchronized(self, db: Database) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            try:
                await self.synchronize(db)
            except StorageError as error:
                log.warning("clock_not_compared", reason=str(error))
