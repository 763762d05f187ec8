"""The door to both databases: whole transactions, plain sentences for faults, schemas that move forward."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patterns.core.errors import StorageError
from storage.database.connect import connect
from storage.database.database import ConstraintError, Database
from storage.database.migrate import migrate
from storage.database.statements import Query, Work, beside, single
from storage.ledger.ledger import SqlLedger
from storage.ledger.verify import verify
from tests.support.ledgers import CENT, POLICY, Asking, FakeClock, open_run, rows, settled

ADD = Query("add", "INSERT INTO chore (key, at_us, by) VALUES (:key, 1, 'x')")
KEYS = "SELECT key FROM chore ORDER BY key"


async def keys(database: Database) -> list[str]:
    return [row["key"] for row in await rows(database, KEYS)]


async def test_an_error_in_a_script_undoes_all_of_it(database: Database) -> None:
    def work() -> Work[None]:
        yield ADD(key="a")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(work)
    assert await keys(database) == []


async def test_a_broken_rule_is_a_constraint_error_and_undoes_all_of_it(database: Database) -> None:
    def work() -> Work[None]:
        yield ADD(key="a")
        yield ADD(key="a")

    with pytest.raises(ConstraintError):
        await database.write(work)
    assert await keys(database) == []


async def test_a_cancelled_caller_leaves_a_whole_transaction(database: Database) -> None:
    waiting = asyncio.create_task(database.write(lambda: single(ADD(key="a"))))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await database.write(lambda: single(ADD(key="b")))
    await database.idle()
    assert await keys(database) == ["a", "b"]


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError):
        await database.read(lambda: single(ADD(key="a")))


async def test_what_is_asked_together_is_answered_in_order(database: Database) -> None:
    find = Query("find", "SELECT key FROM chore WHERE key = :key")

    def look(*wanted: str) -> Work[list[str]]:
        found = []
        for key in wanted:
            found += [row["key"] for row in (yield find(key=key))]
        return found

    def nothing() -> Work[str]:
        yield from ()
        return "nothing"

    def both() -> Work[list[Any]]:
        a, none, b = yield find(key="a"), find(key="c"), find(key="b")
        return [[row["key"] for row in rows] for rows in (a, none, b)]

    def work() -> Work[list[Any]]:
        added = yield ADD(key="a"), ADD(key="b")
        return [added, (yield from beside(look("a", "c", "b"), nothing(), both(), look("b")))]

    expected = [["a", "b"], "nothing", [["a"], [], ["b"]], ["b"]]
    assert await database.write(work) == [[[], []], expected]
    assert await database.read(lambda: beside(look("a", "c", "b"), nothing(), both(), look("b"))) == expected


async def test_sequences_percents_and_quotes_reach_both_databases_alike(database: Database) -> None:
    for key in ("a", "b", ":c", "50%"):
        await database.write(lambda key=key: single(ADD(key=key)))  # type: ignore[misc]
    some = await rows(database, "SELECT key FROM chore WHERE key IN :ids... ORDER BY key", ids=["a", ":c", "none"])
    rest = await rows(database, "SELECT key FROM chore WHERE key NOT IN :ids... AND key LIKE '%%' ", ids={"a", "b"})
    colon = await rows(database, "SELECT key FROM chore WHERE key = ':c' -- not a :parameter")
    assert [row["key"] for row in some] == [":c", "a"]
    assert {row["key"] for row in rest} == {":c", "50%"}
    assert [row["key"] for row in colon] == [":c"]


class TestFaultsOfSqlite:
    async def test_a_missing_file_is_not_made_by_accident(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="There is no database at"):
            await connect(f"sqlite:///{tmp_path / 'typo.db'}")
        assert not (tmp_path / "typo.db").exists()

    @pytest.mark.parametrize("content", [b"not a database, " * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
    async def test_a_broken_file_says_restore(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "agents.db"
        path.write_bytes(content)
        with pytest.raises(StorageError, match=r"[Rr]estore the last backup"):
            await connect(f"sqlite:///{path}")
        with pytest.raises(StorageError, match=r"[Rr]estore the last backup"):
            await migrate(f"sqlite:///{path}")

    async def test_a_locked_database_says_who_holds_it_and_loses_nothing(
        self, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("storage.database.sqlite.BUSY_TIMEOUT_S", 0.05)
        database = await connect(sqlite_url)
        run = Asking()
        await open_run(database, run)
        ledger = SqlLedger(database, FakeClock(), POLICY)
        hold = await ledger.hold(run.hold(10 * CENT))
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answers = await asyncio.gather(
            *(ledger.hold(run.hold(CENT)) for _ in range(3)),
            ledger.settle(hold, settled(CENT), run.fence),
            return_exceptions=True,
        )
        other.execute("ROLLBACK")
        other.close()
        await ledger.settle(hold, settled(CENT), run.fence)
        found = await verify(database)
        await database.close()
        assert [str(answer) for answer in answers] == [
            "The database is locked: another process has held it for too long. Stop that process, then try again."
        ] * 4
        assert (found.ok, found.settled_nusd, found.held_nusd) == (True, CENT, 0)

    async def test_a_full_disk_says_so_and_the_ledger_goes_on_when_there_is_room(self, sqlite_url: str) -> None:
        database = await connect(sqlite_url)
        run = Asking()
        await open_run(database, run)
        ledger = SqlLedger(database, FakeClock(), POLICY)
        await ledger.hold(run.hold(CENT))
        writer = database._writer  # type: ignore[attr-defined]
        (size,) = await writer.execute_fetchall("PRAGMA page_count")
        await writer.execute_fetchall(f"PRAGMA max_page_count = {size[0]}")
        with pytest.raises(StorageError, match="disk of the database is full"):
            await asyncio.gather(*(ledger.hold(run.hold(0, agent="x" * 500)) for _ in range(50)))
        await writer.execute_fetchall("PRAGMA max_page_count = 1000000")
        await ledger.hold(run.hold(CENT))
        found = await verify(database)
        await database.close()
        assert (found.ok, found.held_nusd) == (True, 2 * CENT)


@pytest.mark.parametrize("url", ["mysql://x", "sqlite://x", "agents.db"])
async def test_an_address_we_do_not_know_is_explained(url: str) -> None:
    with pytest.raises(StorageError, match=r"sqlite:////path/file\.db"):
        await connect(url)


async def test_a_postgresql_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="PostgreSQL does not answer"):
        await connect(f"postgresql://x@/x?host={tmp_path}")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda url: url.replace("postgres@/", "somebody@/"), 'refuses us: role "somebody" does not exist'),
        (lambda url: url.replace("@/t_", "@/nowhere_"), "refuses us: database"),
        (lambda _: "postgresql://me:p w:rd%#@host/name", "DATABASE_URL cannot be read"),
    ],
)
async def test_why_postgresql_cannot_be_had_is_said_and_no_part_of_a_password(
    postgresql_url: str, change: Callable[[str], str], says: str
) -> None:
    with pytest.raises(StorageError, match=says) as refused:
        await connect(change(postgresql_url))
    assert "rd%" not in str(refused.value)
