"""Reads of the run table: single runs, their texts, and the lists of those that need work."""

import re
from dataclasses import dataclass
from typing import Literal

from patterns.core.errors import StorageError
from patterns.core.ports import Clock
from storage.database.connect import CODE_VERSION
from storage.database.database import Database
from storage.database.statements import Row, Statement, Work, load, single
from storage.run_rows import Lane, RunRow, lane_of, run_of

q = load("runs")
BEGINNING_MIN = 4
"""Characters of an id that name a run at least."""
ID_BEGINNING = re.compile(rf"r[0-9a-f]{{{BEGINNING_MIN - 1},}}")
"""As much of a run's id as may stand for it where no other one begins like that."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """How many runs wait for a process, for how many seconds the oldest new one has, and how many have one."""

    waiting: int
    oldest_wait_s: int
    working: int


class RunReader:
    """Reads of runs. Those whose `needs_code` is above `code`, the version of this program, are not listed as work."""

    def __init__(self, db: Database, clock: Clock, *, code: int = CODE_VERSION) -> None:
        self._db = db
        self._clock = clock
        self._code = code

    async def get(self, run_id: str) -> RunRow | None:
        """Return a run; None when there is none of that id."""
        rows = await self._read(q.find_run(id=run_id))
        return run_of(rows[0]) if rows else None

    async def named(
        self, said: str, *, workspace: str = "", channel: str = "", user: str = ""
    ) -> tuple[RunRow | None, int]:
        """Return the run of an id, else the only one whose id begins like that, and how many fit.

        An id is looked for in the workspace, a beginning among the runs of the channel and of the person there; both
        among all runs when no workspace is named.
        """
        if not ID_BEGINNING.fullmatch(said):
            return None, 0
        if (run := await self.get(said)) is not None:
            return (run, 1) if workspace in ("", run.workspace) else (None, 0)
        rows = await self._read(q.run_named(said=said, workspace=workspace, channel=channel, user_id=user))
        fits = int(rows[0]["fits"]) if rows else 0
        return (run_of(rows[0]) if fits == 1 else None), fits

    async def text(self, run_id: str, kind: Literal["request", "result"]) -> str | None:
        """Return the request or the stored result; None once deleted."""
        return await self._db.read(lambda: self.reading_text(run_id, kind))

    @staticmethod
    def reading_text(run_id: str, kind: Literal["request", "result"]) -> Work[str | None]:
        """Return the request or the stored result as part of a transaction."""
        rows = yield q.find_content(id=f"{run_id}:{kind}")
        return str(rows[0]["text"]) if rows else None

    async def snapshot(self, roster_hash: str) -> str:
        """Return the JSON of the roster and prompts a run was accepted under.

        Raises:
            StorageError: it is not in the database.
        """
        rows = await self._read(q.find_snapshot(hash=roster_hash))
        if not rows:
            raise StorageError("The roster this run was accepted under is not in the database.")
        return str(rows[0]["json"])

    async def claimable(self) -> dict[str, Lane]:
        """Return the Slack runs that could go on now and have no owner, by id with their lanes, oldest first."""
        rows = await self._read(q.claimable_runs(now_us=self._clock.now_us(), code=self._code))
        return {str(row["id"]): lane_of(row) for row in rows}

    async def lane(self, run_id: str) -> Lane | None:
        """Return where a run waits its turn; None when there is none of that id."""
        rows = await self._read(q.find_lane(id=run_id))
        return lane_of(rows[0]) if rows else None

    async def queue_state(self) -> QueueState:
        """Return what waits for a process and what is being worked on, by leases."""
        now_us = self._clock.now_us()
        [row] = await self._read(q.queue_state(now_us=now_us))
        oldest_us = now_us if row["oldest_us"] is None else int(row["oldest_us"])
        return QueueState(int(row["waiting"]), max(0, now_us - oldest_us) // 1_000_000, int(row["working"]))

    async def unposted_question_ids(self) -> list[str]:
        """Return the ids of parked runs whose question is not posted, or was decided without waking the run."""
        return [str(row["id"]) for row in await self._read(q.runs_with_unposted_question(code=self._code))]

    async def undelivered_ids(self) -> list[str]:
        """Return the ids of finished runs with messages still to be posted."""
        return [str(row["id"]) for row in await self._read(q.undelivered_runs(code=self._code))]

    async def unfinished(self, workspace: str, channel: str) -> list[RunRow]:
        """Return the runs of a channel that are not over, newest first."""
        rows = await self._read(q.live_runs_of(workspace=workspace, channel=channel))
        return [run_of(row) for row in rows]

    async def recent(self, workspace: str, user: str, *, most: int = 10) -> list[RunRow]:
        """Return the latest runs of a person, newest first."""
        rows = await self._read(q.recent_runs(workspace=workspace, user_id=user, most=most))
        return [run_of(row) for row in rows]

    @staticmethod
    def reading_exchanges(run: RunRow, *, most: int) -> Work[list[tuple[str, str]]]:
        """Return the earlier exchanges of the run's thread as part of a transaction."""
        if not run.thread_ts:
            return []
        rows = yield q.earlier_in_thread(
            workspace=run.workspace,
            channel=run.channel,
            thread_ts=run.thread_ts,
            before_us=run.created_us,
            most=most,
        )
        return [(row["request"], row["result"]) for row in reversed(rows)]

    async def has_read_private(self, run: RunRow) -> bool:
        """Return whether an earlier run of its thread has read something private with a tool."""
        if not run.thread_ts:
            return False
        thread = {"workspace": run.workspace, "channel": run.channel, "thread_ts": run.thread_ts}
        return bool(await self._read(q.private_in_thread(**thread, before_us=run.created_us)))

    async def ahead_in_thread(self, run: RunRow) -> int:
        """Return how many requests of the run's thread come before it and are not over."""
        ((row),) = await self._read(
            q.ahead_in_thread(
                workspace=run.workspace,
                channel=run.channel,
                thread_ts=run.thread_ts,
                created_us=run.created_us,
                id=run.id,
            )
        )
        return int(row["ahead"])

    async def unknown_acts(self, run_id: str) -> list[str]:
        """Return the tools of which nobody knows whether a call of this run that acts was done."""
        return [str(row["tool"]) for row in await self._read(q.unknown_acts(run_id=run_id))]

    async def cost_by_model(self, run_id: str) -> list[Row]:
        """Return the cost of a run by model, as rows model, calls, cost_nusd, uncertain_nusd."""
        return await self._read(q.cost_by_model(run_id=run_id))

    async def tool_uses(self, run_id: str) -> list[tuple[str, bool]]:
        """Return the tools that a run called, in order, each with whether it ended in an error."""
        return [(row["tool"], bool(row["is_error"])) for row in await self._read(q.tool_uses(run_id=run_id))]

    async def _read(self, statement: Statement) -> list[Row]:
        return await self._db.read(lambda: single(statement))
