"""A PostgreSQL that sorts as people of a country do finds what one finds that sorts by bytes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from patterns.core.holds import Charged
from patterns.core.step_record import StepRecord
from storage.database.connect import connect
from storage.database.database import Database
from storage.database.migrate import migrate
from storage.database.statements import Query, single
from storage.journal import SqlJournal
from storage.ledger.ledger import SqlLedger
from storage.ledger.reports import Reports
from storage.runs import RunStore
from tests.support.databases import drop_database, new_database
from tests.support.ledgers import CENT, NEW_RUN, PAYER, POLICY, Asking, FakeClock, execute, open_run

DANISH = "template0 LOCALE_PROVIDER icu ICU_LOCALE 'da-u-ka-shifted' LOCALE 'C'"
"""`aa` sorts behind z there, and a slash as if it were not there."""


@pytest.fixture
async def database(postgresql: str) -> AsyncIterator[Database]:
    url = new_database(postgresql, template=DANISH)
    await migrate(url)
    opened = await connect(url)
    yield opened
    await opened.close()
    await asyncio.to_thread(drop_database, postgresql, url)


async def test_the_database_sorts_in_its_own_way(database: Database) -> None:
    sorts = Query("sorts", "SELECT 'r12aab' < 'r12ag' AS letters, 'setup/4' < 'setup0' AS slash")
    assert await database.read(lambda: single(sorts())) == [{"letters": False, "slash": False}]


async def test_a_beginning_finds_its_run(database: Database, store: RunStore) -> None:
    made, _ = await store.accept(replace(NEW_RUN, delivery_key="k"))
    await execute(database, "UPDATE run SET id = :new WHERE id = :old", new="r12aabc000001", old=made)
    for said in ("r12a", "r12aa", "r12aab", "r12aabc000001"):
        run, fits = await store.named(said)
        assert (run and run.id, fits) == ("r12aabc000001", 1)
    assert await store.named("r12b") == (None, 0)


async def test_what_a_later_owner_worked_with_is_found(database: Database, clock: FakeClock) -> None:
    asking, ledger = Asking(), SqlLedger(database, clock, POLICY)
    await open_run(database, asking)
    for path in ("setup", "setup/4", "setups"):
        kept = StepRecord(path=path, input_hash="", outcome="decision", data={"path": path})
        await SqlJournal(database, clock).record(asking.fence, kept)
    await ledger.settle(await ledger.hold(asking.hold(CENT)), Charged("settled", CENT), asking.fence)
    month = await Reports(database, clock, POLICY).month(PAYER, "2026-11")
    assert sorted(data["path"] for data in month.setups) == ["setup", "setup/4"]
