"""PostgreSQL through psycopg, for several processes on one ledger."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout

from patterns.core.errors import StorageError
from storage.database import pipelined
from storage.database.database import ConstraintError, Database
from storage.database.group_commit import Raised, Script
from storage.database.pipelined import Connection
from storage.database.pool import Pool
from storage.database.statements import Dialect, Query, T, Work, single

CONNECT_TIMEOUT_S = 10
RECONNECT_S = 8.0
"""Seconds for which the pool reconnects by itself. It doubles its pauses, so a longer trial would sleep on when the
server is back; afterwards the next caller begins a new attempt at once."""
POOL_SIZE = 8
PREPARED_MAX = 500
"""Prepared statements that a connection keeps: more than there are, or some would be prepared again and again."""
PREPARED_AFTER = 0
"""Executions of a statement before it is prepared. Planning costs more than executing, and all of ours come again."""
RETRIES = 10
"""Attempts at a transaction that PostgreSQL asks to run again (40001 serialization failure, 40P01 deadlock)."""

RETRY_S = 0.2
_TIMEOUTS = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Timeouts after which a silent server counts as gone, as libpq's parameters; the system's default is 15 minutes."""
SERVER_TIMEOUTS = {
    "tcp_keepalives_idle": "5s",
    "tcp_keepalives_interval": "2s",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10s",
    "idle_in_transaction_session_timeout": "5s",
}
"""Timeouts after which the server counts us as gone and frees our locks: power loss, a cut network, a process stopped
between two statements. Its default is two hours, in which no other process could use those accounts."""
_SETTINGS = "; ".join(
    # Ours are looked up by keys, so the plan of a statement is the same whatever its parameters are.
    f"SET {name} = '{value}'"
    for name, value in {**SERVER_TIMEOUTS, "plan_cache_mode": "force_generic_plan"}.items()
)

_REFUSED = re.compile(r"FATAL:\s+((?:password|no pg_hba\.conf|role|database|user|SSL)\b[^\n]*)")
"""The server's reason for refusing a login; it names users and databases, never passwords."""


def with_timeouts(url: str) -> str:
    """Return the address with our timeouts in it; those the operator wrote there stand."""
    written = conninfo_to_dict(url)
    return make_conninfo(url, **{name: value for name, value in _TIMEOUTS.items() if name not in written})


async def configure(connection: psycopg.AsyncConnection[Any]) -> None:
    """Set timeouts and planning of a connection, and have all our statements prepared; called for each of a pool."""
    connection.prepared_max, connection.prepare_threshold = PREPARED_MAX, PREPARED_AFTER
    await connection.execute(_SETTINGS.encode(), prepare=False)
    await connection.commit()


async def configure_queue(connection: psycopg.AsyncConnection[Any]) -> None:
    """Set up a connection of the job queue, each of whose statements is a transaction of its own.

    None waits for the disk: a job is a hint, and the sweep finds what one that is lost was to hint at.
    """
    await configure(connection)
    await connection.set_autocommit(True)
    await connection.execute("SET synchronous_commit = off", prepare=False)


