"""The real clock behind ports.Clock; tests bring their own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from patterns.core.errors import StorageError
from storage.database.database import Database
from storage.database.statements import load, single

log = structlog.get_logger()

AGREE_S = 30
"""How often a machine looks again at the clock of the database's server."""
LOOKS, SLOW_US = 3, 200_000
q = load("clock")


class SystemClock:
    """Wall time for records, monotonic time for durations.

    Following a PostgreSQL it tells that server's time: machines whose clocks differ would otherwise disagree about
    whose lease has run out, and take runs from each other.
    """

    def __init__(self) -> None:
        self._origin_us: int | None = None
        """What the server's clock says when ours of durations says zero: a step of this machine's changes neither."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1000 if self._origin_us is None else self._origin_us + time.monotonic_ns() // 1000

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def agree_with(self, db: Database) -> None:
        """Take over the time of the database's server; a file has none of its own.

        Raises:
            StorageError: it does not answer.
        """
        if db.dialect == "sqlite":
            return
        for _ in range(LOOKS):
            asked_us = time.monotonic_ns() // 1000
            (row,) = await db.read(lambda: single(q.now()))
            answered_us = time.monotonic_ns() // 1000
            # The server looked at its clock somewhere in between: what took long says little, but more than nothing.
            if answered_us - asked_us < SLOW_US:
                break
        else:
            if self._origin_us is not None:
                return
        self._origin_us = row["now_us"] - (asked_us + answered_us) // 2

    @asynccontextmanager
    async def following(self, db: Database) -> AsyncIterator[None]:
        """Agree now, and again and again while the block runs.

        Raises:
            StorageError: the database does not answer at the beginning; later what was last agreed stands.
        """
        await self.agree_with(db)
        following = asyncio.create_task(self._follow(db), name="following the database's clock")
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _follow(self, db: Database) -> None:
        while True:
            await asyncio.sleep(AGREE_S)
            try:
                await self.agree_with(db)
            except StorageError as error:
                log.warning("clock not compared", reason=str(error))
