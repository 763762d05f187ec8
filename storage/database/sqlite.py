"""SQLite through aiosqlite: one writer, one reader, and each transaction in a single hop to the connection's thread."""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any, ClassVar, Self, cast
from urllib.parse import unquote

import aiosqlite

from patterns.core.errors import StorageError
from storage.database.database import ConstraintError, Database
from storage.database.group_commit import BatchFailedError, Job, Raised, Script
from storage.database.private_files import make_private
from storage.database.statements import Asked, Dialect, Statement, T, Work

BUSY_TIMEOUT_S = 10.0
PREPARED_MAX = 500
"""Prepared statements that a connection keeps: more than there are."""
COMMIT_GAP_S = 0.001
"""Between two commits while others wait: without it another process starves (measured)."""


_BROKEN = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_NOTADB})
"""Errors of one statement after which the whole transaction is not to be trusted."""


Drive = Callable[[sqlite3.Connection, Script], Any]


class _Transaction:
    """Scripts to run in one transaction on the connection's own thread; their outcomes are kept here."""

    def __init__(self, begin: str, scripts: Sequence[Script], *, drive: Drive | None = None) -> None:
        self._begin = begin
        self._scripts = scripts
        self._drive = drive or (_drive if len(scripts) == 1 else _drive_apart)
        self.outcomes: list[Any] = []
        self.has_begun = False
        self.may_stand = False

    def run(self, connection: sqlite3.Connection) -> None:
        connection.execute(self._begin)
        self.has_begun = True
        try:
            self.outcomes = [self._drive(connection, script) for script in self._scripts]
        except BaseException:
            _roll_back(connection)
            raise
        try:
            connection.execute("COMMIT")
        except BaseException as error:
            # A transaction that is still open was not committed, but frames that a failed sync left in the log may be.
            self.may_stand = not connection.in_transaction or _code(error) == sqlite3.SQLITE_IOERR
            _roll_back(connection)
            raise


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # some errors end it by themselves
        connection.execute("ROLLBACK")


def _drive(connection: sqlite3.Connection, script: Script) -> Any:  # noqa: ANN401 - the script's result
    work = script()
    try:
        asked = next(work)
        while True:
            asked = work.send(_answer(connection, asked))
    except StopIteration as end:
        return end.value
    finally:
        work.close()


def _drive_apart(connection: sqlite3.Connection, script: Script) -> Any:  # noqa: ANN401 - the script's result or Raised
    """Run one of several scripts in a savepoint, so that a refusal undoes it alone."""
    connection.execute("SAVEPOINT script")
    try:
        result = _drive(connection, script)
    except Exception as error:
        if not connection.in_transaction or _code(error) in _BROKEN:
            raise
        connection.execute("ROLLBACK TO script")
        result = Raised(error)
    connection.execute("RELEASE script")
    return result


def _drive_reading(connection: sqlite3.Connection, script: Script) -> Any:  # noqa: ANN401 - the script's result or Raised
    """Run one of several reading scripts, whose error undoes nothing."""
    try:
        return _drive(connection, script)
    except Exception as error:
        if not connection.in_transaction or _code(error) in _BROKEN:
            raise
        return Raised(error)


def _answer(connection: sqlite3.Connection, asked: Asked) -> list[Any]:
    return [execute(connection, one) for one in asked] if isinstance(asked, tuple) else execute(connection, asked)


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
        if isinstance(script, _Transaction):
            script.run(self)
            return self.cursor()
        return super().executescript(script)


class SqliteDatabase(Database):
    """A file in WAL mode with full durability. One bot and any number of shell commands may share it."""

    dialect: ClassVar[Dialect] = "sqlite"

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        super().__init__(commit_gap_s=COMMIT_GAP_S)
        self._writer = writer
        self._reader = reader

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

    async def write(
        self,
        work: Callable[[], Work[T]],
        *,
        alone: bool = False,
        repeatable: bool = False,
        durable: bool = True,  # noqa: ARG002 - it shares its sync with what has to be
    ) -> T:
        """Run a script in a writing transaction, shared with all that wait, and return its result after the commit."""
        result: T = await self._group.add(Job(script=work, alone=alone, repeatable=repeatable))
        return result

    async def scrub(self) -> None:
        """Empty the write-ahead log, where deleted rows would stay readable; a reader in the way delays it."""
        await self._writer.execute_fetchall(
            "PRAGMA wal_checkpoint(TRUNCATE)"
        )  # the thread takes it between two batches

    async def _commit(self, scripts: Sequence[Script]) -> list[Any]:
        transaction = _Transaction("BEGIN IMMEDIATE", scripts)
        try:
            await self._writer.executescript(cast("str", transaction))
        except sqlite3.Error as error:
            cause = to_storage_error(error)
            cause.__cause__ = error
            if transaction.has_begun and len(scripts) == 1 and not transaction.outcomes:
                return [Raised(cause)]  # it failed by itself, before the COMMIT
            raise BatchFailedError(cause, may_stand=transaction.may_stand, has_begun=transaction.has_begun) from error
        except Exception as error:
            if len(scripts) > 1:
                raise
            return [Raised(error)]
        return [_told(outcome) for outcome in transaction.outcomes]

    async def _read(self, scripts: Sequence[Script]) -> list[Any]:
        transaction = _Transaction("BEGIN", scripts, drive=_drive_reading)
        try:
            await self._reader.executescript(cast("str", transaction))
        except sqlite3.Error as error:
            raise to_storage_error(error) from error
        return [_told(outcome) for outcome in transaction.outcomes]

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
            uri,
            uri=True,
            isolation_level=None,
            timeout=BUSY_TIMEOUT_S,
            cached_statements=PREPARED_MAX,
            factory=_Connection,
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


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _told(outcome: object) -> object:
    """Return an outcome with SQLite's error as ours."""
    if not isinstance(outcome, Raised) or not isinstance(outcome.error, sqlite3.Error):
        return outcome
    cause = to_storage_error(outcome.error)
    cause.__cause__ = outcome.error
    return Raised(cause)


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
    code = _code(error)
    if code == sqlite3.SQLITE_CONSTRAINT:
        return ConstraintError(f"The database refused a row: {error}.")
    if "no such table: schema" in str(error):
        return StorageError("The database has no schema yet. Run `agents migrate`.")
    return StorageError(_SENTENCES.get(code, f"The database could not be used: {error}. Run `agents doctor`."))
