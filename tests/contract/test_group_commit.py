"""Scripts that wait share a transaction: a refusal undoes itself alone, and what is answered was committed."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from patterns.core.errors import RunLostError, StorageError
from storage.database.connect import connect
from storage.database.database import ConstraintError, Database
from storage.database.group_commit import BATCH_MAX
from storage.database.sqlite import _Connection
from storage.database.statements import Query, Work, single
from tests.support.ledgers import rows

ADD = Query("add", "INSERT INTO chore (key, at_us, by) VALUES (:key, 1, 'x')")
ADD_ONCE = Query("add_once", "INSERT INTO chore (key, at_us, by) VALUES (:key, 1, 'x') ON CONFLICT DO NOTHING")


async def keys(database: Database) -> list[str]:
    return [row["key"] for row in await rows(database, "SELECT key FROM chore ORDER BY key")]


def adding(key: str, query: Query = ADD) -> Any:
    return lambda: single(query(key=key))


def refused(key: str) -> Work[None]:
    yield ADD(key=key)
    raise RunLostError


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    database = await connect(sqlite_url)
    yield database
    await database.close()


class Faults:
    """What happens at the next statements of SQLite: an error code, before or after the statement is carried out."""

    def __init__(self) -> None:
        self.planned: list[tuple[str, int, bool]] = []
        self.executed: list[str] = []

    def plan(self, statement: str, code: int, *, carried_out: bool = False) -> None:
        self.planned.append((statement, code, carried_out))

    @property
    def commits(self) -> int:
        return self.executed.count("COMMIT")


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    made, execute = Faults(), sqlite3.Connection.execute

    def failing(self: sqlite3.Connection, sql: str, *params: Any) -> sqlite3.Cursor:
        if params != () and params[0].get("key") == "full":  # as SQLite does when a spill finds no room
            execute(self, "ROLLBACK")
            raise _error(sqlite3.SQLITE_FULL)
        if self.in_transaction and sql.startswith(("COMMIT", "INSERT INTO chore")):
            made.executed.append(sql)
        if not made.planned or not sql.startswith(made.planned[0][0]):
            return execute(self, sql, *params)
        _, code, carried_out = made.planned.pop(0)
        if carried_out:
            execute(self, sql, *params)
        raise _error(code)

    monkeypatch.setattr(_Connection, "execute", failing, raising=False)
    return made


def _error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("injected")
    error.sqlite_errorcode = code
    return error


async def together(database: Database, scripts: Sequence[Any], **options: bool) -> list[Any]:
    """The answers to scripts that wait at the same moment; errors are among them."""
    return await asyncio.gather(
        *(database.write(script, **options) for script in scripts), return_exceptions=True
    )  # fmt: skip


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_a_refusal_undoes_itself_alone(database: Database, number: int) -> None:
    scripts = [adding("a"), adding("b")]
    scripts.insert(number, lambda: refused("c"))
    answers = await together(database, scripts)
    assert isinstance(answers.pop(number), RunLostError)
    assert (answers, await keys(database)) == ([[], []], ["a", "b"])


async def test_a_broken_constraint_undoes_its_script_alone(database: Database) -> None:
    answers = await together(database, [adding("a"), adding("a"), adding("b")])
    assert sorted(isinstance(answer, ConstraintError) for answer in answers) == [False, False, True]
    assert await keys(database) == ["a", "b"]


async def test_what_waits_shares_one_commit(sqlite: Database, faults: Faults) -> None:
    await together(sqlite, [adding(f"{number:03}") for number in range(BATCH_MAX)])
    assert (faults.commits, len(await keys(sqlite))) == (1, BATCH_MAX)


async def test_a_long_script_gets_a_transaction_of_its_own(sqlite: Database, faults: Faults) -> None:
    await asyncio.gather(
        sqlite.write(adding("a")),
        sqlite.write(adding("b")),
        sqlite.write(adding("c"), alone=True),
        sqlite.write(adding("d")),
        sqlite.write(adding("e")),
    )
    assert [index for index, sql in enumerate(faults.executed) if sql == "COMMIT"] == [2, 4, 7]


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY])
async def test_a_commit_that_is_known_to_have_failed_is_made_up_for(
    sqlite: Database, faults: Faults, code: int
) -> None:
    faults.plan("COMMIT", code)
    assert await together(sqlite, [adding("a"), adding("b")]) == [[], []]
    assert await keys(sqlite) == ["a", "b"]


@pytest.mark.parametrize("carried_out", [True, False])
async def test_after_an_unknown_outcome_only_what_carries_ids_is_done_again(
    sqlite: Database, faults: Faults, *, carried_out: bool
) -> None:
    faults.plan("COMMIT", sqlite3.SQLITE_IOERR_FSYNC, carried_out=carried_out)
    once = asyncio.create_task(sqlite.write(adding("once")))
    again = asyncio.create_task(sqlite.write(adding("again", ADD_ONCE), repeatable=True))
    with pytest.raises(StorageError, match="what was being written may be lost"):
        await once
    await again
    assert await keys(sqlite) == (["again", "once"] if carried_out else ["again"])


async def test_a_commit_that_keeps_failing_is_told_to_everybody(sqlite: Database, faults: Faults) -> None:
    for _ in range(2):
        faults.plan("COMMIT", sqlite3.SQLITE_FULL)
    answers = await together(sqlite, [adding("a"), adding("b"), adding("c")])
    assert [str(answer).partition(";")[0] for answer in answers] == ["The disk of the database is full"] * 3
    assert await keys(sqlite) == []


async def test_a_script_that_ends_the_transaction_takes_nobody_with_it(sqlite: Database, faults: Faults) -> None:
    answers = await together(sqlite, [adding("a"), adding("full"), adding("b")])
    assert answers[0] == []
    assert "disk of the database is full" in str(answers[1])
    assert "disk of the database is full" in str(answers[2])  # nobody waits for a full disk in turn
    assert (faults.commits, await keys(sqlite)) == (1, ["a"])


async def test_a_broken_disk_under_one_script_undoes_the_transaction_and_the_others_are_done_again(
    sqlite: Database, faults: Faults
) -> None:
    faults.plan("INSERT INTO chore", sqlite3.SQLITE_IOERR_READ)
    assert await together(sqlite, [adding("a"), adding("b")]) == [[], []]
    assert await keys(sqlite) == ["a", "b"]


async def test_a_caller_that_is_gone_changes_nothing_for_the_others(sqlite: Database, faults: Faults) -> None:
    tasks = [asyncio.create_task(sqlite.write(adding(key))) for key in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert (answers[0], type(answers[1]), answers[2]) == ([], asyncio.CancelledError, [])
    await sqlite.idle()
    assert (faults.commits, await keys(sqlite)) == (1, ["a", "b", "c"])


async def test_an_operation_nobody_waits_for_any_more_is_not_run_or_undone(database: Database) -> None:
    ran: list[str] = []
    undone: list[str] = []

    def merge(operations: Sequence[str]) -> Work[list[str]]:
        yield ADD(key="".join(operations))
        ran.extend(operations)
        return list(operations)

    def asking(name: str) -> Any:
        return database.write_merged(merge, name, undo=lambda: undone.append(name))

    tasks = [asyncio.create_task(asking(name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[0].cancel()  # before its transaction
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert (type(answers[0]), answers[1:]) == (asyncio.CancelledError, ["b", "c"])
    assert (ran, undone) == (["b", "c"], [])

    late = asyncio.create_task(asking("d"))
    while "d" not in ran:  # noqa: ASYNC110 - it runs on another thread
        await asyncio.sleep(0)
    late.cancel()  # while its answer is under way
    await asyncio.gather(late, return_exceptions=True)
    await database.idle()
    assert undone == (["d"] if late.cancelled() else [])


CHILD = """
import asyncio, os, signal, sqlite3, sys
from storage.database.connect import connect
from storage.database.sqlite import _Connection
from storage.database.statements import Query, single

execute = sqlite3.Connection.execute
def dying(self, sql, *params):
    dies = sql == "COMMIT" and self.total_changes  # the reader commits too
    if dies and sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = execute(self, sql, *params)
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
    return done
_Connection.execute = dying

ADD = Query("add", "INSERT INTO chore (key, at_us, by) VALUES (:key, 1, 'x')")
async def add(database, key):
    await database.write(lambda: single(ADD(key=key)))
    print(key, flush=True)

async def main():
    database = await connect(sys.argv[1])
    await asyncio.gather(*(add(database, str(number)) for number in range(20)))

asyncio.run(main())
"""


@pytest.mark.parametrize(("moment", "stand"), [("before", 0), ("after", 20)])
async def test_a_killed_process_leaves_a_whole_batch_or_none_and_has_answered_nobody(
    sqlite_url: str, moment: str, stand: int
) -> None:
    command = [sys.executable, "-c", CHILD, sqlite_url, moment]
    child = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    database = await connect(sqlite_url)
    found = await keys(database)
    await database.close()
    assert (child.returncode, child.stdout, len(found)) == (-signal.SIGKILL, b"", stand)
