"""Transactional outbox: the intent to post is committed before the post, so that a crash in between is noticed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Row, Statement, Work, beside, load, several, single

q = load("runs")

OutState = Literal["new", "intended", "posted", "abandoned"]


@dataclass(slots=True)
class _Recalled:
    """What one look finds of a run's messages, and the statements that wait for the next write."""

    looking: asyncio.Task[list[Row]]
    rows: dict[str, Row] | None = None
    late: list[Statement] = field(default_factory=list)

    async def known(self) -> dict[str, Row]:
        """Return the messages by name, once the look is over."""
        if self.rows is None:
            found = await asyncio.shield(self.looking)
            self.rows = self.rows or {row["name"]: row for row in found}
        return self.rows


class Outbox:
    """Repository of outgoing messages, one row for each message of a run, by name."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._fresh: set[tuple[str, str]] = set()
        self._recalled: dict[str, _Recalled] = {}

    @asynccontextmanager
    async def recalled(self, run_id: str) -> AsyncIterator[None]:
        """Answer from one look at a run's messages inside the block, for its owner: nobody else posts them meanwhile.

        What a message was edited to show is written with the next mark of the run, at the end of the block at the
        latest: after a crash it is shown once more.
        """
        if run_id in self._recalled:
            yield
            return
        reading = self._db.read(lambda: single(q.outs_of_run(run_id=run_id)))  # with what else is asked for just now
        recalled = self._recalled[run_id] = _Recalled(asyncio.create_task(reading, name=f"messages of {run_id}"))
        try:
            yield
        finally:
            del self._recalled[run_id]
            recalled.looking.cancel()
            await asyncio.gather(recalled.looking, return_exceptions=True)
            if recalled.late:
                await self._write(recalled.late)

    def note_committed(self, run_id: str, name: str) -> None:
        """Remember that this process committed the intent in another transaction and has not posted the message yet."""
        self._fresh.add((run_id, name))

    def is_unattempted(self, run_id: str, name: str) -> bool:
        """Return whether this process wrote the intent and has not tried to post the message yet."""
        return (run_id, name) in self._fresh

    async def add_intent(
        self, run_id: str, name: str, channel: str, *, also: Callable[[], Work[None]] | None = None
    ) -> tuple[OutState, str | None]:
        """Write the intent to post a message; return its state before, and its timestamp if it was posted.

        `new` may be posted at once; `intended` may have been posted already and must be looked for first. `also` is run
        at the end of the same transaction.
        """
        now_us, late = self._clock.now_us(), self._late(run_id)

        def work() -> Work[bool]:
            yield from several(late)
            intent = q.insert_intent(run_id=run_id, name=name, channel=channel, now_us=now_us)
            is_new, _ = yield from beside(single(intent), also() if also is not None else several(()))
            return bool(is_new)

        is_known = (run_id, name) in self._fresh or run_id in self._recalled
        known = await self._row(run_id, name) if is_known else None
        if known is None:
            is_new = await self._db.write(work, repeatable=True)
            known = None if is_new else await self._found(run_id, name)
            known_now = known or {"state": "intended", "ts": None, "shows": ""}
            self._note(run_id, name, **{key: known_now[key] for key in ("state", "ts", "shows")})
        if known is None:
            return "new", None
        state: OutState = known["state"]
        if state == "intended" and (run_id, name) in self._fresh:
            self._fresh.discard((run_id, name))
            return "new", None
        return state, known["ts"]

    async def find(self, run_id: str, name: str) -> str | None:
        """Return the timestamp of a posted message; None otherwise."""
        row = await self._row(run_id, name)
        return row["ts"] if row else None

    async def last_shown(self, run_id: str, name: str) -> tuple[str | None, str]:
        """Return the timestamp of a posted message and what it was last edited to show: empty when never edited."""
        row = await self._row(run_id, name)
        return (row["ts"], row["shows"]) if row else (None, "")

    async def mark_shown(self, run_id: str, name: str, shows: str) -> None:
        """Record what a message was edited to show."""
        statement = q.mark_shown(run_id=run_id, name=name, shows=shows)
        await self._known(run_id)
        self._note(run_id, name, shows=shows)
        if run_id in self._recalled:
            self._recalled[run_id].late.append(statement)
        else:
            await self._write([statement])

    async def forget_shown(self, run_id: str) -> None:
        """Forget what the messages of a run were edited to show, so that each is edited once more."""
        await self._write([q.forget_shown(run_id=run_id)])

    async def exists(self, run_id: str, name: str) -> bool:
        """Return whether an intent for the message exists: it may have been posted."""
        return await self._row(run_id, name) is not None

    async def exists_by_now(self, run_id: str, name: str) -> bool:
        """Return whether anybody has written an intent of this name, also since the run's messages were recalled."""
        return bool(await self._db.read(lambda: single(q.find_out(run_id=run_id, name=name))))

    async def alias(self, run_id: str, name: str, channel: str, ts: str) -> None:
        """Record the message already posted at `ts` under this name too, unless the name is taken."""

        def work() -> Work[bool]:
            now_us = self._clock.now_us()
            is_new = yield q.insert_intent(run_id=run_id, name=name, channel=channel, now_us=now_us)
            if is_new:
                yield q.mark_posted(run_id=run_id, name=name, ts=ts, now_us=now_us)
            return bool(is_new)

        if await self._db.write(work):
            self._note(run_id, name, state="posted", ts=ts, shows="")

    async def posted_names(self, run_id: str) -> list[str]:
        """Return the names of the run's posted messages."""
        return [row["name"] for row in await self._rows(run_id, "posted")]

    async def has_posted(self, run_id: str, ts: str) -> bool:
        """Return whether the message at `ts` is one of the run's posted messages."""
        return any(row["ts"] == ts for row in await self._rows(run_id, "posted"))

    async def unposted_names(self, run_id: str) -> list[str]:
        """Return the names of the run's messages that are intended and not known to be posted."""
        return [row["name"] for row in await self._rows(run_id, "intended")]

    async def mark_posted(self, run_id: str, name: str, ts: str) -> None:
        """Mark a message as posted under a timestamp."""
        await self._known(run_id)
        statement = self.posted(run_id, name, ts)
        await self._write([*self._late(run_id), statement])

    def posted(self, run_id: str, name: str, ts: str) -> Statement:
        """Note a message as posted under a timestamp, and return the statement that marks it so."""
        self._fresh.discard((run_id, name))
        self._note(run_id, name, state="posted", ts=ts)
        return q.mark_posted(run_id=run_id, name=name, ts=ts, now_us=self._clock.now_us())

    def closed(self, run_id: str, name: str, ts: str) -> list[Statement]:
        """Note the last message of a run as posted, and return that with everything else still to be written."""
        return [*self._late(run_id), self.posted(run_id, name, ts)]

    async def mark_abandoned(self, run_id: str, name: str) -> None:
        """Mark a message as never to be posted; the caller has reported why."""
        self._fresh.discard((run_id, name))
        known = (await self._known(run_id) or {}).get(name)
        if known is not None and known["state"] == "intended":
            self._note(run_id, name, state="abandoned")
        await self._write([q.mark_abandoned(run_id=run_id, name=name, now_us=self._clock.now_us())])

    # ------------------------------------------------------------ what is recalled

    async def _row(self, run_id: str, name: str) -> Row | None:
        known = await self._known(run_id)
        if known is not None:
            return known.get(name)
        return await self._found(run_id, name)

    async def _found(self, run_id: str, name: str) -> Row | None:
        return next(iter(await self._db.read(lambda: single(q.find_out(run_id=run_id, name=name)))), None)

    async def _rows(self, run_id: str, state: OutState) -> list[Row]:
        known = await self._known(run_id)
        found = await self._db.read(lambda: single(q.outs_of_run(run_id=run_id))) if known is None else known.values()
        return sorted((row for row in found if row["state"] == state), key=lambda row: str(row["name"]))

    async def _known(self, run_id: str) -> dict[str, Row] | None:
        """Return the messages of a run that is recalled, by name; None of others."""
        recalled = self._recalled.get(run_id)
        return None if recalled is None else await recalled.known()

    def _note(self, run_id: str, name: str, **changes: object) -> None:
        recalled = self._recalled.get(run_id)
        known = None if recalled is None else recalled.rows
        if known is not None and (changes.get("state") or name in known):
            known[name] = {"name": name, "ts": None, "shows": "", **known.get(name, {}), **changes}

    def _late(self, run_id: str) -> list[Statement]:
        """Take the statements that wait for the next write of the run."""
        recalled = self._recalled.get(run_id)
        if recalled is None:
            return []
        late, recalled.late = recalled.late, []
        return late

    async def _write(self, statements: Sequence[Statement]) -> None:
        # What is lost is looked for, or shown, once more.
        await self._db.write(lambda: several(statements), repeatable=True, durable=False)
