"""Rate limiter shared by processes on several machines: GCRA (leaky bucket as a meter), one row for each key."""

from collections.abc import Mapping, Sequence
from typing import Any

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Work, load, single

q = load("shared_rate_limiter")


class SharedRateLimiter:
    """GCRA over the table `pace`: `due_us` is the theoretical arrival time of a key. PostgreSQL only.

    `clock` follows the server's, so that all machines agree. A slot that is taken twice, because nobody knows whether
    it was, costs a pause.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def take(self, key: str, *, interval_us: int, allowance_us: int) -> int:
        """Take the slot that is free under a key and return 0; else return the microseconds until one is.

        `interval_us` is the time one slot takes, `allowance_us` how far ahead of it a burst may run.
        """
        now_us = self._clock.now_us()
        slot = {"key": key, "interval_us": interval_us, "allowance_us": allowance_us}
        return await self._db.write(lambda: self._taking(slot, now_us), repeatable=True)

    async def take_all(self, slots: Sequence[Mapping[str, Any]]) -> int:
        """Take slots as `take` does, in order up to the first that is not free; return how many were taken."""
        return await self._db.write(lambda: self.taking_all(slots), repeatable=True)

    def taking_all(self, slots: Sequence[Mapping[str, Any]]) -> Work[int]:
        """Take slots as part of a transaction; see `take_all`."""
        now_us = self._clock.now_us()
        for taken, slot in enumerate(slots):
            if (yield from self._taking(slot, now_us)):
                return taken
        return len(slots)

    @staticmethod
    def _taking(slot: Mapping[str, Any], now_us: int) -> Work[int]:
        if (yield q.take(**slot, now_us=now_us)):
            return 0
        (row,) = yield q.due(key=slot["key"])
        return int(row["due_us"]) - int(slot["allowance_us"]) - now_us

    async def hold_back(self, allowances_us: Mapping[str, int], *, for_us: int) -> None:
        """Allow nothing under these keys for that long, and no burst directly afterwards."""
        until_us = self._clock.now_us() + for_us
        dues = [until_us + allowance_us for allowance_us in allowances_us.values()]
        await self._db.write(lambda: single(q.hold_back(keys=list(allowances_us), dues_us=dues)))
