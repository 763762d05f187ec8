"""Questions over both databases: asked once, answered once by whoever is first, found where people reply."""

import asyncio
from dataclasses import replace

import pytest

from patterns.core.errors import ParkedError
from patterns.core.holds import Fence
from patterns.core.questions import Decision, Question
from storage.database.database import Database
from storage.questions import Questions
from storage.run_rows import RunRow
from storage.runs import RunStore
from tests.support.ledgers import NEW_RUN, FakeClock, park

DRAFT = Question(kind="approve", title="The draft is ready", draft="Dear all", deadline_s=60, approvers=("U3",))
THREAD = {"workspace": "T1", "channel": "C1", "thread_ts": "17.1"}


@pytest.fixture
def questions(database: Database, clock: FakeClock) -> Questions:
    return Questions(database, clock)


async def owned(store: RunStore, key: str = "k1") -> RunRow:
    """A run in the thread that somebody executes."""
    new = replace(NEW_RUN, **THREAD, flow="draft", delivery_key=key)
    run_id, _is_new = await store.accept(new)
    run = await store.claim(run_id, owner="me", lease_s=30)
    assert run is not None
    return run


async def parked(store: RunStore, questions: Questions) -> RunRow:
    """The same, waiting for a word on its draft."""
    run = await owned(store)
    with pytest.raises(ParkedError):
        await questions.ask(run.fence, "review", DRAFT)
    await park(store, run.fence, executed_ms=5)
    return run


async def test_asking_again_asks_nothing_new(store: RunStore, questions: Questions, clock: FakeClock) -> None:
    run = await parked(store, questions)
    await clock.sleep(10)
    with pytest.raises(ParkedError):
        await questions.ask(run.fence, "review", Question(kind="approve", title="Other"))
    asked = await questions.find(run.id, "review")
    assert asked is not None
    assert (asked.question, asked.decision) == (DRAFT, None)
    assert asked.deadline_us == asked.asked_us + 60_000_000


async def test_the_first_of_many_deciders_counts(store: RunStore, questions: Questions) -> None:
    run = await parked(store, questions)
    given = [Decision(verdict="approve", user=f"U{at}") for at in range(8)]
    in_force = await asyncio.gather(*(questions.decide(run.id, "review", one) for one in given))
    assert len({one.user for one in in_force}) == 1
    assert await questions.ask(Fence(run.id, run.epoch), "review", DRAFT) == in_force[0]


async def test_what_a_thread_waits_for_is_found_until_it_is_decided(store: RunStore, questions: Questions) -> None:
    run = await parked(store, questions)
    (asked,) = await questions.pending_in(**THREAD)
    assert (asked.run_id, asked.path, asked.question.approvers) == (run.id, "review", ("U3",))
    assert await questions.pending_in(**{**THREAD, "thread_ts": "17.2"}) == []
    assert await questions.pending_in(**{**THREAD, "workspace": "T2"}) == []
    assert [one.run_id for one in await questions.undecided()] == [run.id]
    await questions.decide(run.id, "review", Decision(verdict="stop", user="U1"))
    assert (await questions.pending_in(**THREAD), await questions.undecided()) == ([], [])


async def test_a_decision_makes_a_parked_run_claimable_also_while_it_waits_for_others(
    store: RunStore, questions: Questions
) -> None:
    run = await parked(store, questions)
    with pytest.raises(ParkedError):
        await questions.ask(run.fence, "other", DRAFT)
    await questions.decide(run.id, "other", Decision(verdict="stop", user="U1"))
    again = await store.claim(run.id, owner="me", lease_s=30)
    assert again is not None
    assert [one.path for one in await questions.undecided()] == ["review"], "it stays open while the run goes on"
    await questions.decide(run.id, "review", Decision(verdict="approve", user="U1"))
    now = await store.get(run.id)
    assert now is not None
    assert (now.status, now.epoch) == ("running", again.epoch), "its owner reads the decision itself"


async def test_nothing_is_known_of_what_nobody_asked(questions: Questions) -> None:
    assert await questions.find("r1", "review") is None
