"""The story of a run is read in one transaction, the same on both databases."""

import pytest

from patterns.core.errors import ParkedError
from patterns.core.money import Usage
from patterns.core.ports import Charged, Decision, Question, StepRecord
from storage.database.database import Database
from storage.journal import SqlJournal
from storage.ledger.ledger import SqlLedger
from storage.questions import Questions
from storage.run_stories import RunStories
from storage.runs import RunStore
from tests.support.ledgers import CENT, Asking, FakeClock, execute

S = 1_000_000
PLAN = StepRecord(path="plan", input_hash="", outcome="decision", text="[]")
USAGE = Usage(input_tokens=812, output_tokens=40)


@pytest.fixture
def stories(database: Database) -> RunStories:
    return RunStories(database)


async def paid(ledger: SqlLedger, run: Asking, path: str, *, attempts: int = 1) -> None:
    """Hold and settle the attempts of a step; the last one journals it."""
    for attempt in range(1, attempts + 1):
        hold = await ledger.hold(run.hold(3 * CENT, path=path, attempt=attempt))
        is_last = attempt == attempts
        step = StepRecord(path=path, input_hash="h", outcome="ok", agent="a", text="Yes.", cost_nusd=CENT)
        charged = Charged("settled", CENT, USAGE) if is_last else Charged("uncertain", 0, reason="timeout")
        await ledger.settle(hold, charged, run.fence, step if is_last else None)


async def test_a_run_is_told_in_the_order_in_which_it_went(
    database: Database, clock: FakeClock, ledger: SqlLedger, run: Asking, stories: RunStories
) -> None:
    await SqlJournal(database, clock).record(run.fence, PLAN)
    await paid(ledger, run, "b/later", attempts=2)
    clock.us += S
    await paid(ledger, run, "a/latest")
    story = await stories.find(run.run_id)
    assert story is not None
    assert [step.path for step in story.steps] == ["b/later", "a/latest"]
    assert [step.path for step in story.decisions] == ["plan"]
    first = story.steps[0]
    assert [(call.attempt, call.state, call.hold_nusd, call.actual_nusd) for call in first.calls] == [
        (1, "uncertain", 3 * CENT, 3 * CENT),
        (2, "settled", 3 * CENT, CENT),
    ]
    assert (first.held_nusd, first.cost_nusd, first.uncertain_nusd) == (6 * CENT, 4 * CENT, 3 * CENT)
    assert (first.input_tokens, first.output_tokens, first.calls[1].usage) == (812, 40, USAGE)
    assert (story.cost_nusd, story.account_nusd) == (5 * CENT, (5 * CENT, 0))


async def test_waits_for_people_that_overlap_count_once(
    database: Database, clock: FakeClock, run: Asking, stories: RunStories
) -> None:
    questions = Questions(database, clock)
    for path, wait_s in (("one", 10), ("two", 4)):
        with pytest.raises(ParkedError):
            await questions.ask(run.fence, path, Question(kind="approve", title=path))
        clock.us += wait_s * S
    await questions.decide(run.run_id, "one", Decision(verdict="approve", user="U1"))
    await questions.decide(run.run_id, "two", Decision(verdict="approve", user="U1"))
    story = await stories.find(run.run_id)
    assert story is not None
    assert [asked.waited_us for asked in story.questions] == [14 * S, 4 * S]
    assert story.waited_us == 14 * S


async def test_what_was_deleted_is_told_from_what_never_was(
    database: Database, clock: FakeClock, ledger: SqlLedger, run: Asking, stories: RunStories
) -> None:
    await SqlJournal(database, clock).record(run.fence, PLAN.model_copy(update={"path": "confirm", "text": ""}))
    await paid(ledger, run, "a/step")
    await execute(database, "DELETE FROM content")
    story = await stories.find(run.run_id)
    assert story is not None
    assert story.forgotten == ("request", "a/step")


async def test_ratings_are_counted_and_an_unknown_run_is_none(
    database: Database, clock: FakeClock, run: Asking, stories: RunStories
) -> None:
    store = RunStore(database, clock)
    for user, value in (("U1", "up"), ("U2", "up"), ("U3", "down"), ("U3", "up")):
        await store.record_feedback(run.run_id, user=user, value=value)
    story = await stories.find(run.run_id)
    assert story is not None
    assert (story.helped, story.did_not) == (3, 0)
    assert await stories.find("r000000000000") is None


async def test_a_step_under_way_has_no_record(ledger: SqlLedger, run: Asking, stories: RunStories) -> None:
    await ledger.hold(run.hold(CENT, path="a/open"))
    story = await stories.find(run.run_id)
    assert story is not None
    ((step,),) = (story.steps,)
    assert (step.record, step.calls[0].state, story.account_nusd) == (None, "open", (0, CENT))
