"""Bring Procrastinate's tables to the installed version by its own migrations, and record which were applied.

Procrastinate ships SQL files in the order of their names and leaves the record to its users. `pre` files suit the code
before and after an upgrade; a `post` file removes what older code still uses, so the last of them wait until a deploy
is surely over.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import procrastinate.schema
import psycopg

from patterns.core.errors import StorageError
from storage.database import postgresql
from storage.database.migrate import schema_lock

FOLDER = Path(procrastinate.schema.migrations_path)
DEPLOY_US = 24 * 3_600_000_000
"""After this time no process runs the code before an upgrade any more."""
_UNRECORDED = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
"""The last file that tables without a record have had."""

Connection = psycopg.Connection[tuple[str, int]]


async def install_queue(url: str) -> None:
    """Create Procrastinate's tables or bring them up to date; safe at every start and from several processes.

    Raises:
        StorageError: unreachable, or the tables belong to another program and are too old.
    """
    await asyncio.to_thread(_install, url)


def _install(url: str) -> None:
    try:
        postgresql.retry_on_shutdown(partial(_bring_up_to_date, url))
    except psycopg.Error as error:
        raise postgresql.to_storage_error(error) from error


def _bring_up_to_date(url: str) -> None:
    with postgresql.connect_sync(url) as connection:
        known = _known(connection)
        # Without a record another process may be applying the first file just now: judging the tables needs the lock.
        if known and not due(_names(), known, now_us=time.time_ns() // 1000):
            return
        with schema_lock(url):
            for name in _due(connection):
                with connection.transaction():
                    connection.execute((FOLDER / name).read_bytes())
                    _record(connection, [name])


def _due(connection: Connection) -> list[str]:
    """Return the files to apply now, in their order. Needs the schema lock."""
    names, known = _names(), _known(connection)
    if not known and _stands(connection, "procrastinate_jobs"):
        known = _adopt(connection, names)
    return due(names, known, now_us=time.time_ns() // 1000)


def _names() -> list[str]:
    return sorted(path.name for path in FOLDER.glob("*.sql"))


def _known(connection: Connection) -> dict[str, int]:
    """Return when each file was applied, in microseconds."""
    return dict(connection.execute("SELECT name, at_us FROM queue_migration").fetchall())


def due(names: Sequence[str], known: Mapping[str, int], *, now_us: int) -> list[str]:
    """Return the files of `names` to apply now, in their order. `known`: when each was applied, in microseconds.

    The `post` files after the last `pre` one wait until that was applied a day ago; a new database gets them at once.
    """
    last_pre = max(name for name in names if "_post_" not in name)
    is_deploying = bool(known) and now_us - known.get(last_pre, now_us) < DEPLOY_US
    return [name for name in names if name not in known and not (is_deploying and name > last_pre)]


def _adopt(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Record which files tables without a record have had, and return them."""
    if not _stands(connection, "procrastinate_retry_job_v2"):
        raise StorageError(
            "This database holds the tables of a Procrastinate before 3.4 that another program made. Bring them up to"
            " date with that program, or give Agents for Slack a database of its own."
        )
    return dict.fromkeys(_record(connection, [name for name in names if name <= _UNRECORDED]), 0)


def _record(connection: Connection, names: Sequence[str]) -> Sequence[str]:
    connection.cursor().executemany(
        "INSERT INTO queue_migration (name, at_us) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [(name, time.time_ns() // 1000) for name in names],
    )
    return names


def _stands(connection: Connection, name: str) -> bool:
    """Return whether a table or function of that name exists."""
    found = connection.execute("SELECT COALESCE(to_regclass(%s)::text, to_regproc(%s)::text)", (name, name)).fetchone()
    return found is not None and found[0] is not None
