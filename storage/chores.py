"""Chores that several processes may think of and one does, because it claimed the key first."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import load, single

q = load("chores")

CLAIM_US = 600_000_000
"""After ten minutes whoever began a chore is taken for dead: no post takes that long."""


@dataclass(frozen=True, slots=True)
class SpentMonth:
    """The latest month in which a channel spent money. `zone` None: the deployment's."""

    workspace: str
    channel: str
    period: str
    zone: str | None


@dataclass(frozen=True, slots=True)
class Unattended:
    """A request that nobody has begun. `response_url` is the private way to whoever asked by a command."""

    run_id: str
    workspace: str
    channel: str
    user: str
    thread_ts: str
    response_url: str | None


class Chores:
    """Claims, and what the chores need to know."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def take(self, key: str, *, by: str) -> bool:
        """Whether this caller is to do it now: nobody has finished it, and nobody is at it."""
        now_us = self._clock.now_us()
        statement = q.take_chore(key=key, now_us=now_us, stale_us=now_us - CLAIM_US, owner=by)
        return bool(await self._db.write(lambda: single(statement)))

    async def finish(self, keys: Sequence[str], *, by: str) -> None:
        """They are done, for good."""
        now_us = self._clock.now_us()
        rows = [{"key": key, "now_us": now_us, "owner": by} for key in sorted(keys)]
        await self._db.write(lambda: single(q.finish_chore.many(rows)))

    async def finished(self, keys: Sequence[str]) -> set[str]:
        """Which of them are done."""
        rows = await self._db.read(lambda: single(q.finished_chores(keys=keys)))
        return {row["key"] for row in rows}

    async def claim(self, key: str, *, by: str) -> bool:
        """Whether this caller is the one to do it, which settles it: for what may be lost but never done twice."""
        statement = q.claim_chore(key=key, now_us=self._clock.now_us(), owner=by)
        return bool(await self._db.write(lambda: single(statement)))

    async def unclaim(self, key: str) -> None:
        """Leave it to a later try."""
        await self._db.write(lambda: single(q.unclaim_chore(key=key)))

    async def spent_months(self) -> list[SpentMonth]:
        """For every channel that ever spent money, when it last did."""
        rows = await self._db.read(lambda: single(q.turned_channels()))
        return [
            SpentMonth(row["workspace"], row["channel"], row["period"], row["zone"] or row["shared_zone"])
            for row in rows
        ]

    async def unattended(self, *, before_us: int) -> list[Unattended]:
        """Requests accepted before that time that could be begun and are not, oldest first."""
        rows = await self._db.read(lambda: single(q.unattended(before_us=before_us)))
        return [
            Unattended(
                run_id=row["id"],
                workspace=row["workspace"],
                channel=row["channel"],
                user=row["user_id"],
                thread_ts=row["thread_ts"],
                response_url=json.loads(row["options_json"]).get("response_url"),
            )
            for row in rows
        ]

    async def forget_texts(self, *, before_us: int) -> None:
        """Drop requests, answers and steps of runs that ended before that time; calls and sums stay."""
        await self._db.write(lambda: single(q.forget_texts(before_us=before_us)))
