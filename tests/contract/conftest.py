"""A ledger on each database, and a run that may spend 80 cents."""

from collections.abc import AsyncIterator

import pytest

from patterns.core.limits import Cap
from storage.database.database import Database
from storage.ledger.ledger import SqlLedger
from storage.runs import RunStore
from tests.fakes.slack_state import Now
from tests.support.ledgers import CENT, POLICY, Asking, FakeClock, open_run


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
