"""Idempotency keys of scheduled chores: of several processes, only the one that claims a key does the chore."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import load, single

q = load("chores")

BACKUP = "backup"
"""The chore of `agents backup`: its time says when the last sound copy was made."""
LEASE_US = 600_000_000
"""Duration of a lease, 10 minutes: past it the process is dead, because no chore takes that long."""


@dataclass(frozen=True, slots=True)
class LatestMonth:
    """The latest month in which a channel spent money. `zone` None: the deployment's."""

    workspace: str
    channel: str
    period: str
    zone: str | None


@dataclass(frozen=True, slots=True)
class UnclaimedRequest:
    """An accepted request that no process has claimed. `response_url` is Slack's private reply address of a command."""

    run_id: str
    workspace: str
    channel: str
    user: str
    thread_ts: str
    response_url: str | None


class Chores:
    """Repository of chore keys, with the reads that the chores need."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def lease(self, key: str, *, by: str) -> bool:
        """Lease a chore that is neither finished nor leased; return False otherwise. Leases expire after `LEASE_US`."""
        now_us = self._clock.now_us()
        statement = q.lease_chore(key=key, now_us=now_us, stale_us=now_us - LEASE_US, owner=by)
        return bool(await self._db.write(lambda: single(statement)))

    async def finish(self, keys: Sequence[str], *, by: str) -> None:
        """Mark chores as finished for good, whether they were leased or not."""
        now_us = self._clock.now_us()
        rows = [{"key": key, "now_us": now_us, "owner": by} for key in sorted(keys)]
        await self._db.write(lambda: single(q.finish_chore.many(rows)))

    async def done_us(self, key: str) -> int | None:
        """Return when a chore was finished last, in microseconds; None where it never was."""
        rows = await self._db.read(lambda: single(q.chore_done(key=key)))
        return int(rows[0]["done_us"]) if rows else None

    async def finished(self, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that are finished."""
        rows = await self._db.read(lambda: single(q.finished_chores(keys=keys)))
        return {row["key"] for row in rows}

    async def claim_once(self, key: str, *, by: str) -> bool:
        """Claim a chore for good and return whether this caller got it: at-most-once execution."""
        statement = q.claim_chore_once(key=key, now_us=self._clock.now_us(), owner=by)
        return bool(await self._db.write(lambda: single(statement)))

    async def release(self, key: str) -> None:
        """Delete a claim, so that a later attempt can make it again."""
        await self._db.write(lambda: single(q.release_chore(key=key)))

    async def latest_months(self) -> list[LatestMonth]:
        """Return the latest month with spending of every channel that ever spent money."""
        rows = await self._db.read(lambda: single(q.latest_months()))
        return [
            LatestMonth(row["workspace"], row["channel"], row["period"], row["zone"] or row["shared_zone"])
            for row in rows
        ]

    async def unclaimed_requests(self, *, before_us: int) -> list[UnclaimedRequest]:
        """Return Slack requests accepted before that time that could start and have not, oldest first."""
        rows = await self._db.read(lambda: single(q.unclaimed_requests(before_us=before_us)))
        return [
            UnclaimedRequest(
                run_id=row["id"],
                workspace=row["workspace"],
                channel=row["channel"],
                user=row["user_id"],
                thread_ts=row["thread_ts"],
                response_url=json.loads(row["options_json"]).get("response_url"),
            )
            for row in rows
        ]
