"""SQLite through aiosqlite: one writer, one reader, and each transaction in a single hop to the connection's thread."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, cast
from urllib.parse import unquote

import aiosqlite

from patterns.core.errors import StorageError
from storage.database.database import ConstraintError, Database
from storage.database.private_files import make_private
from storage.database.statements import Dialect, Statement, T, Work

BUSY_TIMEOUT_S = 10.0
COMMIT_GAP_S = 0.001
"""Between two commits while others wait: without it another process starves (measured)."""


class _Script(Generic[T]):
    """A transaction to run on the connection's own thread; its result is kept here."""

    result: T

    def __init__(self, begin: str, work: Callable[[], Work[T]]) -> None:
        self._begin = begin
        self._work = work

    def run(self, connection: sqlite3.Connection) -> None:
        connection.execute(self._begin)
        try:
            self._drive(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _drive(self, connection: sqlite3.Connection) -> None:
        work = self._work()
        try:
            statement = next(work)
            while True:
                statement = work.send(execute(connection, statement))
        except StopIteration as end:
            self.result = end.value
        finally:
            work.close()


def execute(connection: sqlite3.Connection, statement: Statement) -> list[Any]:
    """Execute one statement of a script and return its rows, in the shape the script asked for."""
    query, params = statement.query, statement.params
    if isinstance(params, Sequence):
        connection.executemany(query.each["sqlite"], params)
        return []
    cursor = connection.execute(query.sqlite, query.bind(params, "sqlite"))
    if statement.make:
        return list(starmap(statement.make, cursor))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, values, strict=True)) for values in cursor]


class _Connection(sqlite3.Connection):
    """Accept a whole transaction where a script of text is expected: one hop to the thread, not one a statement."""

    def executescript(self, script: Any, /) -> sqlite3.Cursor:  # noqa: ANN401 - text or one of our scripts
        if isinstance(script, _Script):
            script.run(self)
            return self.cursor()
        return super().executescript(script)


class SqliteDatabase(Database):
    """A file in WAL mode with full durability. One bot and any number of shell commands may share it."""

    dialect: ClassVar[Dialect] = "sqlite"

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        super().__init__()
        self._writer = writer
        self._reader = reader
        self._turn = asyncio.Lock()
        self._committed_s = 0.0

    @classmethod
    async def open(cls, url: str) -> Self:
        """Open an existing file.

        Raises:
            StorageError: it does not exist or is broken.
        """
        path = path_of(url)
        if not path.exists():
            raise StorageError(f"There is no database at {path}. Run `agents migrate` to create it.")
        make_private([path, *(path.with_name(f"{path.name}-{part}") for part in ("wal", "shm"))])
        writer = await _connect(path, "PRAGMA journal_mode=WAL")
        try:
            reader = await _connect(path, "PRAGMA query_only=ON")
        except BaseException:
            await writer.close()
            raise
        return cls(writer, reader)

    async def read(self, work: Callable[[], Work[T]]) -> T:
        """Run a reading script on one snapshot, beside the writer, and return its result."""
        return await _run(self._reader, _Script("BEGIN", work))

    async def _write(self, work: Callable[[], Work[T]]) -> T:
        contended = self._turn.locked()
        async with self._turn:
            loop = asyncio.get_running_loop()
            wait_s = self._committed_s + COMMIT_GAP_S - loop.time()
            if contended and wait_s > 0:
                await asyncio.sleep(wait_s)
            try:
                return await _run(self._writer, _Script("BEGIN IMMEDIATE", work))
            finally:
                self._committed_s = loop.time()

    async def scrub(self) -> None:
        """Empty the write-ahead log, where deleted rows would stay readable; a reader in the way delays it."""
        async with self._turn:
            await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    async def _close(self) -> None:
        await self._reader.close()
        await self._writer.close()


def path_of(url: str) -> Path:
    """Return the absolute path of the file of a `sqlite:////absolute` or `sqlite:///relative` address."""
    if not url.startswith("sqlite:///") or url == "sqlite:///":
        raise StorageError(f"{url} names no file. Write sqlite:////path/file.db.")
    return Path(unquote(url.removeprefix("sqlite:///"))).absolute()


async def _connect(path: Path, pragma: str) -> aiosqlite.Connection:
    # mode=rw: a mistyped path must not become a new, empty ledger.
    uri = f"{path.as_uri()}?mode=rw"
    try:
        connection = await aiosqlite.connect(
            uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S, factory=_Connection
        )
    except sqlite3.Error as error:
        raise to_storage_error(error) from error
    try:
        for setting in ("PRAGMA foreign_keys=ON", "PRAGMA synchronous=FULL", "PRAGMA secure_delete=ON", pragma):
            await connection.execute_fetchall(setting)
    except BaseException as error:
        await connection.close()
        if isinstance(error, sqlite3.Error):
            raise to_storage_error(error) from error
        raise
    return connection


async def _run(connection: aiosqlite.Connection, script: _Script[T]) -> T:
    try:
        await connection.executescript(cast("str", script))
    except sqlite3.Error as error:
        raise to_storage_error(error) from error
    return script.result


_SENTENCES = {
    sqlite3.SQLITE_BUSY: "The database is locked: another process has held it for too long. Stop that process, then"
    " try again.",
    sqlite3.SQLITE_FULL: "The disk of the database is full; nothing was written. Free some space, then try again.",
    sqlite3.SQLITE_IOERR: "The disk of the database failed; what was being written may be lost. Check the disk,"
    " then try again.",
    sqlite3.SQLITE_CORRUPT: "The database file is broken. Stop the bot and restore the last backup.",
    sqlite3.SQLITE_NOTADB: "The file is not a database of ours, or it is broken. Restore the last backup.",
    sqlite3.SQLITE_CANTOPEN: "The database file cannot be opened. Check that the path and its permissions are right.",
    sqlite3.SQLITE_READONLY: "The database cannot be written. Check the permissions of the file and its folder.",
    sqlite3.SQLITE_PERM: "The database cannot be opened. Check the permissions of the file and its folder.",
}


def to_storage_error(error: sqlite3.Error) -> StorageError:
    """Return the StorageError that says what to do about an error of SQLite."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CONSTRAINT:
        return ConstraintError(f"The database refused a row: {error}.")
    if "no such table: schema" in str(error):
        return StorageError("The database has no schema yet. Run `agents migrate`.")
    return StorageError(_SENTENCES.get(code, f"The database could not be used: {error}. Run `agents doctor`."))