def connect_sync(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Open one synchronous connection in autocommit mode, without a pool, with the same timeouts."""
    connection = psycopg.connect(with_timeouts(url), autocommit=True)
    connection.execute(_SETTINGS.encode())
    return connection


def retry_on_shutdown(work: Callable[[], T]) -> T:
    """Run idempotent synchronous work, again when the server shuts down under it, for `CONNECT_TIMEOUT_S` at most."""
    give_up_s: float | None = None
    while True:
        try:
            return work()
        except psycopg.OperationalError as error:
            if isinstance(error, psycopg.errors.AdminShutdown):  # it restarts, or an admin ended our session
                give_up_s = give_up_s or time.monotonic() + CONNECT_TIMEOUT_S
            if give_up_s is None or time.monotonic() > give_up_s:
                raise
            time.sleep(RETRY_S)


class PostgresqlDatabase(Database):
    """A pool of connections; a script runs again after a serialization failure or a lost connection."""

    dialect: ClassVar[Dialect] = "postgresql"

    def __init__(self, pool: Pool[Connection]) -> None:
        super().__init__(reads_at_once=POOL_SIZE)
        self._pool = pool

    @classmethod
    async def open(cls, url: str) -> Self:
        """Open the pool.

        Raises:
            StorageError: the server cannot be reached or refuses us.
        """
        try:
            pool: Pool[Connection] = Pool(
                with_timeouts(url),
                connection_class=Connection,
                min_size=1,
                max_size=POOL_SIZE,
                timeout=CONNECT_TIMEOUT_S,
                reconnect_timeout=RECONNECT_S,
                configure=configure,
                open=False,
                kwargs={"autocommit": True, "row_factory": dict_row},
            )
            await (await psycopg.AsyncConnection.connect(with_timeouts(url))).close()
            await pool.open()
        except psycopg.Error as error:
            raise to_storage_error(error) from error
        return cls(pool)

    async def write(
        self,
        work: Callable[[], Work[T]],
        *,
        alone: bool = False,  # noqa: ARG002 - each is alone
        repeatable: bool = False,
        durable: bool = True,
    ) -> T:
        """Run a script in one writing transaction and return its result after the commit.

        What a lost COMMIT did the server tells; a repeatable script is run again without asking.
        """
        task = asyncio.ensure_future(self._insist(lambda: self._write(work, repeatable=repeatable, durable=durable)))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def _commit(self, scripts: Sequence[Script]) -> list[Any]:
        return [await self._outcome(script) for script in scripts]

    async def _outcome(self, script: Script) -> Any:  # noqa: ANN401 - the script's result or Raised
        try:  # merged operations are repeatable
            return await self._insist(lambda: self._write(script, repeatable=True, durable=True))
        except Exception as error:  # noqa: BLE001 - the caller's
            return Raised(error)

    async def _read(self, scripts: Sequence[Script]) -> list[Any]:
        try:
            outcomes: list[Any] = await self._insist(lambda: self._read_once(scripts))
        except StorageError:
            if len(scripts) == 1:
                raise
            outcomes = await asyncio.gather(*map(self._read_alone, scripts))  # one of them is to blame
        return outcomes

    async def _read_alone(self, script: Script) -> Any:  # noqa: ANN401 - the script's result or Raised
        try:
            (outcome,) = await self._insist(lambda: self._read_once([script]))
        except StorageError as error:
            return Raised(error)
        return outcome

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, so that a cancelled caller leaves no warning; a waiting one gets it anyway

    async def _close(self) -> None:
        await self._pool.close()

    async def _insist(self, once: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - what the trip returns
        for attempt in range(RETRIES):
            try:
                return await once()
            except _AgainError:
                await asyncio.sleep(0.001 * 2**attempt)
        raise StorageError("The database kept asking to try again. It is overloaded; try again in a minute.")

    async def _read_once(self, scripts: Sequence[Script]) -> list[Any]:
        """Run reading scripts on one snapshot.

        Raises:
            _AgainError: they may be run again.
        """
        connection = None
        try:
            async with self._pool.connection() as connection:
                return await pipelined.read(connection, scripts)
        except psycopg.Error as error:
            raise _to_be_raised(error, is_lost=connection is not None and connection.closed) from error

    async def _write(self, script: Script, *, repeatable: bool, durable: bool) -> Any:  # noqa: ANN401 - the script's result
        """Run a script once in a writing transaction and return its result after the commit.

        Raises:
            _AgainError: it was rolled back and may be run again.
        """
        connection, writing, result = None, None, []
        try:
            async with self._pool.connection() as connection:
                try:
                    writing = pipelined.Writing(connection, is_repeatable=repeatable, is_durable=durable)
                    result.append(await writing.run(script))
                    await writing.finish()
                except BaseException as error:
                    if not connection.closed:
                        await connection.rollback()
                    if not connection.closed and _is_outdated(error):
                        # psycopg forgets what it prepared in a ROLLBACK only, and a trip without BEGIN ends in none.
                        await connection.execute("DEALLOCATE ALL", prepare=False)
                    raise
                return result[0]
        except psycopg.Error as error:
            # The connection was lost. Only the outcome of a COMMIT under way is unknown, and the server can
            # tell it.
            is_lost = connection is not None and connection.closed
            if is_lost and writing and writing.to_commit and await self._is_committed(writing.to_commit):
                return result[0]
            raise _to_be_raised(error, is_lost=is_lost) from error

    async def _is_committed(self, transaction_id: str) -> bool:
        """Return whether a transaction was committed whose COMMIT was not answered."""
        asked = Query("committed", "SELECT pg_xact_status(CAST(:id AS xid8)) AS status")
        for attempt in range(RETRIES):
            status = (await self.read(lambda: single(asked(id=transaction_id))))[0]["status"]
            if status != "in progress":
                return bool(status == "committed")
            await asyncio.sleep(0.001 * 2**attempt)
        raise StorageError("PostgreSQL still works on what it was told to keep. Try again in a minute.")


class _AgainError(StorageError):
    """The database was busy with conflicting work. Try again in a moment."""


def _to_be_raised(error: psycopg.Error, *, is_lost: bool) -> StorageError:
    """Return what an error of a transaction that does not stand is told as: to be run again, or a plain sentence."""
    if is_lost or isinstance(error, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected):
        return _AgainError()
    return _AgainError() if _is_outdated(error) else to_storage_error(error)


def _is_outdated(error: BaseException) -> bool:
    """Return whether a migration added a column to the table of a statement that the connection has prepared."""
    return isinstance(error, psycopg.errors.FeatureNotSupported) and "cached plan" in str(error)


def to_storage_error(error: psycopg.Error) -> StorageError:
    """Return the StorageError that says what to do about an error of PostgreSQL."""
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
