"""A run is claimed with its journal, decided with its first hold and ended with its costs, in one transaction each."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from patterns.core.errors import (
    BudgetExceededError,
    ParkedError,
    RunLostError,
    StorageError,
)
from patterns.core.events import Noted, RunEvent
from patterns.core.holds import Fence
from patterns.core.questions import Decision, Question
from patterns.core.step_record import StepRecord
from storage.database.database import Database
from storage.execution.ownership import RunSessions
from storage.execution.session import RunSession
from storage.ledger.ledger import SqlLedger
from storage.ledger.transaction import Decide
from storage.ledger.verify import verify
from storage.outbox import Outbox
from tests.contract.test_needs_code import REQUEST
from tests.support.ledgers import CENT, LEASE_S, USD, Asking, FakeClock, account, claimed, rows, settled

DECIDED = StepRecord(path="plan", input_hash="", outcome="decision", text="one flow", data={"voices": (1, 2)})
ANSWER = StepRecord(path="step/1", input_hash="h", outcome="ok", text="Yes.", cost_nusd=CENT)


class Seen:
    """A sink that keeps events."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []

    def emit(self, run_id: str, event: RunEvent) -> None:  # noqa: ARG002 - one run
        self.events.append(event)


def asking(session: RunSession) -> Asking:
    return Asking(run_id=session.run.id, epoch=session.run.epoch)


async def written(sessions: RunSessions, run_id: str) -> list[str]:
    return [step.path for step in await sessions.journal.steps(run_id)]


async def ended(sessions: RunSessions, session: RunSession) -> str | None:
    return await sessions.finish(
        session.run, stop_reason="completed", result_json="{}", executed_ms=1, intents=["answer/0"]
    )


def failed(_operation: object) -> "asyncio.Future[object]":
    """What the ledger answers while the database is away."""
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    answer.set_exception(StorageError("away"))
    return answer


async def test_a_decision_is_committed_with_the_first_hold_and_not_before(
    sessions: RunSessions, session: RunSession
) -> None:
    run_id = session.run.id
    kept = await session.record(session.run.fence, DECIDED)
    session.choose_flow("answer", worst_nusd=CENT)
    before = await written(sessions, run_id)
    await session.hold(asking(session).hold(CENT))
    stored = await sessions.store.get(run_id)
    assert stored is not None
    assert (before, await written(sessions, run_id)) == ([], ["plan"])
    assert (stored.flow, stored.worst_nusd) == ("answer", CENT)
    assert [kept] == await sessions.journal.steps(run_id) == session.steps
    assert await session.find(run_id, "plan") == kept


async def test_the_first_decision_of_a_path_stands(session: RunSession) -> None:
    first = await session.record(session.run.fence, DECIDED)
    assert await session.record(session.run.fence, DECIDED.model_copy(update={"text": "another"})) == first


async def test_a_refused_hold_leaves_its_decisions_written(sessions: RunSessions, session: RunSession) -> None:
    await session.record(session.run.fence, DECIDED)
    with pytest.raises(BudgetExceededError):
        await session.hold(asking(session).hold(2 * USD))
    assert await written(sessions, session.run.id) == ["plan"]
    assert not session.holds_money


