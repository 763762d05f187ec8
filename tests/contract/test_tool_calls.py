"""Calls of tools on both databases: held with facts and a longer lease, never sent where they may have been."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from patterns.agent import AgentRunner
from patterns.core.errors import ParkedError, RunLostError
from patterns.core.holds import Charged
from patterns.core.questions import Decision
from patterns.core.reasons import Reason
from patterns.core.tools import ToolAnswer, ToolFacts
from patterns.services import Services, open_services
from storage.database.database import Database
from storage.execution.ownership import RunSessions
from storage.execution.session import RunSession
from storage.journal import SqlJournal
from storage.ledger.budgets import Budgets
from storage.ledger.ledger import SqlLedger
from storage.ledger.verify import verify
from storage.questions import Questions
from storage.runs import RunStore
from tests.contract.test_needs_code import REQUEST
from tests.fakes.model import ScriptedModel
from tests.fakes.tools import FakeTools
from tests.support.ledgers import CENT, POLICY, Asking, FakeClock, rows
from tests.support.tool_runs import EVERYTHING, LOADED, ask_for, step

LEASE_S = 6.0
FACTS = ToolFacts(tool="shop.order", arguments_hash="h", is_repeatable=False, timeout_ms=5000, approved_by="U2")
ORDER = ("shop.order", {"q": "tea", "n": 2})
CALL = "a/turn/1/call/1"


class _Events:
    def emit(self, run_id: str, event: object) -> None:
        """Take no notice."""


@pytest.fixture
def sessions(database: Database, clock: FakeClock, ledger: SqlLedger) -> RunSessions:
    return RunSessions(
        database,
        store=RunStore(database, clock),
        ledger=ledger,
        journal=SqlJournal(database, clock),
        questions=Questions(database, clock),
    )


@pytest.fixture
async def run_id(sessions: RunSessions) -> str:
    return (await sessions.store.accept(REQUEST))[0]


async def claimed(sessions: RunSessions, run_id: str, owner: str = "A") -> RunSession:
    session = await sessions.claim(run_id, owner=owner, lease_s=LEASE_S)
    assert session is not None
    return session


def held(session: RunSession, nusd: int = CENT, **changes: Any) -> Any:
    asking = Asking(run_id=session.run.id, epoch=session.run.epoch)
    told = {"path": CALL, "model": "tool:shop.order", "tool": FACTS, "lease_s": 9.0, **changes}
    return session.hold(asking.hold(nusd, **told))


def working(session: RunSession, clock: FakeClock, tools: FakeTools) -> Services:
    """A run of the roster with tools, over a session of the database."""
    model = ScriptedModel(
        lambda request: "Done." if any(one.role == "tool" for one in request.messages) else ask_for(ORDER)
    )
    place = open_services(
        runner=AgentRunner(model),
        ledger=session,
        journal=session,
        decisions=session,
        events=_Events(),
        clock=clock,
        roster=LOADED,
        payer=session.run.payer,
        fence=session.run.fence,
    )
    return replace(place, toolbox=tools, tool_rules=EVERYTHING)


async def again(sessions: RunSessions, session: RunSession) -> None:
    """Have the run claimed anew, as after its owner's death or a decision."""
    await sessions.store.release(session.run.fence, executed_ms=0)


async def approved(sessions: RunSessions, run_id: str, clock: FakeClock, tools: FakeTools) -> RunSession:
    """A run whose order was approved, claimed by its next owner."""
    session = await claimed(sessions, run_id)
    with pytest.raises(ParkedError) as parked:
        await step(working(session, clock, tools))
    for path in parked.value.paths:
        await sessions.questions.decide(run_id, path, Decision(verdict="approve", user="U2"))
    await again(sessions, session)
    return await claimed(sessions, run_id, "B")


async def test_a_call_of_a_tool_has_its_facts_beside_its_money(
    sessions: RunSessions, run_id: str, database: Database
) -> None:
    session = await claimed(sessions, run_id)
    hold = await held(session)
    await session.settle(
        hold, Charged("settled", CENT, tool=ToolAnswer(120, is_error=False, elapsed_ms=30)), session.run.fence
    )
    (facts,) = await rows(database, "SELECT * FROM tool_call")
    assert dict(facts) == {
        "call_id": hold.call_id, "run_id": run_id, "workspace": "T1", "tool": "shop.order", "arguments_hash": "h",
        "is_repeatable": 0, "timeout_ms": 5000, "approved_by": "U2", "bytes_read": 120, "is_error": 0, "elapsed_ms": 30,
    }  # fmt: skip
    assert (await verify(database)).ok


async def test_a_call_that_acts_extends_the_lease_and_no_heartbeat_shortens_it(
    sessions: RunSessions, run_id: str, clock: FakeClock
) -> None:
    session = await claimed(sessions, run_id)
    await held(session)
    assert await sessions.store.renew_all([(session.run.fence, 0)], lease_s=LEASE_S) == [(True, None)]
    clock.us += 8_000_000
    assert await sessions.claim(run_id, owner="B", lease_s=LEASE_S) is None
    clock.us += 1_000_000
    assert await sessions.claim(run_id, owner="B", lease_s=LEASE_S) is not None


