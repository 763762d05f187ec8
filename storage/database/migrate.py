"""Bring a database to the schema of this code: numbered SQL files, each applied in one transaction with its mark.

The mark is `schema.version`: a file is due when its number is above it. Databases that yoyo migrated, up to version 7,
have the same mark; the tables that it kept for itself are left alone.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from filelock import FileLock, Timeout

from patterns.core.errors import StorageError
from storage.database import connect, postgresql, sqlite
from storage.database.private_files import FILE_MODE, create_private, private_folder

MIGRATIONS = Path(__file__).parents[1] / "migrations"
LOCK_TIMEOUT_S = 30.0
"""Seconds one process waits while another migrates."""
TABLE_TIMEOUT_S = 5
"""Seconds a migration waits for a table in use: every statement after it queues behind it."""
_LOCK = 7_245_913

Connection = sqlite3.Connection | psycopg.Connection[tuple[Any, ...]]


async def migrate(url: str) -> None:
    """Create the database or bring its schema up to date, each migration whole or not at all.

    Safe to run at every start and from several processes.

    Raises:
        StorageError: unreachable or broken, another process is migrating, or a migration cannot be applied.
    """
    await asyncio.to_thread(_migrate, url)


def _migrate(url: str) -> None:
    try:
        postgresql.retry_on_shutdown(partial(_bring_up_to_date, url))
    except sqlite3.Error as error:
        raise sqlite.to_storage_error(error) from error
    except psycopg.Error as error:
        raise postgresql.to_storage_error(error) from error


def _bring_up_to_date(url: str) -> None:
    with closing(_open(url)) as connection:  # closing it rolls back what failed
        if _version(connection) >= connect.CODE_VERSION:
            return
        with schema_lock(url):
            if isinstance(connection, sqlite3.Connection):
                # Stored in the file. SQLite does not wait for a busy database here, so it needs the lock.
                connection.execute("PRAGMA journal_mode=WAL")
            folder = MIGRATIONS / ("sqlite" if isinstance(connection, sqlite3.Connection) else "postgresql")
            version = _version(connection)
            for path in sorted(folder.glob("*.sql")):
                if int(path.name.partition("_")[0]) > version:
                    _apply(connection, path)


@contextmanager
def schema_lock(url: str) -> Iterator[None]:
    """Hold the lock of schema changes; it is the operating system's or the server's, so a killed process frees it.

    Raises:
        StorageError: another process has it for too long.
    """
    try:
        if url.startswith("sqlite"):
            path = sqlite.path_of(url)
            with FileLock(path.with_name(f"{path.name}.migrating"), timeout=LOCK_TIMEOUT_S, mode=FILE_MODE):
                yield
        else:
            with postgresql.connect_sync(url) as connection:
                connection.execute(f"SET lock_timeout = {LOCK_TIMEOUT_S * 1000:.0f}".encode())
                connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
                yield
    except (Timeout, psycopg.errors.LockNotAvailable) as error:
        raise StorageError(
            "Another process is migrating the database. Wait until it is done, then run `agents migrate` again."
        ) from error


def _open(url: str) -> Connection:
    """Open the database in autocommit mode, with the timeout of migrations; create a SQLite file that is missing."""
    if url.startswith("sqlite"):
        path = sqlite.path_of(url)
        private_folder(path.parent)
        create_private(path)
        return sqlite3.connect(path, timeout=TABLE_TIMEOUT_S, isolation_level=None)
    connection = postgresql.connect_sync(url)
    connection.execute(f"SET lock_timeout = {TABLE_TIMEOUT_S * 1000:.0f}".encode())
    return connection


def _version(connection: Connection) -> int:
    """Return the schema version, 0 for a database that is new or empty."""
    try:
        row = connection.execute("SELECT version FROM schema").fetchone()
    except (sqlite3.OperationalError, psycopg.errors.UndefinedTable) as error:
        if isinstance(error, sqlite3.Error) and "no such table" not in str(error):
            raise
        return 0
    return int(row[0]) if row else 0


def _apply(connection: Connection, path: Path) -> None:
    """Run the statements of a file and its mark in one transaction.

    Raises:
        StorageError: it failed or waited too long, and the transaction is open.
    """
    script = f"{path.read_text('utf-8')}\nUPDATE schema SET version = {int(path.name.partition('_')[0])};"
    try:
        if isinstance(connection, sqlite3.Connection):
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nCOMMIT;")
        else:
            connection.execute(f"BEGIN;\n{script}\nCOMMIT;".encode())
    except psycopg.errors.AdminShutdown:
        raise  # nothing of it was kept, and it is begun again
    except (sqlite3.Error, psycopg.Error) as error:
        raise StorageError(_failed(path.stem, error)) from error


def _failed(name: str, error: sqlite3.Error | psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.LockNotAvailable) or "locked" in str(error):
        return (
            f"Migration {name} waited too long for a table in use; nothing of it was kept. Run `agents migrate` again."
        )
    return (
        f"Migration {name} failed and nothing of it was kept: {str(error).strip()}. The programs that run may go on;"
        " mend what it names, then run `agents migrate` again."
    )
