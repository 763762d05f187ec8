"""Reads the story of a run in one transaction: its row, its texts, its journal, its calls and its questions."""

import json
from collections.abc import Sequence
from dataclasses import replace

from patterns.core.money import Usage
from patterns.core.ports import Decision, Question
from storage.database.database import Database
from storage.database.statements import Row, Work, load, single
from storage.journal import q as journal
from storage.journal import step_of
from storage.questions import q as questions
from storage.run_rows import RunRow, run_of
from storage.run_story import RunStory, StoryCall, StoryQuestion, StoryStep, steps_of

q = load("run_stories")
runs = load("runs")


class RunStories:
    """Repository of the stories of runs. It changes nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(self, run_id: str) -> RunStory | None:
        """Return the story of a run; None when there is none of that id."""
        return await self._db.read(lambda: self.reading(run_id))

    def reading(self, run_id: str) -> Work[RunStory | None]:
        """Return the story of a run as part of a transaction."""
        rows = yield runs.find_run(id=run_id)
        if not rows:
            return None
        run = run_of(rows[0])
        request = yield runs.find_content(id=f"{run_id}:request")
        result = yield runs.find_content(id=f"{run_id}:result")
        steps = yield journal.steps_of_run(run_id=run_id)
        calls = yield q.calls_of_run(run_id=run_id)
        asked = yield questions.questions_of_run(run_id=run_id)
        account = yield q.account_of_run(workspace=run.workspace, run_id=run_id)
        (feedback,) = yield q.feedback_of_run(run_id=run_id)
        story = _story(run, steps, calls)
        return replace(
            story,
            request=str(request[0]["text"]) if request else None,
            result_json=str(result[0]["text"]) if result else None,
            questions=tuple(_question(row) for row in asked),
            account_nusd=(account[0]["settled_nusd"], account[0]["reserved_nusd"]) if account else None,
            helped=feedback["helped"],
            did_not=feedback["did_not"],
        )

    async def latest_id(self, *, workspace: str, channel: str, thread_ts: str, user: str) -> str | None:
        """Return the id of a thread's latest run, or outside of threads of the person's latest there; None for none."""
        statement = (
            q.latest_in_thread(workspace=workspace, channel=channel, thread_ts=thread_ts)
            if thread_ts
            else q.latest_of_person(workspace=workspace, channel=channel, user_id=user)
        )
        rows = await self._db.read(lambda: single(statement))
        return str(rows[0]["id"]) if rows else None

    async def ended_ids(self) -> list[str]:
        """Return the ids of all runs that are over, oldest first."""
        return [str(row["id"]) for row in await self._db.read(lambda: single(q.ended_runs()))]

    async def latest(self, *, most: int) -> list[RunRow]:
        """Return the latest runs of every channel, newest first."""
        return [run_of(row) for row in await self._db.read(lambda: single(q.latest_runs(most=most)))]


def _story(run: RunRow, steps: Sequence[Row], calls: Sequence[Row]) -> RunStory:
    records = [_step(row) for row in steps]
    found = [call_of(row) for row in calls]
    return RunStory(
        run=run,
        request=None,
        result_json=None,
        steps=steps_of((step for step in records if not _is_decision(step)), found),
        decisions=tuple(step for step in records if _is_decision(step)),
        reservations=tuple(call for call in found if not call.attempt),
        questions=(),
    )


def _step(row: Row) -> StoryStep:
    gone = row["content_id"] is not None and row["text"] is None
    return StoryStep(row["path"], (), step_of(row), row["call_id"], row["at_us"], gone)


def _is_decision(step: StoryStep) -> bool:
    return step.record is not None and step.record.outcome == "decision"


def call_of(row: Row) -> StoryCall:
    """Return a row of the table `call` as a value."""
    told = {name: row[name] for name in StoryCall.__dataclass_fields__ if name in row}
    return StoryCall(**told, usage=Usage(**json.loads(row["usage_json"])) if row["usage_json"] else None)


def _question(row: Row) -> StoryQuestion:
    decided = row["decision_json"]
    return StoryQuestion(
        path=row["path"],
        question=Question.model_validate_json(row["question_json"]),
        decision=None if decided is None else Decision.model_validate_json(decided),
        asked_us=row["asked_us"],
        decided_us=row["decided_us"],
    )
