"""Bring a database to the schema of this code with yoyo, which is imported only when there is something to do."""

import asyncio
import sqlite3
import warnings
from pathlib import Path

import psycopg

from patterns.errors import StorageError
from storage import connect, postgresql, sqlite

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_TIMEOUT_S = 30


async def migrate(url: str, *, break_lock: bool = False) -> None:
    """Create the database or bring its schema up to date, each migration in its own transaction.

    Safe to run at every start and from several processes. `break_lock` removes the mark of a migration that was killed
    half-way.

    Raises:
        StorageError: unreachable or broken, or another migration holds the lock.
    """
    await asyncio.to_thread(_migrate, url, break_lock=break_lock)


def _migrate(url: str, *, break_lock: bool) -> None:
    try:
        if break_lock or _version(url) < connect.CODE_VERSION:
            _apply(url, break_lock=break_lock)
    except sqlite3.Error as error:
        raise sqlite.translated(error) from error
    except psycopg.Error as error:
        raise postgresql.translated(error) from error


def _version(url: str) -> int:
    """The schema version, 0 for a database that is new or empty."""
    try:
        if url.startswith("sqlite"):
            return _sqlite_version(sqlite.path_of(url))
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute("SELECT version FROM schema").fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return int(row[0]) if row else 0


def _sqlite_version(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=sqlite.BUSY_TIMEOUT_S)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema'").fetchone()
        row = connection.execute("SELECT version FROM schema").fetchone() if table else None
    finally:
        connection.close()
    return int(row[0]) if row else 0


def _apply(url: str, *, break_lock: bool) -> None:
    with warnings.catch_warnings():
        # yoyo hands datetimes to sqlite3 its own way, which Python 3.12 calls old.
        warnings.simplefilter("ignore", DeprecationWarning)
        from yoyo import exceptions, get_backend, read_migrations  # noqa: PLC0415 - see the module docstring

        is_sqlite = url.startswith("sqlite")
        address = f"sqlite:///{sqlite.path_of(url)}" if is_sqlite else f"postgresql+psycopg:{url.partition(':')[2]}"
        folder = MIGRATIONS / ("sqlite" if is_sqlite else "postgresql")
        with get_backend(address) as backend:
            if break_lock:
                backend.break_lock()
            try:
                with backend.lock(LOCK_TIMEOUT_S):
                    backend.apply_migrations(backend.to_apply(read_migrations(str(folder))))
            except exceptions.LockTimeout as error:
                raise StorageError(
                    "Another process is migrating the database, or was killed while it did. Wait for it; when there is"
                    " none, run `agents migrate --break-lock`."
                ) from error
