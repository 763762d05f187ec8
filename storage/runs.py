"""The rows of runs: accepted once, owned by one process at a time, finished together with the intent to tell people."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

from patterns.core.errors import RunLostError, StorageError
from patterns.core.ports import Clock, Fence
from patterns.core.text import storable
from storage.database.database import Database
from storage.database.statements import Row, Statement, Work, load, single
from storage.run_rows import NewRun, RunRow, new_run_id, run_of

q = load("runs")

HandOver = Callable[[str, str], Work[None]]
"""Part of a transaction: workspace and channel whose waiting runs may have found a place."""


class RunStore:
    """Reads and writes runs, their threads and texts."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._hand_over: HandOver | None = None

    def hand_over_with(self, hand_over: HandOver) -> None:
        """Have accepted runs given to the workers of other machines, in the transaction that accepts them."""
        self._hand_over = hand_over

    async def accept(self, new: NewRun) -> tuple[str, bool]:
        """Store a request. Returns the run's id, and False when this delivery had opened it before."""
        run_id, now_us = new_run_id(), self._clock.now_us()

        def work() -> Work[tuple[str, bool]]:
            yield q.insert_snapshot(hash=new.roster_hash, json=new.roster_json)
            written = yield q.insert_run(
                id=run_id,
                workspace=new.workspace,
                channel=new.channel,
                channel_kind=new.channel_kind,
                thread_ts=new.thread_ts,
                user_id=new.user,
                kind=new.kind,
                request_content=f"{run_id}:request",
                flow=new.flow,
                options_json=json.dumps(dict(new.options)),
                roster_hash=new.roster_hash,
                now_us=now_us,
                delivery_key=new.delivery_key,
            )
            if not written:
                known = yield q.run_of_delivery(workspace=new.workspace, delivery_key=new.delivery_key)
                return str(known[0]["id"]), False
            yield _content(run_id, new.workspace, "request", storable(new.request), now_us)
            if self._hand_over is not None:
                yield from self._hand_over(new.workspace, new.channel)
            return run_id, True

        return await self._db.write(work)

    async def get(self, run_id: str) -> RunRow | None:
        """One run."""
        rows = await self._read(q.find_run(id=run_id))
        return run_of(rows[0]) if rows else None

    async def text(self, run_id: str, kind: Literal["request", "result"]) -> str | None:
        """The request or the stored result; None once forgotten."""
        rows = await self._read(q.find_content(id=f"{run_id}:{kind}"))
        return str(rows[0]["text"]) if rows else None

    async def snapshot(self, roster_hash: str) -> str:
        """The roster and prompts a run was accepted under, as stored."""
        rows = await self._read(q.find_snapshot(hash=roster_hash))
        if not rows:
            raise StorageError("The roster this run was accepted under is not in the database.")
        return str(rows[0]["json"])

    async def claim(self, run_id: str, *, owner: str, lease_s: float) -> RunRow | None:
        """Own the run, or None: somebody else does, it is parked or done, or its thread is busy with another."""
        now_us = self._clock.now_us()

        def work() -> Work[RunRow | None]:
            rows = yield q.lock_run(id=run_id)
            # A hint that comes late must not occupy the thread of a run that is over.
            if not rows or rows[0]["status"] in {"parked", "done"}:
                return None
            row = rows[0]
            # Whoever only has to end it needs no turn in its thread.
            waits = row["thread_ts"] and not row["cancel_requested_by"]
            if waits and not (yield q.occupy_thread(**_thread(row), user_id=row["user_id"])):
                return None
            claimed = yield q.claim_run(
                id=run_id, owner=owner, lease_until_us=now_us + int(lease_s * 1e6), now_us=now_us
            )
            return run_of(claimed[0]) if claimed else None

        return await self._db.write(work)

    async def claim_telling(self, run_id: str, *, owner: str, lease_s: float) -> RunRow | None:
        """Own what is left to tell of a run that ended or waits; None when somebody else is telling it."""
        now_us = self._clock.now_us()
        until_us = now_us + int(lease_s * 1e6)
        rows = await self._write(q.claim_telling(id=run_id, owner=owner, lease_until_us=until_us, now_us=now_us))
        return run_of(rows[0]) if rows else None

    async def renew(self, fence: Fence, *, lease_s: float, executed_ms: int) -> str | None:
        """Stay the owner; returns who asked the run to stop, if anybody did.

        Raises:
            RunLostError: another process owns it.
        """
        until_us = self._clock.now_us() + int(lease_s * 1e6)
        rows = await self._write(
            q.renew_lease(id=fence.run_id, epoch=fence.epoch, lease_until_us=until_us, executed_ms=executed_ms)
        )
        if not rows:
            raise RunLostError
        by: str | None = rows[0]["cancel_requested_by"]
        return by

    async def release(self, fence: Fence, *, executed_ms: int) -> None:
        """Leave the run, or what is left to tell of it, to whoever comes next."""
        await self._write(q.release_lease(id=fence.run_id, epoch=fence.epoch, executed_ms=executed_ms))

    async def break_leases(self) -> None:
        """Make every run of Slack claimable: only for the holder of the bot's role, whose rivals are dead."""
        await self._write(q.break_leases())

    async def place(self, run: RunRow, *, root_ts: str, thread_ts: str) -> None:
        """Remember the root message and occupy its thread."""

        def work() -> Work[list[Row]]:
            placed = yield q.place_run(id=run.id, epoch=run.epoch, root_ts=root_ts, thread_ts=thread_ts)
            if placed:
                yield q.occupy_thread(
                    workspace=run.workspace, channel=run.channel, thread_ts=thread_ts, run_id=run.id, user_id=run.user
                )
            return placed

        if not await self._db.write(work):
            raise RunLostError

    async def set_flow(self, fence: Fence, *, flow: str, worst_nusd: int) -> None:
        """Remember what was chosen."""
        await self._write(q.set_flow(id=fence.run_id, epoch=fence.epoch, flow=flow, worst_nusd=worst_nusd))

    async def park(self, fence: Fence, *, executed_ms: int) -> None:
        """Let go of everything until somebody decides."""
        if not await self._write(q.park_run(id=fence.run_id, epoch=fence.epoch, executed_ms=executed_ms)):
            raise RunLostError

    async def wake(self, run_id: str) -> bool:
        """Make a parked run claimable again; False when it was not parked."""
        return bool(await self._write(q.wake_run(id=run_id)))

    async def finish(
        self,
        run: RunRow,
        *,
        stop_reason: str,
        result_json: str,
        cost_nusd: int,
        executed_ms: int,
        intents: Sequence[str],
    ) -> str | None:
        """Write the end and the names of the messages that will tell it. Returns the next run of the thread.

        Raises:
            RunLostError: another process owns it.
        """
        now_us = self._clock.now_us()

        def work() -> Work[str | None]:
            done = yield q.finish_run(
                id=run.id,
                epoch=run.epoch,
                stop_reason=stop_reason,
                cost_nusd=cost_nusd,
                executed_ms=executed_ms,
                now_us=now_us,
            )
            if not done:
                raise RunLostError
            yield _content(run.id, run.workspace, "result", result_json, now_us)
            for name in intents:
                yield q.insert_intent(run_id=run.id, name=name, channel=run.channel, now_us=now_us)
            rows = yield q.find_run(id=run.id)
            if not rows[0]["thread_ts"]:
                return None
            yield q.vacate_thread(**_thread(rows[0]))
            waiting = yield q.next_in_thread(**_thread(rows[0], with_run=False))
            return str(waiting[0]["id"]) if waiting else None

        return await self._db.write(work)

    async def request_cancel(self, run_id: str, *, by: str) -> bool:
        """Ask the run to stop; False when it is over or somebody asked before."""
        return bool(await self._write(q.cancel_run(id=run_id, user_id=by)))

    async def open_ids(self) -> list[str]:
        """Runs of Slack that wait for somebody to go on with them, oldest first."""
        return [str(row["id"]) for row in await self._read(q.open_runs())]

    async def waiting_ids(self) -> list[str]:
        """Runs of Slack that could go on now and that nobody executes, oldest first."""
        return [str(row["id"]) for row in await self._read(q.waiting_runs(now_us=self._clock.now_us()))]

    async def unasked_ids(self) -> list[str]:
        """Parked runs whose question does not stand in their thread, or that were decided and never woken."""
        return [str(row["id"]) for row in await self._read(q.unasked_runs())]

    async def undelivered_ids(self) -> list[str]:
        """Finished runs whose messages are not all posted."""
        return [str(row["id"]) for row in await self._read(q.undelivered_runs())]

    async def live(self, workspace: str, channel: str) -> list[RunRow]:
        """Runs of a channel that are not over, newest first."""
        rows = await self._read(q.live_runs_of(workspace=workspace, channel=channel))
        return [run_of(row) for row in rows]

    async def recent(self, workspace: str, user: str, *, most: int = 10) -> list[RunRow]:
        """A person's latest runs."""
        rows = await self._read(q.recent_runs(workspace=workspace, user_id=user, most=most))
        return [run_of(row) for row in rows]

    async def earlier(self, run: RunRow, *, most: int) -> list[tuple[str, str]]:
        """The thread's earlier requests with their stored results, oldest first."""
        if not run.thread_ts:
            return []
        rows = await self._read(
            q.earlier_in_thread(
                workspace=run.workspace,
                channel=run.channel,
                thread_ts=run.thread_ts,
                before_us=run.created_us,
                most=most,
            )
        )
        return [(row["request"], row["result"]) for row in reversed(rows)]

    async def money(self, run_id: str) -> list[Row]:
        """Calls, dollars and uncertain dollars by model."""
        return await self._read(q.money_of(run_id=run_id))

    async def feedback(self, run_id: str, *, user: str, value: str) -> None:
        """Keep what a person thought of an answer."""
        now_us = self._clock.now_us()
        await self._write(q.insert_feedback(run_id=run_id, user_id=user, value=value, now_us=now_us))

    async def _read(self, statement: Statement) -> list[Row]:
        return await self._db.read(lambda: single(statement))

    async def _write(self, statement: Statement) -> list[Row]:
        return await self._db.write(lambda: single(statement))


def _content(run_id: str, workspace: str, kind: str, text: str, now_us: int) -> Statement:
    return q.insert_content(
        id=f"{run_id}:{kind}", run_id=run_id, workspace=workspace, kind=kind, text=text, now_us=now_us
    )


def _thread(row: Row, *, with_run: bool = True) -> dict[str, Any]:
    names = {"workspace": row["workspace"], "channel": row["channel"], "thread_ts": row["thread_ts"]}
    return {**names, "run_id": row["id"]} if with_run else names
