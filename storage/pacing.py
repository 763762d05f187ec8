"""The slots in which the processes of several machines may talk to Slack, kept where all of them look."""

from collections.abc import Mapping, Sequence

from patterns.ports import Clock
from storage.database import Database
from storage.statements import load, single

q = load("pacing")


class SharedSlots:
    """A schedule by key, handed out slot by slot. PostgreSQL only; the machines' clocks must roughly agree."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def book(self, intervals_us: Mapping[str, int]) -> dict[str, int]:
        """Take the next slot under every key; returns how many microseconds from now each ends."""
        keys, intervals = list(intervals_us), list(intervals_us.values())
        statement = q.book(keys=keys, intervals_us=intervals, now_us=self._clock.now_us())
        return {row["key"]: row["ahead_us"] for row in await self._db.write(lambda: single(statement))}

    async def hold_back(self, allowances_us: Mapping[str, int], *, for_us: int) -> None:
        """Hand out nothing for so long, and afterwards as if each key's burst were used up."""
        until_us = self._clock.now_us() + for_us
        dues = [until_us + allowance_us for allowance_us in allowances_us.values()]
        await self._db.write(lambda: single(q.hold_back(keys=list(allowances_us), dues_us=dues, until_us=until_us)))

    async def held_us(self, keys: Sequence[str]) -> int:
        """For how long one of the keys is still held back."""
        rows = await self._db.read(lambda: single(q.held(keys=keys, now_us=self._clock.now_us())))
        return int(rows[0]["held_us"])
