"""Questions that runs ask people: stored while the run is parked, decided once; the first decision counts."""

from dataclasses import dataclass

from patterns.core.errors import ParkedError
from patterns.core.ports import Clock, Decision, Fence, Question
from storage.audit import entry
from storage.database.database import Database
from storage.database.statements import Row, Statement, Work, load, single

q = load("questions")


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
        return await self._one(q.find_question(run_id=run_id, path=path))

    async def of_run(self, run_id: str) -> list[StoredQuestion]:
        """Return every question of a run, oldest first."""
        return await self._db.read(lambda: self.reading(run_id))

    def reading(self, run_id: str) -> Work[list[StoredQuestion]]:
        """Return every question of a run as part of a transaction."""
        return [_question_of(row) for row in (yield q.questions_of_run(run_id=run_id))]

    async def pending(self, run_id: str) -> StoredQuestion | None:
        """Return the undecided question a run waits for; None when there is none."""
        return await self._one(q.open_question(run_id=run_id))

    async def pending_in(self, *, workspace: str, channel: str, thread_ts: str) -> StoredQuestion | None:
        """Return the undecided question of a thread; None when there is none."""
        return await self._one(q.question_in_thread(workspace=workspace, channel=channel, thread_ts=thread_ts))

    async def undecided(self) -> list[StoredQuestion]:
        """Return the undecided questions of all parked Slack runs, oldest first."""
        return [_question_of(row) for row in await self._db.read(lambda: single(q.waiting_questions()))]

    async def decide(self, run_id: str, path: str, decision: Decision) -> Decision:
        """Store a decision and return the one in force, which is the first one given."""

        def work() -> Work[list[Row]]:
            now_us = self._clock.now_us()
            decided = yield q.decide_question(
                run_id=run_id, path=path, decision_json=decision.model_dump_json(exclude_defaults=True), now_us=now_us
            )
            for row in decided:
                after = {"run": run_id, "question": path, "verdict": decision.verdict}
                actor = decision.user or "agents"
                yield entry(now_us, row["workspace"], actor=actor, action="decide", subject=row["channel"], after=after)
            return (yield q.find_question(run_id=run_id, path=path))

        return Decision.model_validate_json((await self._db.write(work))[0]["decision_json"])

    async def _one(self, statement: Statement) -> StoredQuestion | None:
        rows = await self._db.read(lambda: single(statement))
        return _question_of(rows[0]) if rows else None


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
