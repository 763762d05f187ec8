"""Bring a database to the schema of this code with yoyo, which is imported only when there is something to do."""

import asyncio
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from filelock import FileLock, Timeout

from patterns.core.errors import StorageError
from storage.database import connect, postgresql, sqlite

MIGRATIONS = Path(__file__).parents[1] / "migrations"
LOCK_TIMEOUT_S = 30.0
"""How long one process waits while another migrates; a killed one lets go at once."""
TABLE_TIMEOUT_S = 5
"""How long a migration waits for a table in use: later statements queue behind it."""
_LOCK = 7_245_913


async def migrate(url: str) -> None:
    """Create the database or bring its schema up to date, each migration whole or not at all.

    Safe to run at every start and from several processes.

    Raises:
        StorageError: unreachable or broken, another process is migrating, or a migration cannot be applied.
    """
    await asyncio.to_thread(_migrate, url)


def _migrate(url: str) -> None:
    try:
        postgresql.insist(partial(_bring_up_to_date, url))
    except sqlite3.Error as error:
        raise sqlite.translated(error) from error
    except psycopg.Error as error:
        raise postgresql.translated(error) from error


def _bring_up_to_date(url: str) -> None:
    if _version(url) < connect.CODE_VERSION:
        with alone(url):
            _apply(url)


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Hold the lock of schema changes; it is the operating system's or the server's, so a killed process frees it.

    Raises:
        StorageError: another process has it for too long.
    """
    try:
        if url.startswith("sqlite"):
            path = sqlite.path_of(url)
            with FileLock(path.with_name(f"{path.name}.migrating"), timeout=LOCK_TIMEOUT_S):
                yield
        else:
            with postgresql.connect_alone(url) as connection:
                connection.execute(f"SET lock_timeout = {LOCK_TIMEOUT_S * 1000:.0f}".encode())
                connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
                yield
    except (Timeout, psycopg.errors.LockNotAvailable) as error:
        raise StorageError(
            "Another process is migrating the database. Wait until it is done, then run `agents migrate` again."
        ) from error


def _version(url: str) -> int:
    """Return the schema version, 0 for a database that is new or empty."""
    try:
        if url.startswith("sqlite"):
            return _sqlite_version(sqlite.path_of(url))
        with postgresql.connect_alone(url) as connection:
            row = connection.execute("SELECT version FROM schema").fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return int(row[0]) if row else 0


def _sqlite_version(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=sqlite.BUSY_TIMEOUT_S)
    try:
        table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema'").fetchone()
        row = connection.execute("SELECT version FROM schema").fetchone() if table else None
    finally:
        connection.close()
    return int(row[0]) if row else 0


def _apply(url: str) -> None:
    with warnings.catch_warnings():
        # yoyo hands datetimes to sqlite3 its own way, which Python 3.12 calls old.
        warnings.simplefilter("ignore", DeprecationWarning)
        from yoyo import read_migrations  # noqa: PLC0415 - see the module docstring

        folder = MIGRATIONS / ("sqlite" if url.startswith("sqlite") else "postgresql")
        with _backend(url) as backend:
            if isinstance(backend.connection, sqlite3.Connection):
                # Kept in the file. SQLite does not wait for a busy database here, so it needs the lock.
                backend.execute("PRAGMA journal_mode=WAL")
            backend.init_database()
            backend.break_lock()  # yoyo's own lock is a row that outlives a killed process; ours does not
            for migration in backend.to_apply(read_migrations(str(folder))):
                try:
                    # yoyo's own loop marks a migration after its commit: killed in between, it could never go on.
                    with backend.transaction():
                        migration.process_steps(backend, "apply")
                        backend.mark_one(migration, log=False)
                except psycopg.errors.AdminShutdown:
                    raise  # nothing of it was kept, and it is begun again
                except (sqlite3.Error, psycopg.Error) as error:
                    raise StorageError(_failed(migration.id, error)) from error


def _backend(url: str) -> Any:  # noqa: ANN401 - yoyo has no types
    """Return yoyo's connection, with the address in parts, because its own parser knows fewer addresses than libpq."""
    from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend  # noqa: PLC0415 - see the module docstring
    from yoyo.backends.core.sqlite3 import SQLiteBackend  # noqa: PLC0415 - same
    from yoyo.connections import DatabaseURI  # noqa: PLC0415 - same
    from yoyo.migrations import default_migration_table  # noqa: PLC0415 - same

    if url.startswith("sqlite"):
        path = quote(str(sqlite.path_of(url)))
        return SQLiteBackend(DatabaseURI("sqlite", None, None, None, None, path, {}), default_migration_table)
    parts = psycopg.conninfo.conninfo_to_dict(postgresql.address(url))
    set_ = {**postgresql.SERVER_PATIENCE, "lock_timeout": f"{TABLE_TIMEOUT_S}s"}
    parts["options"] = " ".join([str(parts.get("options", "")), *(f"-c {name}={set_[name]}" for name in set_)])
    address = DatabaseURI("postgresql", None, None, None, None, parts.pop("dbname", None), parts)
    return PostgresqlPsycopgBackend(address, default_migration_table)


def _failed(name: str, error: sqlite3.Error | psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.LockNotAvailable) or "locked" in str(error):
        return (
            f"Migration {name} waited too long for a table in use; nothing of it was kept. Run `agents migrate` again."
        )
    return (
        f"Migration {name} failed and nothing of it was kept: {str(error).strip()}. The programs that run may go on;"
        " mend what it names, then run `agents migrate` again."
    )
