"""Journal of finished steps, each written once: checkpoint of a resumed run and trace of an ended one."""

import json
from typing import Any

from patterns.core.errors import RunLostError
from patterns.core.holds import Fence
from patterns.core.ports import Clock
from patterns.core.step_record import StepRecord
from storage.database.database import Database
from storage.database.statements import Row, Work, load, single

q = load("journal")


class SqlJournal:
    """The `Journal` port over a database; the ledger writes paid steps, in the transaction of their money."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def find(self, run_id: str, path: str) -> StepRecord | None:
        """Return the step of that path; None while it is not finished."""
        rows = await self._db.read(lambda: single(q.find_step(run_id=run_id, path=path)))
        return step_of(rows[0]) if rows else None

    async def steps(self, run_id: str) -> list[StepRecord]:
        """Return the trace of a run, in the order it was written."""
        return await self._db.read(lambda: self.reading(run_id))

    def reading(self, run_id: str) -> Work[list[StepRecord]]:
        """Return the trace of a run as part of a transaction."""
        return [step_of(row) for row in (yield q.steps_of_run(run_id=run_id))]

    async def record(self, fence: Fence, step: StepRecord) -> StepRecord:
        """Write a step that cost nothing and return the step in force: the first writer wins.

        Raises:
            RunLostError: another process owns the run.
        """
        now_us = self._clock.now_us()

        def work() -> Work[StepRecord]:
            runs = yield q.lock_epoch(run_id=fence.run_id)
            if not runs or runs[0]["epoch"] != fence.epoch:
                raise RunLostError
            row = step_row(fence.run_id, runs[0]["workspace"], step, call_id=None, now_us=now_us)
            yield q.add_step.many([row])
            if step.text:
                yield q.add_step_text.many([row])
            rows = yield q.find_step(run_id=fence.run_id, path=step.path)
            return step_of(rows[0])

        return await self._db.write(work, repeatable=True)


def step_row(run_id: str, workspace: str, step: StepRecord, *, call_id: str | None, now_us: int) -> dict[str, Any]:
    """Return a step and its text as the parameters of `add_step` and `add_step_text`."""
    return step.model_dump(exclude={"data"}) | {
        "run_id": run_id,
        "workspace": workspace,
        "content_id": f"step/{run_id}/{step.path}" if step.text else None,
        "data_json": json.dumps(step.data),
        "call_id": call_id,
        "now_us": now_us,
    }


def step_of(row: Row) -> StepRecord:
    """Return a row of the table `step`, with its text, as a value."""
    stored = {name: row[name] for name in StepRecord.model_fields if name in row}
    return StepRecord.model_validate(stored | {"text": row["text"] or "", "data": json.loads(row["data_json"])})
