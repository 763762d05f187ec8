"""Schemas move forward whole, with what they hold, under programs that go on working."""

import asyncio
import contextlib
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from patterns.core.errors import StorageError
from storage.database import connect as module
from storage.database import migrate as migrations
from storage.database.connect import CODE_VERSION, connect
from storage.database.database import ConstraintError, Database
from storage.database.migrate import migrate, schema_lock
from storage.ledger.ledger import SqlLedger
from storage.ledger.verify import verify
from tests.support.ledgers import CENT, POLICY, Asking, FakeClock, execute, open_run, rows, settled

SHIPPED = migrations.MIGRATIONS
FIRST = Path(__file__).with_name("shipped_0001.sql")
YOYO = Path(__file__).with_name("yoyo_tables.sql")
TABLES = tuple(re.findall(r"INSERT INTO (\w+)", FIRST.read_text("utf-8")))
FUTURE = CODE_VERSION + 1
EXPAND = "ALTER TABLE run ADD COLUMN mood TEXT NOT NULL DEFAULT '';\nCREATE TABLE novelty (id TEXT NOT NULL);\n"


Open = Callable[[str], Awaitable[Database]]


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Opens databases until the test ends."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_one(url: str) -> Database:
            database = await connect(url)
            stack.push_async_callback(database.close)
            return database

        yield open_one


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations to add to."""
    copied = shutil.copytree(migrations.MIGRATIONS, tmp_path / "migrations")
    monkeypatch.setattr(migrations, "MIGRATIONS", copied)
    return Path(copied)


@pytest.fixture
def future(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes this the code of the next release, with one migration more."""
    version = f"UPDATE schema SET version = {FUTURE};\n"  # noqa: S608 - a number of ours

    def release(sql: str) -> None:
        for dialect in ("sqlite", "postgresql"):
            (folder / dialect / f"{FUTURE:04}_next.sql").write_text(sql + version, "utf-8")
        monkeypatch.setattr(module, "CODE_VERSION", FUTURE)

    return release


async def schema_of(url: str) -> list[object]:
    database = await module._open(url)
    found = await rows(database, "SELECT version, min_code FROM schema")
    await database.close()
    return list(found)


def write_all(url: str, sql: str) -> None:
    """Run several statements, whatever the schema is."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
            file.executescript(sql)
        file.close()
    else:
        with psycopg.connect(url) as server:
            server.execute(sql.encode())


async def test_it_is_made_once_whoever_starts(empty_url: str) -> None:
    await asyncio.gather(*(migrate(empty_url) for _ in range(3)))
    await migrate(empty_url)
    assert await schema_of(empty_url) == [{"version": CODE_VERSION, "min_code": 1}]


async def test_it_is_asked_for_when_it_is_missing(empty_url: str) -> None:
    with pytest.raises(StorageError, match="Run `agents migrate`"):
        await connect(empty_url)


def test_every_version_has_its_pair_of_migrations() -> None:
    names = [
        sorted(path.name for path in (migrations.MIGRATIONS / dialect).iterdir())
        for dialect in ("sqlite", "postgresql")
    ]
    assert names[0] == names[1]
    assert int(names[0][-1].partition("_")[0]) == CODE_VERSION


async def ship(url: str, version: int) -> None:
    """Make the database that a program of an earlier version left, with a row in every table of the first one."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(migrations, "MIGRATIONS", Path(folder))
        for number in range(1, version + 1):
            for path in SHIPPED.glob(f"*/{number:04}_*.sql"):
                (Path(folder) / path.parent.name).mkdir(exist_ok=True)
                shutil.copy(path, Path(folder) / path.parent.name)
            patch.setattr(module, "CODE_VERSION", number)
            await migrate(url)
            if number == 1:
                write_all(url, FIRST.read_text("utf-8"))
                write_all(url, YOYO.read_text("utf-8"))


KILLED = """
import asyncio, os, signal, sys
from storage.database import migrate as migrations

def killed(connection, path):
    script = "BEGIN;" + path.read_text("utf-8")
    connection.executescript(script) if sys.argv[1].startswith("sqlite") else connection.execute(script.encode())
    os.kill(os.getpid(), signal.SIGKILL)

migrations._apply = killed
asyncio.run(migrations.migrate(sys.argv[1]))
"""


