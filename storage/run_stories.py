"""Reads the story of a run in one transaction: its row, its texts, its journal, its calls and its questions."""

import json
from collections.abc import Sequence
from dataclasses import replace

from patterns.core.money import Usage
from patterns.core.questions import Decision, Question
from storage.database.database import Database
from storage.database.statements import Row, Work, load, single
from storage.journal import q as journal
from storage.journal import step_of
from storage.questions import q as questions
from storage.run_rows import RunRow, run_of
from storage.run_story import RunStory, StoryCall, StoryQuestion, StoryStep, steps_of

q = load("run_stories")
runs = load("runs")


AT_ONCE = 500
"""Runs whose stories are read by one statement each for journals, calls, questions and ratings."""


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
        deleted = 0
        if run.thread_ts:
            place = {"workspace": run.workspace, "channel": run.channel, "thread_ts": run.thread_ts}
            deleted = int((yield q.deleted_before(**place, before_us=run.created_us))[0]["deleted"])
        story = _story(run, steps, calls, is_erased=not request)
        return replace(
            story,
            request=str(request[0]["text"]) if request else None,
            result_json=str(result[0]["text"]) if result else None,
            questions=tuple(_question(row) for row in asked),
            account_nusd=(account[0]["settled_nusd"], account[0]["reserved_nusd"]) if account else None,
            helped=feedback["helped"],
            did_not=feedback["did_not"],
            deleted_before=deleted,
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

    async def between(
        self, workspace: str, channels: Sequence[str], *, from_us: int, until_us: int, most: int
    ) -> tuple[list[RunStory], int]:
        """Return the stories of runs that are over, without texts, and how many older ones were left out.

        Those accepted in that time, the latest `most` of them; of every channel when none is named.
        """

        def work() -> Work[tuple[list[RunStory], int]]:
            wanted, time = list(channels), {"workspace": workspace, "from_us": from_us, "until_us": until_us}
            if not wanted:
                wanted = [row["channel"] for row in (yield q.channels_between(**time))]
            rows = yield q.runs_between(**time, channels=wanted, most=most)
            (count,) = yield q.count_between(**time, channels=wanted)
            stories = yield from _without_texts([run_of(row) for row in rows])
            return stories, int(count["runs"]) - len(rows)

        return await self._db.read(work)

    async def ended_ids(self) -> list[str]:
        """Return the ids of all runs that are over, oldest first."""
        return [str(row["id"]) for row in await self._db.read(lambda: single(q.ended_runs()))]

    async def latest(self, *, most: int) -> list[RunRow]:
        """Return the latest runs of every channel, newest first."""
        return [run_of(row) for row in await self._db.read(lambda: single(q.latest_runs(most=most)))]


def _without_texts(found: Sequence[RunRow]) -> Work[list[RunStory]]:
    """Return the stories of runs in the same order, read in few statements."""
    stories: list[RunStory] = []
    for at in range(0, len(found), AT_ONCE):
        some = found[at : at + AT_ONCE]
        ids = [run.id for run in some]
        steps = _by_run((yield q.steps_of_runs(ids=ids)))
        calls = _by_run((yield q.calls_of_runs(ids=ids)))
        asked = _by_run((yield q.questions_of_runs(ids=ids)))
        feedback = _by_run((yield q.feedback_of_runs(ids=ids)))
        for run in some:
            rated = feedback.get(run.id) or [{"helped": 0, "did_not": 0}]
            story = _story(run, steps.get(run.id, []), calls.get(run.id, []), has_texts=False)
            stories.append(
                replace(
                    story,
                    questions=tuple(_question(row) for row in asked.get(run.id, [])),
                    helped=rated[0]["helped"],
                    did_not=rated[0]["did_not"],
                )
            )
    return stories


def _by_run(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["run_id"], []).append(row)
    return found


def _story(
    run: RunRow, steps: Sequence[Row], calls: Sequence[Row], *, has_texts: bool = True, is_erased: bool = False
) -> RunStory:
    records = [_step(row, has_texts=has_texts, is_erased=is_erased) for row in steps]
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


def _step(row: Row, *, has_texts: bool, is_erased: bool) -> StoryStep:
    """Return a journalled step; what was erased with its run has lost the very mark that there was a text."""
    was_said = row["content_id"] is not None or (is_erased and row["outcome"] == "ok")
    gone = has_texts and was_said and row["text"] is None
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
