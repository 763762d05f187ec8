"""PostgreSQL through psycopg, for several processes on one ledger."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, args_row, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from patterns.core.errors import StorageError
from storage.database.database import ConstraintError, Database
from storage.database.statements import Dialect, Query, Row, Statement, T, Work, single

CONNECT_TIMEOUT_S = 10
RECONNECT_S = 8.0
"""For how long the pool tries again by itself. It doubles its pauses, so a longer trial would sleep on when the server
is back; whoever needs a connection then begins a new one at once."""
POOL_SIZE = 8
RETRIES = 10
"""Of a transaction that PostgreSQL asks to run again (40001 serialization failure, 40P01 deadlock)."""

RETRY_S = 0.2
_PATIENCE = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""When we take a silent server for gone, in libpq's words. The system's own patience is a quarter of an hour."""
SERVER_PATIENCE = {
    "tcp_keepalives_idle": "5s",
    "tcp_keepalives_interval": "2s",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10s",
    "idle_in_transaction_session_timeout": "5s",
}
"""When the server takes us for gone and frees what we have locked: no power, a cut network, a process that stands still
between two statements. Its own patience is two hours, in which nobody else could use those accounts."""
_SET_PATIENCE = "; ".join(f"SET {name} = '{value}'" for name, value in SERVER_PATIENCE.items())

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = "BEGIN; SELECT CAST(pg_current_xact_id() AS text) AS id"

_REFUSED = re.compile(r"FATAL:\s+((?:password|no pg_hba\.conf|role|database|user|SSL)\b[^\n]*)")
"""What the server says to whoever may not come in; it names users and databases, never passwords."""

Connection = psycopg.AsyncConnection[DictRow]


def address(url: str) -> str:
    """The address with our patience in it; what the operator wrote there stands."""
    written = conninfo_to_dict(url)
    return make_conninfo(url, **{name: value for name, value in _PATIENCE.items() if name not in written})


async def configure(connection: psycopg.AsyncConnection[Any]) -> None:
    """Have the server notice when we are gone; for every connection of a pool."""
    await connection.execute(_SET_PATIENCE.encode())
    await connection.commit()


