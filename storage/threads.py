"""Slack threads before a run begins: their opener, their active run, and the attachments read for their runs."""

import json
from dataclasses import asdict, dataclass

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Work, beside, load, single
from storage.run_rows import RunRow

q = load("threads")


@dataclass(frozen=True, slots=True)
class Thread:
    """The address of a Slack thread."""

    workspace: str
    channel: str
    thread_ts: str


class Threads:
    """Repository of threads and of the attachments read for their runs."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def opener(self, thread: Thread) -> str | None:
        """Return the user who opened a thread with a request; None where the bot joined later or has no run."""
        rows = await self._db.read(lambda: single(q.first_in_thread(**asdict(thread))))
        if not rows:
            return None
        row = rows[0]
        began_with = (row["root_ts"], json.loads(row["options_json"]).get("message_ts"))
        return str(row["user_id"]) if thread.thread_ts in began_with else None

    async def run_of_delivery(self, workspace: str, key: str) -> str | None:
        """Return the id of the run that a delivery opened; None when it opened none."""
        rows = await self._db.read(lambda: single(q.run_of_delivery(workspace=workspace, delivery_key=key)))
        return str(rows[0]["id"]) if rows else None

    async def active_run(self, thread: Thread) -> str | None:
        """Return the id of the run that occupies a thread; None when it is free."""
        rows = await self._db.read(lambda: single(q.active_in_thread(**asdict(thread))))
        return str(rows[0]["active_run"]) if rows else None

    async def store_attachments(self, run: RunRow, text: str) -> str | None:
        """Store the attachments read for a run and return the version in force; None once deleted.

        The first one stays, so that a resumed run sees the same.
        """
        now_us = self._clock.now_us()

        def work() -> Work[str | None]:
            id_ = _attachments_id(run.id)
            yield q.store_attachments(id=id_, run_id=run.id, workspace=run.workspace, text=text, now_us=now_us)
            rows = yield from single(q.find_attachments(id=id_))
            return str(rows[0]["text"]) if rows else None

        return await self._db.write(work, repeatable=True)

    async def attachments(self, run_id: str) -> str | None:
        """Return the attachments read for a run; None before that, and once deleted."""
        rows = await self._db.read(lambda: single(q.find_attachments(id=_attachments_id(run_id))))
        return str(rows[0]["text"]) if rows else None

    async def earlier_attachments(self, run: RunRow, *, most: int) -> list[str]:
        """Return the attachments read for the earlier runs of the thread, newest first."""
        return await self._db.read(lambda: self._reading_earlier(run, most=most))

    @classmethod
    def reading_attachments(cls, run: RunRow, *, most: int) -> Work[list[str]]:
        """Return, as part of a transaction, the run's attachments, then those of its thread's earlier runs."""
        own, earlier = yield from beside(cls._reading_own(run), cls._reading_earlier(run, most=most))
        return [*own, *earlier]

    @staticmethod
    def _reading_own(run: RunRow) -> Work[list[str]]:
        rows = yield q.find_attachments(id=_attachments_id(run.id))
        return [str(row["text"]) for row in rows]

    @staticmethod
    def _reading_earlier(run: RunRow, *, most: int) -> Work[list[str]]:
        if not run.thread_ts:
            return []
        rows = yield q.earlier_attachments(
            workspace=run.workspace,
            channel=run.channel,
            thread_ts=run.thread_ts,
            before_us=run.created_us,
            most=most,
        )
        return [str(row["text"]) for row in rows]


def _attachments_id(run_id: str) -> str:
    return f"{run_id}:material"