async def test_a_lookup_leaves_the_lease_alone(sessions: RunSessions, run_id: str, clock: FakeClock) -> None:
    session = await claimed(sessions, run_id)
    await held(session, lease_s=0.0)
    clock.us += 6_000_000
    assert await sessions.claim(run_id, owner="B", lease_s=LEASE_S) is not None


async def test_an_older_owner_extends_no_lease(sessions: RunSessions, run_id: str, clock: FakeClock) -> None:
    session = await claimed(sessions, run_id)
    await again(sessions, session)
    await claimed(sessions, run_id, "B")
    with pytest.raises(RunLostError):
        await held(session, lease_s=100.0)
    clock.us += 6_000_000
    assert await sessions.claim(run_id, owner="C", lease_s=LEASE_S) is not None


@pytest.mark.parametrize("ends", ["open", "settled", "uncertain", "released by an admin"])
async def test_what_could_have_been_sent_is_known_to_every_later_owner(
    sessions: RunSessions, run_id: str, clock: FakeClock, database: Database, ends: str
) -> None:
    session = await claimed(sessions, run_id)
    hold = await held(session)
    if ends in ("settled", "uncertain"):
        await session.settle(hold, Charged(ends, CENT), session.run.fence)  # type: ignore[arg-type]
    await again(sessions, session)
    later = await claimed(sessions, run_id, "B")
    if ends == "released by an admin":
        await Budgets(database, clock, POLICY).release_uncertain("T1", hold.call_id, actor="U9", reason="never sent")
    (known,) = await later.earlier_calls(run_id, CALL)
    assert (known.call_id, known.epoch, known.opened_us) == (hold.call_id, 1, clock.us)
    assert known.state == {"open": "uncertain", "released by an admin": "released"}.get(ends, ends)


async def test_what_its_own_owner_never_sent_leaves_the_way_free(sessions: RunSessions, run_id: str) -> None:
    session = await claimed(sessions, run_id)
    hold = await held(session)
    await session.settle(hold, Charged("released", 0, reason=Reason.NEVER_SENT), session.run.fence)
    assert await session.earlier_calls(run_id, CALL) == []


async def test_a_slow_owner_that_settles_late_leaves_a_call_that_is_not_repeated(
    sessions: RunSessions, run_id: str, clock: FakeClock, database: Database
) -> None:
    """It sent, was taken for dead, and settled: the money stands, the record does not, and its successor asks."""
    tools, gate = FakeTools(), asyncio.Event()

    async def slow() -> str:
        await gate.wait()
        return "ordered"

    tools.answers["shop.order"] = lambda _: slow()
    session = await approved(sessions, run_id, clock, tools)
    work = asyncio.create_task(step(working(session, clock, tools)))
    await tools.began.wait()
    clock.us += 20_000_000
    later = await claimed(sessions, run_id, "C")
    gate.set()
    with pytest.raises(RunLostError):
        await work
    (call,) = await later.earlier_calls(run_id, CALL)
    assert call.state == "settled"
    with pytest.raises(ParkedError) as parked:
        await step(working(later, clock, tools))
    assert parked.value.paths == (f"{CALL}/outcome",)
    assert tools.times("shop.order") == 1
    assert (await verify(database)).ok


async def test_an_owner_that_stood_still_for_ten_seconds_sends_nothing(
    sessions: RunSessions, run_id: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGSTOP between hold and send, another owner, SIGCONT: the first one sends nothing, however often it tries."""
    tools = FakeTools()
    session = await approved(sessions, run_id, clock, tools)
    taken: list[RunSession] = []
    real = session.hold

    async def stands_still(request: Any) -> Any:
        hold = await real(request)
        if request.tool is not None and not taken:
            clock.us += 10_000_000
            taken.append(await claimed(sessions, run_id, "C"))
        return hold

    monkeypatch.setattr(session, "hold", stands_still)
    with pytest.raises(RunLostError):
        await step(working(session, clock, tools))
    assert tools.did == []
    # It said itself that it never sent: so its successor need not ask, and makes the call once.
    record = await step(working(taken[0], clock, tools))
    assert (record.text, tools.did) == ("Done.", [ORDER])


async def test_a_successor_that_looks_before_the_first_one_wakes_asks_and_nothing_is_sent(
    sessions: RunSessions, run_id: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = FakeTools()
    session = await approved(sessions, run_id, clock, tools)
    real = session.hold

    async def stands_still(request: Any) -> Any:
        hold = await real(request)
        if request.tool is not None:
            clock.us += 10_000_000
            later = await claimed(sessions, run_id, "C")
            with pytest.raises(ParkedError) as parked:
                await step(working(later, clock, tools))
            assert parked.value.paths == (f"{CALL}/outcome",)
        return hold

    monkeypatch.setattr(session, "hold", stands_still)
    with pytest.raises(RunLostError):
        await step(working(session, clock, tools))
    assert tools.did == []


async def test_a_tool_is_never_quarantined_and_its_price_is_in_the_sums(
    sessions: RunSessions, run_id: str, database: Database
) -> None:
    session = await claimed(sessions, run_id)
    hold = await held(session)
    await session.settle(hold, Charged("settled", 2 * CENT), session.run.fence)
    assert await rows(database, "SELECT model FROM model_quarantine") == []
    (spent,) = await rows(database, "SELECT model, settled_nusd FROM spend")
    assert (spent["model"], spent["settled_nusd"]) == ("tool:shop.order", 2 * CENT)
    assert (await verify(database)).ok