def connect_alone(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """One connection without a loop and without a pool, each statement on its own; with the same patience."""
    connection = psycopg.connect(address(url), autocommit=True)
    connection.execute(_SET_PATIENCE.encode())
    return connection


def insist(work: Callable[[], T]) -> T:
    """Work without a loop, once more when the server hangs up on it, and until it is back: harmless to repeat."""
    give_up_s: float | None = None
    while True:
        try:
            return work()
        except psycopg.OperationalError as error:
            if isinstance(error, psycopg.errors.AdminShutdown):  # it restarts, or somebody cut us off
                give_up_s = give_up_s or time.monotonic() + CONNECT_TIMEOUT_S
            if give_up_s is None or time.monotonic() > give_up_s:
                raise
            time.sleep(RETRY_S)


@dataclass(frozen=True, slots=True)
class Enlisted(Statement):
    """A step of a transaction script that somebody else's client writes, on the connection of the transaction."""

    call: Callable[[Connection], Awaitable[None]] = field(kw_only=True)

    @classmethod
    def by(cls, call: Callable[[Connection], Awaitable[None]]) -> Self:
        """The step that this call is; it returns no rows and may be run again."""
        return cls(Query("enlisted", ""), {}, call=call)


class PostgresqlDatabase(Database):
    """A pool of connections; every script may be run again by a retry."""

    dialect: ClassVar[Dialect] = "postgresql"

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        super().__init__()
        self._pool = pool

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect; StorageError when the server does not answer."""
        try:
            pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
                address(url),
                connection_class=Connection,
                min_size=1,
                max_size=POOL_SIZE,
                timeout=CONNECT_TIMEOUT_S,
                reconnect_timeout=RECONNECT_S,
                configure=configure,
                open=False,
                kwargs={"autocommit": True, "row_factory": dict_row},
            )
            await (await psycopg.AsyncConnection.connect(address(url))).close()
            await pool.open()
        except psycopg.Error as error:
            raise translated(error) from error
        return cls(pool)

    async def read(self, work: Callable[[], Work[T]]) -> T:
        """Run a reading script on one snapshot."""
        return await self._insist(_READ, work)

    async def _write(self, work: Callable[[], Work[T]]) -> T:
        return await self._insist(_WRITE, work)

    async def _close(self) -> None:
        await self._pool.close()

    async def _insist(self, begin: str, work: Callable[[], Work[T]]) -> T:
        for attempt in range(RETRIES):
            try:
                return await self._run(begin, work)
            except _AgainError:
                await asyncio.sleep(0.001 * 2**attempt)
        raise StorageError("The database kept asking to try again. It is overloaded; try again in a minute.")

    async def _run(self, begin: str, work: Callable[[], Work[T]]) -> T:
        """One attempt.

        Raises:
            _AgainError: nothing came of it, and nothing is wrong with the script.
        """
        connection, result, to_commit = None, [], ""
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(begin)
                started = await cursor.fetchone() if cursor.nextset() else None
                try:
                    result.append(await _drive(connection, work()))
                    to_commit = started["id"] if started else ""
                    await connection.execute("COMMIT")
                except BaseException:
                    if not connection.closed:
                        await connection.rollback()
                    raise
                return result[0]
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as error:
            raise _AgainError from error
        except psycopg.Error as error:
            if isinstance(error, psycopg.errors.FeatureNotSupported) and "cached plan" in str(error):
                raise _AgainError from error  # a migration has just added a column to what was prepared here
            if connection is None or not connection.closed:
                raise translated(error) from error
            # The server restarted, hung up on us or took us for gone. Only a COMMIT on its way leaves a doubt, and
            # the server knows.
            if to_commit and await self._is_committed(to_commit):
                return result[0]
            raise _AgainError from error

    async def _is_committed(self, transaction_id: str) -> bool:
        """What became of a transaction whose COMMIT was not answered."""
        asked = Query("committed", "SELECT pg_xact_status(CAST(:id AS xid8)) AS status")
        for attempt in range(RETRIES):
            status = (await self.read(lambda: single(asked(id=transaction_id))))[0]["status"]
            if status != "in progress":
                return bool(status == "committed")
            await asyncio.sleep(0.001 * 2**attempt)
        raise StorageError("PostgreSQL still works on what it was told to keep. Try again in a minute.")


class _AgainError(StorageError):
    """The database was busy with conflicting work. Try again in a moment."""


async def _drive(connection: Connection, work: Work[T]) -> T:
    cursor = connection.cursor()
    try:
        statement = next(work)
        while True:
            if isinstance(statement, Enlisted):
                await statement.call(connection)
                statement = work.send([])
            else:
                statement = work.send(await _execute(cursor, statement))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        work.close()


async def _execute(cursor: psycopg.AsyncCursor[DictRow], statement: Statement) -> list[Row]:
    query, params = statement.query, statement.params
    if isinstance(params, Sequence):
        if params:
            await cursor.executemany(cast("Any", query.each["postgresql"]), params)
        return []
    cursor.row_factory = cast("Any", args_row(statement.make) if statement.make else dict_row)
    await cursor.execute(cast("Any", query.postgresql), query.bind(params, "postgresql"))
    return list(await cursor.fetchall()) if cursor.description else []


def translated(error: psycopg.Error) -> StorageError:
    """What a person should do about an error of PostgreSQL."""
    if isinstance(error, psycopg.IntegrityError):
        return ConstraintError(f"The database refused a row: {error.diag.message_primary}.")
    if isinstance(error, psycopg.errors.UndefinedTable) and '"schema"' in str(error):
        return StorageError("The database has no schema yet. Run `agents migrate`.")
    if isinstance(error, psycopg.errors.DiskFull):
        return StorageError("The disk of the database is full; nothing was written. Free some space, then try again.")
    if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled):
        return StorageError("The database is locked: another process has held it for too long. Stop that process.")
    if isinstance(error, psycopg.OperationalError | PoolTimeout) or error.sqlstate is None:
        return StorageError(_out_of_reach(error))
    return StorageError(f"The database could not be used: {error.diag.message_primary or error}. Run `agents doctor`.")


def _out_of_reach(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.ProgrammingError):
        # libpq quotes the part that it cannot read, which may be of a password.
        return (
            "DATABASE_URL cannot be read as an address. Write it as postgresql://user:password@host/name, with what is"
            " special in the password as %40 for @, %20 for a space and so on."
        )
    if refused := _REFUSED.search(str(error)):
        return f"PostgreSQL refuses us: {refused[1]}. Check that DATABASE_URL is right."
    return "PostgreSQL does not answer. Check that it runs and that DATABASE_URL is right."
