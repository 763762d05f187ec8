"""PostgreSQL through psycopg, for several processes on one ledger."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from patterns.errors import StorageError
from storage.database import ConstraintError, Database
from storage.statements import Dialect, Query, Row, Statement, T, Work

CONNECT_TIMEOUT_S = 10.0
POOL_SIZE = 8
RETRIES = 10
"""Of a transaction that PostgreSQL asks to run again (40001 serialization failure, 40P01 deadlock)."""

Connection = psycopg.AsyncConnection[DictRow]


@dataclass(frozen=True, slots=True)
class Enlisted(Statement):
    """A step of a transaction script that somebody else's client writes, on the connection of the transaction."""

    call: Callable[[Connection], Awaitable[None]]

    @classmethod
    def by(cls, call: Callable[[Connection], Awaitable[None]]) -> Self:
        """The step that this call is; it returns no rows and may be run again."""
        return cls(Query("enlisted", ""), {}, call)


class PostgresqlDatabase(Database):
    """A pool of connections; every script may be run again by a retry."""

    dialect: ClassVar[Dialect] = "postgresql"

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        super().__init__()
        self._pool = pool

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect; StorageError when the server does not answer."""
        pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            connection_class=Connection,
            min_size=1,
            max_size=POOL_SIZE,
            timeout=CONNECT_TIMEOUT_S,
            open=False,
            kwargs={"autocommit": True, "row_factory": dict_row},
        )
        try:
            await (await psycopg.AsyncConnection.connect(url, connect_timeout=int(CONNECT_TIMEOUT_S))).close()
            await pool.open()
        except psycopg.Error as error:
            raise translated(error) from error
        return cls(pool)

    async def read(self, work: Callable[[], Work[T]]) -> T:
        """Run a reading script on one snapshot."""
        return await self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work)

    async def _write(self, work: Callable[[], Work[T]]) -> T:
        for attempt in range(RETRIES):
            try:
                return await self._run("BEGIN", work)
            except _AgainError:
                await asyncio.sleep(0.001 * 2**attempt)
        raise StorageError("The database kept asking to try again. It is overloaded; try again in a minute.")

    async def _close(self) -> None:
        await self._pool.close()

    async def _run(self, begin: str, work: Callable[[], Work[T]]) -> T:
        try:
            async with self._pool.connection() as connection:
                await connection.execute(begin)
                try:
                    result = await _drive(connection, work())
                    await connection.execute("COMMIT")
                except BaseException:
                    if not connection.closed:
                        await connection.rollback()
                    raise
                return result
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as error:
            raise _AgainError from error
        except psycopg.Error as error:
            raise translated(error) from error


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
    sql: Any = query.postgresql
    if isinstance(params, Sequence):
        if params:
            await cursor.executemany(sql, params)
        return []
    await cursor.execute(sql, query.bind(params, "postgresql"))
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
    if isinstance(error, psycopg.OperationalError | PoolTimeout):
        return StorageError("PostgreSQL does not answer. Check that it runs and that DATABASE_URL is right.")
    return StorageError(f"The database could not be used: {error.diag.message_primary or error}. Run `agents doctor`.")
