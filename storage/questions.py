"""Questions that runs ask people: stored while the run is parked, decided once; the first decision counts."""

from collections.abc import Collection
from dataclasses import dataclass

from patterns.core.errors import ParkedError
from patterns.core.holds import Fence
from patterns.core.ports import Clock
from patterns.core.questions import Decision, Question
from storage.audit import entry
from storage.database.database import Database
from storage.database.statements import Row, Statement, Work, load, single

q = load("questions")
runs = load("runs")


@dataclass(frozen=True, slots=True)
class StoredQuestion:
    """A stored question of a run, with its decision once there is one. Times in microseconds."""

    run_id: str
    path: str
    question: Question
    decision: Decision | None
    asked_us: int
    deadline_us: int | None


class Questions:
    """The `Decisions` port over a database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def ask(self, fence: Fence, path: str, question: Question) -> Decision:
        """Return the decision of that path, or store the question.

        Raises:
            ParkedError: there is no decision yet; the question is stored.
        """
        now_us = self._clock.now_us()
        deadline_us = now_us + question.deadline_s * 1_000_000 if question.deadline_s else None

        def work() -> Work[list[Row]]:
            yield q.insert_question(
                run_id=fence.run_id,
                path=path,
                question_json=question.model_dump_json(exclude_defaults=True),
                now_us=now_us,
                deadline_us=deadline_us,
            )
            return (yield q.find_question(run_id=fence.run_id, path=path))

        asked = _question_of((await self._db.write(work, repeatable=True))[0])
        if asked.decision is None:
            raise ParkedError(path)
        return asked.decision

    async def find(self, run_id: str, path: str) -> StoredQuestion | None:
        """Return one question, decided or not; None when it was never asked."""
        return next(iter(await self._all(q.find_question(run_id=run_id, path=path))), None)

    async def of_run(self, run_id: str) -> list[StoredQuestion]:
        """Return every question of a run, oldest first."""
        return await self._db.read(lambda: self.reading(run_id))

    def reading(self, run_id: str) -> Work[list[StoredQuestion]]:
        """Return every question of a run as part of a transaction."""
        return [_question_of(row) for row in (yield q.questions_of_run(run_id=run_id))]

    async def pending_in(self, *, workspace: str, channel: str, thread_ts: str) -> list[StoredQuestion]:
        """Return the undecided questions of a thread, oldest first."""
        return await self._all(q.questions_in_thread(workspace=workspace, channel=channel, thread_ts=thread_ts))

    async def undecided(self) -> list[StoredQuestion]:
        """Return the undecided questions of all Slack runs, oldest first."""
        return await self._all(q.waiting_questions())

    def parking(self, run_id: str, paths: Collection[str]) -> Work[bool]:
        """Return whether a run that waits for these questions has to wait, as part of the transaction that parks it.

        No decision comes until the commit. What a branch asked that then was lost with its fan-out is forgotten, unless
        people have seen it.
        """
        asked = [_question_of(row) for row in (yield q.lock_questions(run_id=run_id))]
        for one in asked:
            if one.decision is None and one.path not in paths:
                yield q.forget_unseen(run_id=run_id, path=one.path)
        waiting = {one.path for one in asked if one.decision is None}
        return bool(paths) and waiting.issuperset(paths)

    async def decide(self, run_id: str, path: str, decision: Decision) -> Decision:
        """Store a decision and return the one in force, which is the first one given.

        A run that is parked becomes claimable with it, also while it waits for other questions.
        """

        def work() -> Work[list[Row]]:
            now_us = self._clock.now_us()
            decided = yield q.decide_question(
                run_id=run_id, path=path, decision_json=decision.model_dump_json(exclude_defaults=True), now_us=now_us
            )
            for row in decided:
                yield runs.unpark_run(id=run_id)
                after = {"run": run_id, "question": path, "verdict": decision.verdict}
                actor = decision.user or "agents"
                yield entry(now_us, row["workspace"], actor=actor, action="decide", subject=row["channel"], after=after)
            return (yield q.find_question(run_id=run_id, path=path))

        return Decision.model_validate_json((await self._db.write(work))[0]["decision_json"])

    async def _all(self, statement: Statement) -> list[StoredQuestion]:
        return [_question_of(row) for row in await self._db.read(lambda: single(statement))]


def _question_of(row: Row) -> StoredQuestion:
    decided = row["decision_json"]
    return StoredQuestion(
        run_id=row["run_id"],
        path=row["path"],
        question=Question.model_validate_json(row["question_json"]),
        decision=None if decided is None else Decision.model_validate_json(decided),
        asked_us=row["asked_us"],
        deadline_us=row["deadline_us"],
    )
