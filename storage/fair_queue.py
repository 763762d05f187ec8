"""Fair queue for several machines: the run table is the queue, and channel and person each get a share and no more."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from patterns.core.ports import Clock
from storage.database.connect import CODE_VERSION
from storage.database.database import Database
from storage.database.pipelined import Connection, Enlisted
from storage.database.statements import Row, Work, load, single

q = load("fair_queue")

CHANNEL_SHARE = 4
"""Runs of one channel that workers may have at once, so that a busy channel delays itself and not the others."""
PERSON_SHARE = 4
"""Runs of one person that workers may have at once in all channels: twenty channels get no more than one."""
REQUEUE_S = 60.0
"""Seconds after which a run that no worker has claimed is enqueued again."""

Defer = Callable[[Connection, str], Awaitable[None]]
"""Enqueues the job of a run inside the connection's transaction; idempotent."""


class FairQueue:
    """Fair queue over the run table, with a share of workers per channel and per person. PostgreSQL only."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        defer: Defer,
        *,
        share: int = CHANNEL_SHARE,
        person_share: int = PERSON_SHARE,
    ) -> None:
        self._db = db
        self._clock = clock
        self._defer = defer
        self._share = share
        self._person_share = person_share

    def enqueue(self, workspace: str, channel: str) -> Work[None]:
        """Enqueue waiting runs of a channel up to the shares, inside a transaction: rows and jobs commit together."""
        now_us = self._clock.now_us()
        where = {"workspace": workspace, "channel": channel, "now_us": now_us, "code": CODE_VERSION}
        shares = {"share": self._share, "person_share": self._person_share}
        _, locked = yield q.lock_channel(key=f"{workspace}/{channel}"), q.lock_people(**where, **shares)
        if not locked:
            return
        handed = yield q.take_waiting_runs(
            people=[row["user_id"] for row in locked], until_us=now_us + int(REQUEUE_S * 1e6), **where, **shares
        )
        for row in handed:
            yield Enlisted.by(partial(self._defer_run, str(row["id"])))

    async def enqueue_channel(self, workspace: str, channel: str) -> None:
        """Enqueue waiting runs of a channel up to its share."""
        await self._db.write(lambda: self.enqueue(workspace, channel), durable=False)

    async def enqueue_channel_of(self, run_id: str) -> None:
        """Enqueue waiting runs of the run's channel, and of the one where its person has waited longest."""
        await self._enqueue_in(await self._db.read(lambda: self._channels_of(run_id)))

    def _channels_of(self, run_id: str) -> Work[list[Row]]:
        now_us, shares = self._clock.now_us(), {"share": self._share, "person_share": self._person_share}
        rows = yield q.channels_of(id=run_id, now_us=now_us, code=CODE_VERSION, **shares)
        return rows

    async def _enqueue_in(self, channels: Sequence[Row]) -> None:
        for row in channels:
            if row["has_waiting"]:
                await self.enqueue_channel(row["workspace"], row["channel"])

    async def ahead(self, run_id: str) -> int | None:
        """Return how many waiting runs of the same person come before this one; None when it waits for no worker."""
        rows = await self._db.read(lambda: single(q.waiting_before(id=run_id, now_us=self._clock.now_us())))
        return int(rows[0]["ahead"]) if rows else None

    async def enqueue_all(self) -> float | None:
        """Enqueue waiting runs of every channel up to its share; return in how many seconds the next lease is over."""
        now_us = self._clock.now_us()
        waiting, (expiry,) = await asyncio.gather(
            self._db.read(lambda: single(q.waiting_channels(now_us=now_us, code=CODE_VERSION))),
            self._db.read(lambda: single(q.next_expiry(now_us=now_us))),
        )
        for row in waiting:
            await self.enqueue_channel(row["workspace"], row["channel"])
        return None if expiry["at_us"] is None else (expiry["at_us"] - self._clock.now_us()) / 1e6

    async def hand_on(self, run_id: str) -> None:
        """Enqueue what comes after an attempt of a run; free the slot of a run that could not go on."""
        channels = await self._db.read(lambda: self._channels_of(run_id))
        if any(row["is_stuck"] for row in channels):

            def work() -> Work[list[Row]]:
                yield q.release_slot(id=run_id)
                return (yield from self._channels_of(run_id))

            channels = await self._db.write(work, durable=False)
        await self._enqueue_in(channels)

    async def _defer_run(self, run_id: str, connection: Connection) -> None:
        await self._defer(connection, run_id)
