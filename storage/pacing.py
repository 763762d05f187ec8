"""The slots in which the processes of several machines may talk to Slack, kept where all of them look."""

from collections.abc import Mapping

from patterns.ports import Clock
from storage.database import Database
from storage.statements import load, single

q = load("pacing")


class SharedSlots:
    """A schedule by key, handed out slot by slot. PostgreSQL only; the machines' clocks must roughly agree."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def book(self, key: str, interval_us: int) -> int:
        """Take the next slot under a key; returns how many microseconds from now it ends."""
        statement = q.book(key=key, interval_us=interval_us, now_us=self._clock.now_us())
        return int((await self._db.write(lambda: single(statement)))[0]["ahead_us"])

    async def hold_back(self, allowances_us: Mapping[str, int], *, for_us: int) -> None:
        """Hand out nothing for so long, and afterwards as if each key's burst were used up."""
        until_us = self._clock.now_us() + for_us
        dues = [until_us + allowance_us for allowance_us in allowances_us.values()]
        await self._db.write(lambda: single(q.hold_back(keys=list(allowances_us), dues_us=dues, until_us=until_us)))

    async def held_us(self, key: str) -> int:
        """For how long a key is still held back."""
        rows = await self._db.read(lambda: single(q.held(key=key, now_us=self._clock.now_us())))
        return int(rows[0]["held_us"])
