"""One door to SQLite and PostgreSQL, so that every transaction is written once and runs whole or not at all."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from patterns.errors import StorageError
from storage.statements import Dialect, Queries, Query, Row, Statement, T, Work, load, single

__all__ = [
    "CODE_VERSION",
    "ConstraintError",
    "Database",
    "Dialect",
    "Queries",
    "Query",
    "Row",
    "Statement",
    "Work",
    "check_schema",
    "connect",
    "load",
    "migrate",
    "single",
]

CODE_VERSION = 1
"""The schema this code knows. A database of a later version works as long as its `min_code` is not above this."""


class ConstraintError(StorageError):
    """A row broke a rule of the schema; nothing of its transaction was kept."""


class Database(ABC):
    """A database that runs transaction scripts: generators that yield statements and receive rows."""

    dialect: ClassVar[Dialect]

    def __init__(self) -> None:
        self._running: set[asyncio.Task[object]] = set()

    async def write(self, work: Callable[[], Work[T]]) -> T:
        """Run a script in one writing transaction and return its result after the commit.

        A cancelled caller stops waiting; the transaction still ends by itself. Any error rolls back.

        Raises:
            ConstraintError: a row broke a rule of the schema.
            StorageError: locked, full, broken or unreachable, in one sentence.
        """
        task = asyncio.ensure_future(self._write(work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    @abstractmethod
    async def read(self, work: Callable[[], Work[T]]) -> T:
        """Run a reading script on one snapshot, beside the writer."""

    async def close(self) -> None:
        """Let running transactions end, then let go of every connection and thread."""
        while self._running:
            await asyncio.wait(self._running)
        await self._close()

    @abstractmethod
    async def _write(self, work: Callable[[], Work[T]]) -> T: ...

    @abstractmethod
    async def _close(self) -> None: ...

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever still waits receives it; a cancelled caller must not leave a warning behind


async def connect(url: str) -> Database:
    """Open `sqlite:////path/file.db` or `postgresql://…` with a schema this code understands.

    Raises:
        StorageError: missing, broken, unreachable, behind (run `agents migrate`) or too new.
    """
    database = await _open(url)
    try:
        await check_schema(database)
    except BaseException:
        await database.close()
        raise
    return database


async def _open(url: str) -> Database:
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from storage.sqlite import SqliteDatabase  # noqa: PLC0415 - one driver is enough for a process

        return await SqliteDatabase.open(url)
    if scheme in {"postgresql", "postgres"}:
        from storage.postgresql import PostgresqlDatabase  # noqa: PLC0415 - same

        return await PostgresqlDatabase.open(url)
    raise StorageError(f"{scheme}: is not a database I know. Write sqlite:////path/file.db or postgresql://host/name.")


_SCHEMA = Query("schema", "SELECT version, min_code FROM schema")


async def check_schema(database: Database) -> None:
    """Refuse a database this code would misread: one behind it, or one whose `min_code` is above it."""
    schema = (await database.read(lambda: single(_SCHEMA())))[0]
    if schema["min_code"] > CODE_VERSION:
        raise StorageError(
            f"The database is newer than this program: it asks for {schema['min_code']}, this is {CODE_VERSION}."
            " Install the newer Agents for Slack."
        )
    if schema["version"] < CODE_VERSION:
        raise StorageError(f"The database has schema {schema['version']} of {CODE_VERSION}. Run `agents migrate`.")


async def migrate(url: str, *, break_lock: bool = False) -> None:
    """Create the database or bring its schema up to date; safe to run at every start and from several processes.

    `break_lock` removes the mark of a migration that was killed half-way.
    """
    from storage.migrate import migrate as run  # noqa: PLC0415 - only starts and the migrate command need it

    await asyncio.to_thread(run, url, break_lock=break_lock)
