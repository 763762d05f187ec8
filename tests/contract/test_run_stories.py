"""The story of a run is read in one transaction, the same on both databases."""

from dataclasses import replace

import pytest

from patterns.core.errors import ParkedError
from patterns.core.holds import Charged
from patterns.core.money import Usage
from patterns.core.questions import Decision, Question
from patterns.core.step_record import StepRecord
from storage.database.database import Database
from storage.journal import SqlJournal
from storage.ledger.ledger import SqlLedger
from storage.questions import Questions
from storage.run_stories import RunStories
from storage.run_story import RunStory
from storage.runs import RunStore
from tests.support.ledgers import CENT, NEW_RUN, Asking, FakeClock, execute, open_run, personal_data

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


async def test_the_runs_of_a_month_are_read_in_one_go(
    database: Database, clock: FakeClock, ledger: SqlLedger, run: Asking, stories: RunStories
) -> None:
    other, elsewhere = Asking("R2"), Asking("R3", payer=replace(run.payer, channel="C2"))
    for asking in (other, elsewhere):
        await open_run(database, asking)
    await paid(ledger, run, "a", attempts=2)
    await paid(ledger, other, "b")
    await RunStore(database, clock).record_feedback("R2", user="U1", value="down")
    with pytest.raises(ParkedError):
        await Questions(database, clock).ask(run.fence, "ask", Question(kind="approve", title="?"))
    await execute(database, "UPDATE run SET status = 'done'")
    time = {"from_us": clock.us - S, "until_us": clock.us + S}
    found, left_out = await stories.between("T1", ["C1"], most=10, **time)
    assert left_out == 0
    assert {story.run.id: (story.cost_nusd, story.did_not, len(story.questions)) for story in found} == {
        "R1": (4 * CENT, 0, 1),
        "R2": (CENT, 1, 0),
    }
    assert [story.forgotten for story in found] == [("request",), ("request",)]
    everywhere, _ = await stories.between("T1", [], most=10, **time)
    assert {story.run.id for story in everywhere} == {"R1", "R2", "R3"}
    assert (await stories.between("T1", [], most=2, **time))[1] == 1
    assert await stories.between("T1", [], most=2, from_us=0, until_us=1) == ([], 0)


async def test_what_is_erased_is_also_erased_from_copies_of_a_shell(
    database: Database, clock: FakeClock, ledger: SqlLedger, run: Asking, stories: RunStories
) -> None:
    store = RunStore(database, clock)
    first, _ = await store.accept(replace(NEW_RUN, delivery_key="message:1"))
    copy, _ = await store.accept(
        replace(NEW_RUN, kind="terminal", workspace="local", user="operator", delivery_key=f"terminal:ab:of:{first}")
    )
    other, _ = await store.accept(replace(NEW_RUN, user="U2", delivery_key="terminal:cd:of:r000000000000"))
    await paid(ledger, run, "a")
    await execute(database, "UPDATE run SET status = 'done'")
    data = personal_data(database, clock)
    await data.request_person_erasure(workspace="T1", user="U1", actor="U1")
    assert await data.erase_requested() == []
    said = {run_id: (await told(stories, run_id)).request for run_id in (first, copy, other)}
    assert said == {first: None, copy: None, other: "Why?"}
    assert (await told(stories, run.run_id)).forgotten == ("request", "a")


async def told(stories: RunStories, run_id: str) -> RunStory:
    story = await stories.find(run_id)
    assert story is not None
    return story
