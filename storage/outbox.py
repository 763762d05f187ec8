"""Transactional outbox: the intent to post is committed before the post, so that a crash in between is noticed."""

from typing import Literal

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Row, Work, load, single

q = load("runs")

OutState = Literal["new", "intended", "posted", "abandoned"]


class Outbox:
    """Repository of outgoing messages, one row for each message of a run, by name."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._fresh: set[tuple[str, str]] = set()

    def note_committed(self, run_id: str, name: str) -> None:
        """Remember that this process committed the intent in another transaction and has not posted the message yet."""
        self._fresh.add((run_id, name))

    def is_unattempted(self, run_id: str, name: str) -> bool:
        """Return whether this process wrote the intent and has not tried to post the message yet."""
        return (run_id, name) in self._fresh

    async def add_intent(self, run_id: str, name: str, channel: str) -> tuple[OutState, str | None]:
        """Write the intent to post a message; return its state before, and its timestamp if it was posted.

        `new` may be posted at once; `intended` may have been posted already and must be looked for first.
        """
        now_us = self._clock.now_us()

        def work() -> Work[Row | None]:
            if (yield q.insert_intent(run_id=run_id, name=name, channel=channel, now_us=now_us)):
                return None
            (row,) = yield q.find_out(run_id=run_id, name=name)
            return dict(row)

        known = None
        if (run_id, name) in self._fresh:
            known = next(iter(await self._db.read(lambda: single(q.find_out(run_id=run_id, name=name)))), None)
        known = known or await self._db.write(work)
        if known is None:
            return "new", None
        state: OutState = known["state"]
        if state == "intended" and (run_id, name) in self._fresh:
            self._fresh.discard((run_id, name))
            return "new", None
        return state, known["ts"]

    async def find(self, run_id: str, name: str) -> str | None:
        """Return the timestamp of a posted message; None otherwise."""
        rows = await self._db.read(lambda: single(q.find_out(run_id=run_id, name=name)))
        return rows[0]["ts"] if rows else None

    async def last_shown(self, run_id: str, name: str) -> tuple[str | None, str]:
        """Return the timestamp of a posted message and what it was last edited to show: empty when never edited."""
        rows = await self._db.read(lambda: single(q.find_out(run_id=run_id, name=name)))
        return (rows[0]["ts"], rows[0]["shows"]) if rows else (None, "")

    async def mark_shown(self, run_id: str, name: str, shows: str) -> None:
        """Record what a message was edited to show."""
        await self._db.write(lambda: single(q.mark_shown(run_id=run_id, name=name, shows=shows)))

    async def exists(self, run_id: str, name: str) -> bool:
        """Return whether an intent for the message exists: it may have been posted."""
        return bool(await self._db.read(lambda: single(q.find_out(run_id=run_id, name=name))))

    async def alias(self, run_id: str, name: str, channel: str, ts: str) -> None:
        """Record the message already posted at `ts` under this name too, unless the name is taken."""

        def work() -> Work[None]:
            now_us = self._clock.now_us()
            if (yield q.insert_intent(run_id=run_id, name=name, channel=channel, now_us=now_us)):
                yield q.mark_posted(run_id=run_id, name=name, ts=ts, now_us=now_us)

        await self._db.write(work)

    async def posted_names(self, run_id: str) -> list[str]:
        """Return the names of the run's posted messages."""
        return [row["name"] for row in await self._db.read(lambda: single(q.posted_of(run_id=run_id)))]

    async def has_posted(self, run_id: str, ts: str) -> bool:
        """Return whether the message at `ts` is one of the run's posted messages."""
        return any(row["ts"] == ts for row in await self._db.read(lambda: single(q.posted_of(run_id=run_id))))

    async def unposted_names(self, run_id: str) -> list[str]:
        """Return the names of the run's messages that are intended and not known to be posted."""
        return [row["name"] for row in await self._db.read(lambda: single(q.unposted_of(run_id=run_id)))]

    async def mark_posted(self, run_id: str, name: str, ts: str) -> None:
        """Mark a message as posted under a timestamp."""
        self._fresh.discard((run_id, name))
        statement = q.mark_posted(run_id=run_id, name=name, ts=ts, now_us=self._clock.now_us())
        await self._db.write(lambda: single(statement), repeatable=True)

    async def mark_abandoned(self, run_id: str, name: str) -> None:
        """Mark a message as never to be posted; the caller has reported why."""
        self._fresh.discard((run_id, name))
        statement = q.mark_abandoned(run_id=run_id, name=name, now_us=self._clock.now_us())
        await self._db.write(lambda: single(statement))
