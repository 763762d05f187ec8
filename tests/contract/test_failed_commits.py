"""A COMMIT that fails says nothing of its outcome: a person gets a sentence, money is held once or not at all."""

import asyncio
import sqlite3
from typing import Any

import pytest

from patterns.core.errors import StorageError
from storage.database.connect import connect
from storage.database.sqlite import _Connection
from storage.ledger.ledger import SqlLedger
from storage.ledger.verify import verify
from tests.support.ledgers import CENT, POLICY, Asking, FakeClock, open_run

SENTENCES = [
    (sqlite3.SQLITE_FULL, "The disk of the database is full"),
    (sqlite3.SQLITE_IOERR_FSYNC, "The disk of the database failed; what was being written may be lost"),
    (sqlite3.SQLITE_READONLY, "The database cannot be written"),
    (sqlite3.SQLITE_CORRUPT, "The database file is broken"),
]
TIMES = 4


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """The next COMMITs fail with these codes of SQLite; True: although they were carried out."""
    faults: list[tuple[int, bool]] = []
    execute = sqlite3.Connection.execute

    def failing_execute(self: sqlite3.Connection, sql: str, *params: Any) -> sqlite3.Cursor:
        if sql != "COMMIT" or not faults:
            return execute(self, sql, *params)
        code, carried_out = faults.pop(0)
        if carried_out:
            execute(self, sql, *params)
        error = sqlite3.OperationalError("injected")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr(_Connection, "execute", failing_execute, raising=False)
    return faults


@pytest.mark.parametrize(("code", "sentence"), SENTENCES)
async def test_a_commit_that_keeps_failing_refuses_everybody_and_holds_nothing(
    code: int, sentence: str, sqlite_url: str, failing: list[tuple[int, bool]]
) -> None:
    database, run = await connect(sqlite_url), Asking()
    await open_run(database, run)
    ledger = SqlLedger(database, FakeClock(), POLICY)
    requests = [run.hold(CENT) for _ in range(TIMES)]
    failing += [(code, False)] * 2  # the batch, and the first of it again; the others need not wait for the same
    answers = await asyncio.gather(*map(ledger.hold, requests), return_exceptions=True)
    refused = [isinstance(answer, StorageError) and str(answer).startswith(sentence) for answer in answers]
    empty = (await verify(database)).held_nusd
    await asyncio.gather(*map(ledger.hold, requests))
    found = await verify(database)
    await database.close()
    assert refused == [True] * TIMES
    assert (empty, found.ok, found.held_nusd, found.calls) == (0, True, TIMES * CENT, TIMES)


@pytest.mark.parametrize("code", [code for code, _ in SENTENCES])
@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_commit_that_failed_once_is_done_once_whether_it_was_carried_out_or_not(
    code: int, sqlite_url: str, failing: list[tuple[int, bool]], *, carried_out: bool
) -> None:
    database, run = await connect(sqlite_url), Asking()
    await open_run(database, run)
    ledger = SqlLedger(database, FakeClock(), POLICY)
    requests = [run.hold(CENT) for _ in range(TIMES)]
    failing.append((code, carried_out))
    holds = await asyncio.gather(*map(ledger.hold, requests))
    found = await verify(database)
    await database.close()
    assert [hold.call_id for hold in holds] == [request.call_id for request in requests]
    assert (found.ok, found.held_nusd, found.calls) == (True, TIMES * CENT, TIMES)
