"""Questions that runs ask people: stored while the run is parked, answered once, whoever clicks first."""

from patterns.errors import ParkedError
from patterns.ports import Clock, Decision, Fence, Question
from storage.database import Database, Row, Work, load, single

q = load("runs")


class Questions:
    """The port `Decisions` over the database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def ask(self, fence: Fence, path: str, question: Question) -> Decision:
        """The decision of that path, or ParkedError after storing the question."""
        now_us = self._clock.now_us()
        deadline_us = now_us + question.deadline_s * 1_000_000 if question.deadline_s else None

        def work() -> Work[list[Row]]:
            yield q.insert_question(
                run_id=fence.run_id,
                path=path,
                question_json=question.model_dump_json(),
                now_us=now_us,
                deadline_us=deadline_us,
            )
            return (yield q.find_question(run_id=fence.run_id, path=path))

        row = (await self._db.write(work))[0]
        if row["decision_json"] is None:
            raise ParkedError(path)
        return Decision.model_validate_json(row["decision_json"])

    async def pending(self, run_id: str) -> tuple[str, Question] | None:
        """What the run waits for: path and question."""
        rows = await self._db.read(lambda: single(q.open_question(run_id=run_id)))
        return (rows[0]["path"], Question.model_validate_json(rows[0]["question_json"])) if rows else None

    async def decide(self, run_id: str, path: str, decision: Decision) -> Decision:
        """Decide; returns the decision in force, which is the first one given."""

        def work() -> Work[list[Row]]:
            yield q.decide_question(
                run_id=run_id, path=path, decision_json=decision.model_dump_json(), now_us=self._clock.now_us()
            )
            return (yield q.find_question(run_id=run_id, path=path))

        return Decision.model_validate_json((await self._db.write(work))[0]["decision_json"])
