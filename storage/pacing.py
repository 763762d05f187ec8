"""The slots in which the processes of several machines may talk to Slack, kept where all of them look."""

from collections.abc import Mapping

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Work, load, single

q = load("pacing")


class SharedSlots:
    """A schedule by key, handed out slot by slot when each is due. PostgreSQL only; `clock` follows the server's."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def take(self, key: str, *, interval_us: int, allowance_us: int) -> int:
        """Take the slot that is free under a key: 0; or how many microseconds there will be none."""
        now_us = self._clock.now_us()

        def work() -> Work[int]:
            if (yield q.take(key=key, interval_us=interval_us, allowance_us=allowance_us, now_us=now_us)):
                return 0
            (row,) = yield q.due(key=key)
            return int(row["due_us"]) - allowance_us - now_us

        return await self._db.write(work)

    async def hold_back(self, allowances_us: Mapping[str, int], *, for_us: int) -> None:
        """Hand out nothing for so long, and afterwards as if each key's burst were used up."""
        until_us = self._clock.now_us() + for_us
        dues = [until_us + allowance_us for allowance_us in allowances_us.values()]
        await self._db.write(lambda: single(q.hold_back(keys=list(allowances_us), dues_us=dues)))
