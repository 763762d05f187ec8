"""Rate limiter shared by processes on several machines: GCRA (leaky bucket as a meter), one row for each key."""

from collections.abc import Mapping
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
        slot = {"key": key, "interval_us": interval_us, "allowance_us": allowance_us, "now_us": now_us}
        if await self._db.write(lambda: single(q.take(**slot)), repeatable=True, durable=False):
            return 0
        (row,) = await self._db.read(lambda: single(q.due(key=key)))
        return max(1, int(row["due_us"]) - allowance_us - now_us)

    async def take_both(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> int:
        """Take two slots as `take` does, the second where the first is free; return how many were taken."""
        return await self._db.write(lambda: self.taking_both(first, second), repeatable=True, durable=False)

    def taking_both(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> Work[int]:
        """Take two slots at the end of a transaction; see `take_both`."""
        then = {f"then_{name}": value for name, value in second.items()}
        (row,) = yield from single(q.take_both(**first, **then, now_us=self._clock.now_us()))
        return int(row["taken"])

    async def hold_back(self, allowances_us: Mapping[str, int], *, for_us: int) -> None:
        """Allow nothing under these keys for that long, and no burst directly afterwards."""
        until_us = self._clock.now_us() + for_us
        dues = [until_us + allowance_us for allowance_us in allowances_us.values()]
        await self._db.write(lambda: single(q.hold_back(keys=list(allowances_us), dues_us=dues)), durable=False)
