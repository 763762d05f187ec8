"""A ledger on each database, a run that may spend 80 cents, and the session of another one."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from patterns.core.limits import Cap
from storage.database.database import Database
from storage.database.statements import Work
from storage.execution.ownership import RunSessions
from storage.execution.session import RunSession
from storage.journal import SqlJournal
from storage.ledger.ledger import SqlLedger
from storage.questions import Questions
from storage.runs import RunStore
from tests.fakes.slack_state import Now
from tests.support.ledgers import CENT, NEW_RUN, POLICY, Asking, FakeClock, claimed, open_run


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(database: Database, clock: FakeClock) -> RunStore:
    return RunStore(database, clock)


@pytest.fixture
async def ledger(database: Database, clock: FakeClock) -> AsyncIterator[SqlLedger]:
    made = SqlLedger(database, clock, POLICY)
    yield made
    await made.close()


@pytest.fixture(name="run")
async def owned_run(database: Database) -> Asking:
    asking = Asking(caps=(Cap("run", "R1", 80 * CENT),))
    await open_run(database, asking)
    return asking


@pytest.fixture
def now() -> Now:
    """Return the clock of a Slack double, which a test moves."""
    return Now()


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
    return (await sessions.store.accept(replace(NEW_RUN, thread_ts="1.1", flow="answer", delivery_key="k1")))[0]


@pytest.fixture
async def session(sessions: RunSessions, run_id: str) -> RunSession:
    return await claimed(sessions, run_id)


@pytest.fixture
def batches(sessions: RunSessions, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The kinds of operations that shared a script, for each script of the ledger."""
    seen: list[list[str]] = []
    merge = sessions.ledger._merge

    def watched(asked: Sequence[object]) -> Work[list[object]]:
        seen.append([type(one).__name__ for one in asked])
        return merge(asked)  # type: ignore[arg-type]

    monkeypatch.setattr(sessions.ledger, "_merge", watched)
    return seen
