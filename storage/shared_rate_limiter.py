"""Rate limiter shared by processes on several machines: GCRA (leaky bucket as a meter), one row for each key."""

from collections.abc import Mapping

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Work, load, single

q = load("shared_rate_limiter")


class SharedRateLimiter:
    """GCRA over the table `pace`: `due_us` is the theoretical arrival time of a key. PostgreSQL only.

    `clock` follows the server's, so that all machines agree.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def take(self, key: str, *, interval_us: int, allowance_us: int) -> int:
        """Take the slot that is free under a key and return 0; else return the microseconds until one is.

        `interval_us` is the time one slot takes, `allowance_us` how far ahead of it a burst may run.
        """
        now_us = self._clock.now_us()

        def work() -> Work[int]:
            if (yield q.take(key=key, interval_us=interval_us, allowance_us=allowance_us, now_us=now_us)):
                return 0
            (row,) = yield q.due(key=key)
            return int(row["due_us"]) - allowance_us - now_us

        return await self._db.write(work)

    async def hold_back(self, allowances_us: Mapping[str, int], *, for_us: int) -> None:
        """Allow nothing under these keys for that long, and no burst directly afterwards."""
        until_us = self._clock.now_us() + for_us
        dues = [until_us + allowance_us for allowance_us in allowances_us.values()]
        await self._db.write(lambda: single(q.hold_back(keys=list(allowances_us), dues_us=dues)))
