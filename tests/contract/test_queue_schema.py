"""Procrastinate's tables keep up with the Procrastinate that is installed, whatever it was when they were made."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from procrastinate import App, PsycopgConnector
from procrastinate.schema import SchemaManager

from patterns.core.errors import StorageError
from storage.database import queue_schema
from storage.database.migrate import schema_lock
from storage.database.queue_schema import DEPLOY_US, FOLDER, due, install_queue
from tests.support.databases import drop_database, new_database

NAMES = sorted(path.name for path in FOLDER.glob("*.sql"))
OLD = "02.14.01_01_add_indexes_for_fetch_job.sql"
CATALOG = """
SELECT 'column', concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema = 'public' AND table_name LIKE 'procrastinate%'
UNION ALL SELECT 'index', indexdef FROM pg_indexes WHERE tablename LIKE 'procrastinate%'
UNION ALL SELECT 'function', regexp_replace(pg_get_functiondef(oid), '\\s+', ' ', 'g') FROM pg_proc
  WHERE proname LIKE 'procrastinate%'
UNION ALL SELECT 'trigger', pg_get_triggerdef(oid) FROM pg_trigger
  WHERE NOT tgisinternal AND tgname LIKE 'procrastinate%'
UNION ALL SELECT 'value', t.typname || ' ' || e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
"""


@pytest.fixture
def url(postgresql_url: str) -> str:
    return postgresql_url


@pytest.fixture
def other_url(postgresql: str) -> Iterator[str]:
    """An empty database beside it."""
    made = new_database(postgresql)
    yield made
    drop_database(postgresql, made)


def write(url: str, *statements: bytes) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def catalog(url: str) -> set[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        return set(connection.execute(CATALOG.encode()).fetchall())


def recorded(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM queue_migration ORDER BY name")]


async def works(url: str) -> list[str]:
    """The runs that a worker took from the queue."""
    app, taken = App(connector=PsycopgConnector(conninfo=url)), []

    @app.task(name="run", queue="runs")
    async def run(run_id: str) -> None:
        taken.append(run_id)

    async with app.open_async():
        await run.defer_async(run_id="new")
        await app.run_worker_async(queues=["runs"], wait=False, install_signal_handlers=False, listen_notify=False)
    return taken


async def test_a_new_database_gets_what_procrastinate_would_make_and_keeps_the_record(url: str, other_url: str) -> None:
    await asyncio.gather(install_queue(url), install_queue(url))
    await install_queue(url)
    write(other_url, SchemaManager.get_schema().encode())
    assert catalog(url) == catalog(other_url)
    assert recorded(url) == NAMES
    assert await works(url) == ["new"]


async def test_an_older_schema_catches_up_and_its_jobs_are_done(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_schema, "due", lambda names, known, now_us: [n for n in names if n <= OLD])  # noqa: ARG005 - its shape
    await install_queue(url)
    monkeypatch.setattr(queue_schema, "due", due)
    write(
        url,
        b"INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('runs', 'run', '{\"run_id\": \"old\"}')",
    )
    await install_queue(url)
    assert [name for name in NAMES if name not in recorded(url)] == [NAMES[-1]]
    assert await works(url) == ["old", "new"]
    write(url, f"UPDATE queue_migration SET at_us = at_us - {DEPLOY_US}".encode())  # noqa: S608 - a number of ours
    await install_queue(url)
    assert recorded(url) == NAMES
    assert await works(url) == ["new"]


async def test_tables_from_before_there_was_a_record_are_known(url: str) -> None:
    write(url, SchemaManager.get_schema().encode())
    await install_queue(url)
    assert recorded(url) == NAMES
    assert await works(url) == ["new"]


async def test_a_process_that_starts_beside_the_first_one_waits_instead_of_judging_half_made_tables(url: str) -> None:
    waiting = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with psycopg.connect(url, autocommit=True) as observer:
        with schema_lock(url):
            # The first file stands and its record is not seen yet: that look was a moment earlier.
            write(url, (FOLDER / NAMES[0]).read_bytes())
            second = asyncio.create_task(install_queue(url))
            async with asyncio.timeout(10):
                while observer.execute(waiting).fetchone() == (0,):  # noqa: ASYNC110 - another session waits
                    await asyncio.sleep(0.01)
            for name in NAMES[1:]:
                write(url, (FOLDER / name).read_bytes())
            for name in NAMES:
                observer.execute("INSERT INTO queue_migration (name, at_us) VALUES (%s, 1)", (name,))
        await second
    assert recorded(url) == NAMES


async def test_old_tables_of_another_program_are_left_alone(url: str) -> None:
    write(url, *((FOLDER / name).read_bytes() for name in NAMES if name <= OLD))
    before = catalog(url)
    with pytest.raises(StorageError, match="give Agents for Slack a database of its own"):
        await install_queue(url)
    assert catalog(url) == before


async def test_a_file_that_fails_half_way_leaves_nothing_half(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install_queue(url)
    (tmp_path / "99.00.00_01_pre_next.sql").write_text(
        "CREATE TABLE procrastinate_half (id int); SELECT * FROM missing;"
    )
    monkeypatch.setattr(queue_schema, "FOLDER", tmp_path)
    before = catalog(url)
    with pytest.raises(StorageError, match="missing"):
        await install_queue(url)
    assert (catalog(url), recorded(url)) == (before, NAMES)


def test_what_the_code_before_an_upgrade_needs_is_taken_away_a_day_later() -> None:
    names = ["01_01_pre_a", "01_50_post_a", "02_01_pre_b", "02_50_post_b"]
    at_the_start = dict.fromkeys(names[:1], 0)
    assert due(names, {}, now_us=0) == names
    assert due(names, at_the_start, now_us=DEPLOY_US) == ["01_50_post_a", "02_01_pre_b"]
    upgraded = dict.fromkeys(names[:2], 0) | {"02_01_pre_b": DEPLOY_US}
    assert due(names, upgraded, now_us=2 * DEPLOY_US - 1) == []
    assert due(names, upgraded, now_us=2 * DEPLOY_US) == ["02_50_post_b"]
    assert due(names, dict.fromkeys(names, 0), now_us=0) == []