@pytest.mark.parametrize("version", range(1, CODE_VERSION))
async def test_every_shipped_schema_moves_on_with_everything_in_it_also_when_killed_midway(
    empty_url: str, version: int, opened: Open
) -> None:
    await ship(empty_url, version)
    with pytest.raises(StorageError, match=f"has schema {version} of {CODE_VERSION}. Run `agents migrate`"):
        await connect(empty_url)
    died = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, empty_url)
    assert (await died.wait(), await schema_of(empty_url)) == (-9, [{"version": version, "min_code": 1}])

    await migrate(empty_url)
    new = await opened(empty_url)
    counted = {name: (await rows(new, f"SELECT COUNT(*) AS n FROM {name}"))[0]["n"] for name in TABLES}  # noqa: S608 - names of ours
    found = await verify(new)
    with pytest.raises(ConstraintError):
        await execute(new, "DELETE FROM call")
    with pytest.raises(ConstraintError):
        await execute(new, "DELETE FROM audit")
    await spends(new)
    twos_and_threes = {"account": 2, "run": 3, "call": 2, "content": 3, "thread": 3}
    assert counted == dict.fromkeys(TABLES, 1) | twos_and_threes
    assert (found.ok, found.settled_nusd, found.held_nusd) == (True, 30_000_000, 20_000_000)


async def spends(database: Database, run_id: str = "R1") -> None:
    """A run's money goes through the ledger: a tenth of a cent."""
    run, ledger = Asking(run_id), SqlLedger(database, FakeClock(), POLICY)
    await open_run(database, run)
    await ledger.settle(await ledger.hold(run.hold(CENT)), settled(CENT // 10), run.fence)
    await ledger.close()


async def test_old_code_works_before_during_and_after_a_schema_that_only_adds(
    database_url: str, opened: Open, future: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await opened(database_url)
    await spends(old, "before")
    future(EXPAND)
    migrating, runs = asyncio.create_task(migrate(database_url)), 0
    while not migrating.done():
        await spends(old, f"during {(runs := runs + 1)}")
    await migrating
    await spends(old, "after")
    monkeypatch.setattr(module, "CODE_VERSION", CODE_VERSION)
    restarted = await opened(database_url)
    await spends(restarted, "restarted")
    found = await verify(restarted)
    assert (found.ok, found.settled_nusd) == (True, (runs + 3) * CENT // 10)
    assert len(await rows(restarted, "SELECT id FROM run WHERE mood = ''")) == runs + 3


async def test_a_program_refuses_only_below_the_least_code_a_schema_asks_for(database_url: str, opened: Open) -> None:
    write_all(database_url, f"UPDATE schema SET version = {FUTURE}, min_code = {CODE_VERSION}")  # noqa: S608 - numbers of ours
    await opened(database_url)
    write_all(database_url, f"UPDATE schema SET min_code = {FUTURE}")  # noqa: S608 - a number of ours
    with pytest.raises(StorageError, match=f"asks for {FUTURE}, this is {CODE_VERSION}. Install the newer"):
        await connect(database_url)


async def test_a_migration_that_fails_half_way_leaves_nothing_half(
    database_url: str, opened: Open, future: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    future("CREATE TABLE half (id TEXT);\nINSERT INTO run SELECT * FROM missing;\n")
    words = rf"{FUTURE:04}_next failed and nothing of it was kept: .*missing.*`agents migrate`"
    with pytest.raises(StorageError, match=f"(?s){words}"):
        await migrate(database_url)
    monkeypatch.setattr(module, "CODE_VERSION", CODE_VERSION)
    old = await opened(database_url)
    with pytest.raises(StorageError):
        await rows(old, "SELECT * FROM half")
    await spends(old)
    future(EXPAND)
    await migrate(database_url)
    assert await schema_of(database_url) == [{"version": FUTURE, "min_code": 1}]


async def test_a_table_that_stays_in_use_stops_the_migration_and_not_the_program(
    postgresql_url: str, future: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "TABLE_TIMEOUT_S", 0.01)
    future(EXPAND)
    with psycopg.connect(postgresql_url) as user:
        user.execute("SELECT * FROM run")
        with pytest.raises(StorageError, match="waited too long for a table in use; nothing of it was kept"):
            await migrate(postgresql_url)
    await migrate(postgresql_url)


async def test_two_that_migrate_wait_for_each_other(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir(exist_ok=True)
    with schema_lock(empty_url):
        monkeypatch.setattr(migrations, "LOCK_TIMEOUT_S", 0.05)
        with pytest.raises(StorageError, match="Another process is migrating"):
            await migrate(empty_url)
    await migrate(empty_url)


def test_a_migration_that_was_killed_is_in_nobodys_way(database_url: str, future: Callable[[str], None]) -> None:
    holds = (
        "import sys, time\nfrom storage.database.migrate import schema_lock\n"
        f"with schema_lock({database_url!r}):\n print('held', flush=True)\n time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", holds], stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"held\n"
        killed.kill()
    future(EXPAND)
    asyncio.run(migrate(database_url))
    assert asyncio.run(schema_of(database_url)) == [{"version": FUTURE, "min_code": 1}]