async def test_a_decision_that_nothing_follows_is_committed_soon(
    sessions: RunSessions, session: RunSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.execution.session.FLUSH_S", 0.001)
    await session.record(session.run.fence, DECIDED)
    async with asyncio.timeout(10):
        while not await written(sessions, session.run.id):  # noqa: ASYNC110 - a timer commits it
            await asyncio.sleep(0.001)


async def test_a_failure_is_committed_at_once(sessions: RunSessions, session: RunSession) -> None:
    await session.record(session.run.fence, DECIDED)
    await session.record(session.run.fence, ANSWER.model_copy(update={"outcome": "failed"}))
    assert sorted(await written(sessions, session.run.id)) == ["plan", "step/1"]


async def test_everything_decided_is_committed_before_a_question(sessions: RunSessions, session: RunSession) -> None:
    await session.record(session.run.fence, DECIDED)
    with pytest.raises(ParkedError):
        await session.ask(session.run.fence, "confirm", Question(kind="confirm", title="Go?"))
    assert await written(sessions, session.run.id) == ["plan"]


async def test_nothing_is_shown_before_what_was_decided_is_committed(session: RunSession) -> None:
    seen = Seen()
    events = session.events_to(seen)
    first, second, third = (Noted("", text) for text in ("first", "second", "third"))
    events.emit(session.run.id, first)
    await session.record(session.run.fence, DECIDED)
    events.emit(session.run.id, second)
    before = list(seen.events)
    await session.flush()
    events.emit(session.run.id, third)
    assert (before, seen.events) == ([first], [first, second, third])


async def test_who_lost_the_run_neither_decides_nor_holds_nor_shows(
    sessions: RunSessions, session: RunSession, clock: FakeClock
) -> None:
    seen = Seen()
    await session.record(session.run.fence, DECIDED)
    session.events_to(seen).emit(session.run.id, Noted("", "decided"))
    clock.us += int(LEASE_S * 1e6)
    await claimed(sessions, session.run.id, "B")
    with pytest.raises(RunLostError):
        await session.hold(asking(session).hold(CENT))
    assert (await written(sessions, session.run.id), seen.events) == ([], [])
    assert (await verify(sessions._db)).held_nusd == 0


async def test_decisions_that_could_not_be_written_are_tried_again_and_nothing_stays_held(
    sessions: RunSessions, session: RunSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.record(session.run.fence, DECIDED)
    with monkeypatch.context() as patched:
        patched.setattr(sessions.ledger, "queue", failed)
        with pytest.raises(StorageError):
            await session.hold(asking(session).hold(CENT))
    assert await written(sessions, session.run.id) == []
    assert (await verify(sessions._db)).held_nusd == 0
    await session.flush()
    assert await written(sessions, session.run.id) == ["plan"]


async def test_a_caller_that_stops_waiting_loses_no_decision(sessions: RunSessions, session: RunSession) -> None:
    await session.record(session.run.fence, DECIDED)
    holding = asyncio.create_task(session.hold(asking(session).hold(CENT)))
    await asyncio.sleep(0)
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    await session.flush()
    await sessions.ledger.close()
    assert await written(sessions, session.run.id) == ["plan"]
    assert (await verify(sessions._db)).held_nusd == 0


async def test_a_claim_closes_what_a_dead_owner_left_and_brings_its_journal_and_questions(
    sessions: RunSessions, session: RunSession, clock: FakeClock, database: Database
) -> None:
    ask = asking(session)
    await session.record(session.run.fence, DECIDED)
    hold = await session.hold(ask.hold(CENT))
    await session.settle(hold, settled(CENT), session.run.fence, ANSWER)
    await session.hold(ask.hold(CENT))  # on its way when the process died
    await session.reserve_many([ask.reserve(CENT)])
    with pytest.raises(ParkedError):
        await session.ask(session.run.fence, "confirm", Question(kind="confirm", title="Go?"))
    await sessions.questions.decide(session.run.id, "confirm", Decision(verdict="run"))
    clock.us += int(LEASE_S * 1e6)
    rescuer = await claimed(sessions, session.run.id, "B")
    assert {step.path for step in rescuer.steps} == {"plan", "step/1"}
    assert [(asked.path, asked.decision and asked.decision.verdict) for asked in rescuer.asked] == [("confirm", "run")]
    states = await rows(database, "SELECT state FROM call ORDER BY state")
    assert [row["state"] for row in states] == ["released", "settled", "uncertain"]
    assert (await verify(database)).ok


async def test_a_run_that_left_nothing_open_ends_with_the_cost_of_its_attempts(
    sessions: RunSessions, session: RunSession
) -> None:
    ask = asking(session)
    for _ in range(2):
        await session.settle(await session.hold(ask.hold(3 * CENT)), settled(2 * CENT), session.run.fence)
    await ended(sessions, session)
    done = await sessions.store.get(session.run.id)
    assert done is not None
    assert done.cost_nusd == 4 * CENT


async def test_the_end_of_a_run_closes_what_it_left_and_knows_its_cost(
    sessions: RunSessions, session: RunSession, database: Database
) -> None:
    ask = asking(session)
    hold = await session.hold(ask.hold(3 * CENT))
    await session.settle(hold, settled(2 * CENT), session.run.fence)
    await session.hold(ask.hold(CENT))
    await session.reserve_many([ask.reserve(CENT)])
    assert session.holds_money
    await ended(sessions, session)
    done = await sessions.store.get(session.run.id)
    assert done is not None
    assert (done.status, done.stop_reason, done.cost_nusd) == ("done", "completed", 3 * CENT)
    assert await account(database, "T1/channel/C1/2026-11") == (3 * CENT, 0)
    assert await rows(database, "SELECT name, state FROM slack_out") == [{"name": "answer/0", "state": "intended"}]
    assert (await verify(database)).ok


async def test_a_parked_run_holds_nothing(sessions: RunSessions, session: RunSession, database: Database) -> None:
    await session.reserve_many([asking(session).reserve(CENT)])
    await asked(session, "confirm")
    await sessions.park(session.run.fence, ("confirm",), executed_ms=1)
    parked = await sessions.store.get(session.run.id)
    assert parked is not None
    assert (parked.status, (await verify(database)).held_nusd) == ("parked", 0)


async def asked(session: RunSession, *paths: str) -> None:
    for path in paths:
        with pytest.raises(ParkedError):
            await session.ask(session.run.fence, path, Question(kind="approve", title="Good?"))


async def status(sessions: RunSessions, run_id: str) -> str:
    run = await sessions.store.get(run_id)
    assert run is not None
    return run.status


async def test_a_run_waits_only_while_nothing_is_decided_that_it_has_not_read(
    sessions: RunSessions, session: RunSession
) -> None:
    await asked(session, "left", "right")
    # A click on a card of an earlier stop, while this owner still executes.
    await sessions.questions.decide(session.run.id, "right", Decision(verdict="approve", user="U1"))
    assert not await sessions.park(session.run.fence, ("left", "right"), executed_ms=7)
    assert await status(sessions, session.run.id) == "accepted"
    again = await claimed(sessions, session.run.id)
    assert (
        again.run.executed_ms,
        (await again.ask(again.run.fence, "right", Question(kind="approve", title=""))).user,
    ) == (
        7,
        "U1",
    )
    await asked(again, "left")
    assert await sessions.park(again.run.fence, ("left",), executed_ms=8)
    assert await status(sessions, session.run.id) == "parked"


async def test_a_decision_and_the_parking_never_miss_each_other(sessions: RunSessions, session: RunSession) -> None:
    run_id, yes = session.run.id, Decision(verdict="approve", user="U1")
    for number in range(10):
        path = f"question/{number}"
        await asked(session, path)
        await asyncio.gather(
            sessions.park(session.run.fence, (path,), executed_ms=1), sessions.questions.decide(run_id, path, yes)
        )
        assert await status(sessions, run_id) == "accepted"
        session = await claimed(sessions, run_id)


async def test_a_question_of_a_lost_branch_is_forgotten_unless_people_have_seen_it(
    sessions: RunSessions, session: RunSession, database: Database, clock: FakeClock
) -> None:
    await asked(session, "kept", "seen", "lost")
    await Outbox(database, clock).add_intent(session.run.id, "ask/seen", "C1")
    assert await sessions.park(session.run.fence, ("kept",), executed_ms=1)
    assert [one.path for one in await sessions.questions.of_run(session.run.id)] == ["kept", "seen"]


async def test_a_parked_run_is_owed_its_cards_until_all_are_posted(
    sessions: RunSessions, session: RunSession, database: Database, clock: FakeClock
) -> None:
    run_id, outbox = session.run.id, Outbox(database, clock)
    await asked(session, "left", "right")
    await sessions.park(session.run.fence, ("left", "right"), executed_ms=1)
    for name in ("ask/left", "ask/right"):
        assert await sessions.store.unposted_question_ids() == [run_id]
        await outbox.add_intent(run_id, name, "C1")
        assert await sessions.store.unposted_question_ids() == [run_id]
        await outbox.mark_posted(run_id, name, "1.1")
    assert await sessions.store.unposted_question_ids() == []


@pytest.mark.parametrize("way", ["finish", "park"])
async def test_who_lost_the_run_ends_nothing(
    sessions: RunSessions, session: RunSession, clock: FakeClock, way: str
) -> None:
    clock.us += int(LEASE_S * 1e6)
    rescuer = await claimed(sessions, session.run.id, "B")
    await rescuer.hold(asking(rescuer).hold(CENT))
    ending: Any = ended(sessions, session) if way == "finish" else sessions.park(session.run.fence, (), executed_ms=1)
    with pytest.raises(RunLostError):
        await ending
    assert (await verify(sessions._db)).held_nusd == CENT


async def test_a_run_whose_thread_is_busy_is_not_claimed(sessions: RunSessions, session: RunSession) -> None:
    waiting, _ = await sessions.store.accept(replace(REQUEST, delivery_key="second"))
    assert await sessions.claim(waiting, owner="A", lease_s=LEASE_S) is None
    left = await sessions.store.get(waiting)
    assert left is not None
    assert (left.status, left.epoch) == ("accepted", 0)
    assert await ended(sessions, session) == waiting


async def test_an_old_decision_is_refused_by_the_fence(ledger: SqlLedger, session: RunSession) -> None:
    with pytest.raises(RunLostError):
        await ledger.decide(Decide(Fence(session.run.id, 0), (DECIDED,), ("answer", 1)))
