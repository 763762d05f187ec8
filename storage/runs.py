"""Run table: accepted once, owned by one process at a time (lease and fencing token), finished with its outbox."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from patterns.core.errors import RunLostError, StorageError
from patterns.core.holds import Fence
from patterns.core.ports import Clock
from patterns.core.text import storable
from storage.database.connect import CODE_VERSION
from storage.database.database import Database
from storage.database.statements import Row, Statement, Work, load, several, single
from storage.queue_bounds import QueueBounds, within
from storage.run_reader import RunReader
from storage.run_rows import Lane, NewRun, RunRow, lane_of, new_run_id, run_of

q = load("runs")

HandOver = Callable[[str, str], Work[None]]
"""Part of a transaction that enqueues waiting runs of a workspace and channel."""


class RunStore(RunReader):
    """Repository of runs, the threads they occupy, and their texts.

    Runs whose `needs_code` is above `code`, the version of this program, are neither listed as work nor claimed.
    """

    def __init__(self, db: Database, clock: Clock, *, code: int = CODE_VERSION) -> None:
        super().__init__(db, clock, code=code)
        self._hand_over: HandOver | None = None

    def enqueue_with(self, hand_over: HandOver) -> None:
        """Set the step that enqueues waiting runs for other machines inside the transaction that accepts one."""
        self._hand_over = hand_over

    async def accept(self, new: NewRun, bounds: QueueBounds | None = None) -> tuple[str, bool]:
        """Store a request; return the run's id, and False when this delivery had opened it before.

        Raises:
            QueueFullError: more would wait than the bounds let; nothing is stored.
        """
        run_id, now_us = new_run_id(), self._clock.now_us()

        def work() -> Work[tuple[str, bool]]:
            insert = q.insert_run(
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
                needs_code=new.needs_code,
            )
            known, written = yield q.has_snapshot(hash=new.roster_hash), insert
            if not known:  # it is long, and nearly always there
                yield q.insert_snapshot(hash=new.roster_hash, json=new.roster_json)
            if not written:
                (run,) = yield q.run_of_delivery(workspace=new.workspace, delivery_key=new.delivery_key)
                return str(run["id"]), run["id"] == run_id  # ours, if this is a replay
            if bounds is not None:
                yield from within(bounds, Lane(new.workspace, new.channel, new.user))
            yield _content(run_id, new.workspace, "request", storable(new.request), now_us)
            if self._hand_over is not None:
                yield from self._hand_over(new.workspace, new.channel)
            return run_id, True

        return await self._db.write(work, repeatable=True)

    async def claim(self, run_id: str, *, owner: str, lease_s: float) -> RunRow | None:
        """Claim a run by compare-and-set and return it with its new epoch.

        Returns None when another process owns it, it is parked or done, its thread works on another run, or it needs
        newer code.
        """
        try:
            return await self._db.write(lambda: self.claiming(run_id, owner=owner, lease_s=lease_s))
        except ThreadBusyError:
            return None

    def claiming(self, run_id: str, *, owner: str, lease_s: float) -> Work[RunRow | None]:
        """Claim a run as part of a transaction; see `claim`.

        Raises:
            ThreadBusyError: its thread works on another run; the transaction is to be rolled back.
        """
        now_us = self._clock.now_us()
        until_us = now_us + int(lease_s * 1e6)
        claimed = yield q.claim_run(id=run_id, owner=owner, lease_until_us=until_us, now_us=now_us, code=self._code)
        if not claimed:
            return None
        row = claimed[0]
        # A run that only has to be ended need not wait for its thread.
        waits = row["thread_ts"] and not row["cancel_requested_by"]
        if waits and not (yield q.occupy_thread(**_thread(row), user_id=row["user_id"])):
            raise ThreadBusyError
        return run_of(row)

    async def claim_redelivery(self, run_id: str, *, owner: str, lease_s: float) -> RunRow | None:
        """Claim the delivery of an ended or parked run's messages and return it; None when another process has it."""
        now_us = self._clock.now_us()
        until_us = now_us + int(lease_s * 1e6)
        rows = await self._write(
            q.claim_redelivery(id=run_id, owner=owner, lease_until_us=until_us, now_us=now_us, code=self._code)
        )
        return run_of(rows[0]) if rows else None

    async def renew_all(
        self, executing: Sequence[tuple[Fence, int]], *, lease_s: float
    ) -> list[tuple[bool, str | None]]:
        """Extend the leases of runs with their executing times in milliseconds, in one transaction.

        Returns for each whether this process owns it, and the user who asked it to stop, else None.
        """
        until_us, fences = self._clock.now_us() + int(lease_s * 1e6), [fence for fence, _ in executing]

        def work() -> Work[list[tuple[bool, str | None]]]:
            in_order = sorted(executing, key=lambda one: one[0].run_id)
            answers = yield tuple(
                q.renew_lease(id=fence.run_id, epoch=fence.epoch, lease_until_us=until_us, executed_ms=executed_ms)
                for fence, executed_ms in in_order
            )
            found = dict(zip((fence for fence, _ in in_order), answers, strict=True))
            return [(bool(rows), rows[0]["cancel_requested_by"] if rows else None) for rows in map(found.get, fences)]

        return await self._db.write(work, repeatable=True, durable=False)

    async def release(self, fence: Fence, *, executed_ms: int, also: Sequence[Statement] = ()) -> None:
        """Give up the lease, so that another process can claim the run or the delivery of its messages.

        `also` is what is to be written of the run in the same transaction, and may be written twice.
        """

        def work() -> Work[None]:
            yield q.release_lease(id=fence.run_id, epoch=fence.epoch, executed_ms=executed_ms)
            yield from several(also)

        await self._db.write(work, repeatable=True, durable=False)

    async def expire_leases(self) -> None:
        """Expire the leases of all Slack runs: only for the holder of the bot's lock, whose predecessor is dead."""
        await self._write(q.expire_leases())

    async def assign_thread(self, run: RunRow, *, root_ts: str, thread_ts: str, also: Sequence[Statement] = ()) -> None:
        """Store the root message of a run and occupy its thread; `also` as for `release`.

        Raises:
            RunLostError: another process owns it.
        """

        def work() -> Work[list[Row]]:
            placed = yield q.place_run(id=run.id, epoch=run.epoch, root_ts=root_ts, thread_ts=thread_ts)
            if placed:
                place = {"workspace": run.workspace, "channel": run.channel, "thread_ts": thread_ts}
                yield q.occupy_thread.many([{**place, "run_id": run.id, "user_id": run.user}])
            yield from several(also)
            return placed

        if not await self._db.write(work, repeatable=True):
            raise RunLostError

    def parking(self, fence: Fence, *, executed_ms: int, waits: bool = True) -> Work[None]:
        """Park a run until a person decides, as part of a transaction; one that need not wait stays claimable.

        Raises:
            RunLostError: another process owns it.
        """
        statement = q.park_run if waits else q.keep_going
        if not (yield statement(id=fence.run_id, epoch=fence.epoch, executed_ms=executed_ms)):
            raise RunLostError

    async def unpark(self, run_id: str) -> Lane | None:
        """Make a parked run claimable again and return its lane; None when it was not parked."""
        rows = await self._write(q.unpark_run(id=run_id))
        return lane_of(rows[0]) if rows else None

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
        """Store the end of a run with the intents of its messages; return the next run of the thread, if one waits.

        Raises:
            RunLostError: another process owns it.
        """
        ended = {"stop_reason": stop_reason, "cost_nusd": cost_nusd, "executed_ms": executed_ms}
        return await self._db.write(lambda: self.finishing(run, result_json=result_json, intents=intents, **ended))

    def finishing(self, run: RunRow, *, result_json: str, intents: Sequence[str], **ended: object) -> Work[str | None]:
        """Store the end of a run as part of a transaction; see `finish`."""
        now_us = self._clock.now_us()
        done = yield q.finish_run(id=run.id, epoch=run.epoch, now_us=now_us, **ended)
        if not done:
            raise RunLostError
        yield _content(run.id, run.workspace, "result", result_json, now_us)
        owed = {"run_id": run.id, "channel": run.channel, "now_us": now_us}
        yield q.insert_intent.many({**owed, "name": name} for name in intents)
        if not done[0]["thread_ts"]:
            return None
        yield q.vacate_thread(**_thread(done[0]))
        waiting = yield q.next_in_thread(**_thread(done[0], with_run=False))
        return str(waiting[0]["id"]) if waiting else None

    async def request_cancel(self, run_id: str, *, by: str) -> bool:
        """Ask a run to stop; return False when it is over or was asked before."""
        return bool(await self._write(q.cancel_run(id=run_id, user_id=by)))

    async def record_feedback(self, run_id: str, *, user: str, value: str) -> None:
        """Store a person's rating of an answer; the latest one counts."""
        now_us = self._clock.now_us()
        await self._write(q.insert_feedback(run_id=run_id, user_id=user, value=value, now_us=now_us))

    async def _write(self, statement: Statement) -> list[Row]:
        return await self._db.write(lambda: single(statement))


class ThreadBusyError(StorageError):
    """The thread works on another run; the claim is rolled back."""


def _content(run_id: str, workspace: str, kind: str, text: str, now_us: int) -> Statement:
    return q.insert_content(
        id=f"{run_id}:{kind}", run_id=run_id, workspace=workspace, kind=kind, text=text, now_us=now_us
    )


def _thread(row: Row, *, with_run: bool = True) -> dict[str, Any]:
    names = {"workspace": row["workspace"], "channel": row["channel"], "thread_ts": row["thread_ts"]}
    return {**names, "run_id": row["id"]} if with_run else names
