"""Scripts on a connection to PostgreSQL, in few trips: what is asked together leaves in one packet."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self, cast

import psycopg
from psycopg import AsyncPipeline, generators
from psycopg.abc import PQGen
from psycopg.rows import DictRow, args_row, dict_row

from storage.database.group_commit import Raised, Script
from storage.database.statements import Asked, Query, Row, Statement, Work, all_of

Cursor = psycopg.AsyncCursor[DictRow]

_SNAPSHOT = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BEGIN, _COMMIT = b"BEGIN", b"COMMIT"
_NEED_NOT_LAST = "SELECT set_config('synchronous_commit', 'off', TRUE)"
_ID = "SELECT CAST(pg_current_xact_id() AS text) AS id"


class _Trip(AsyncPipeline):
    """Statements that leave in one packet, with one Sync.

    psycopg's own pipeline sends each as it comes, which wakes the server for each, and a flush behind the Sync, after
    which the server's timer of idle transactions stays off: a process that stands still would keep its locks for ever.
    """

    def _communicate_gen(self) -> PQGen[None]:
        yield from ()

    def _exit_gen(self) -> PQGen[None]:
        if not self.result_queue:
            return
        self._enqueue_sync()
        while self.command_queue:
            self.command_queue.popleft()()
        yield from generators.send(self.pgconn)
        yield from self._fetch_gen(flush=False)


class Connection(psycopg.AsyncConnection[DictRow]):
    """A connection that can be asked several things in one trip."""

    @asynccontextmanager
    async def trip(self) -> AsyncIterator[None]:
        """Send what is executed inside the block at its end, together; rows can be fetched after it.

        Outside a transaction it is one.
        """
        self._pipeline = trip = _Trip(self)
        try:
            async with trip:
                yield
        finally:
            self._pipeline = None


@dataclass(frozen=True, slots=True)
class Enlisted(Statement):
    """A step of a transaction script that another library writes, on the connection of the transaction."""

    call: Callable[[Connection], Awaitable[None]] = field(kw_only=True)

    @classmethod
    def by(cls, call: Callable[[Connection], Awaitable[None]]) -> Self:
        """Return the step that makes this call; it returns no rows and may run again."""
        return cls(Query("enlisted", ""), {}, call=call)


async def read(connection: Connection, scripts: Sequence[Script]) -> list[Any]:
    """Run reading scripts side by side on one snapshot; return for each its result or `Raised`."""
    outcomes: dict[int, Any] = {}
    works = dict(enumerate(script() for script in scripts))
    asked = _advance(works, dict.fromkeys(works), outcomes)
    is_open = False
    while asked:
        ends = all(statement.is_last for one in asked.values() for statement in all_of(one))
        async with connection.trip():
            if not is_open:
                await connection.execute(_SNAPSHOT, prepare=False)
            sent = {place: await _send_all(connection, one) for place, one in asked.items()}
            if ends:
                await connection.execute(_COMMIT, prepare=False)
        is_open = not ends
        rows = {place: await _answer(one, sent[place]) for place, one in asked.items()}
        asked = _advance(works, rows, outcomes)
    if is_open:
        await connection.execute(_COMMIT, prepare=False)
    return [outcomes[place] for place in range(len(scripts))]


class Writing:
    """A script in a transaction: `run` it, then `finish` with what it left unanswered.

    The transaction begins with the first trip, and nothing is sent for a script that asks nothing. A trip that is the
    whole of a transaction needs no BEGIN. One that is not repeatable is asked for its id, by which the server knows
    afterwards whether it stands.
    """

    def __init__(self, connection: Connection, *, is_repeatable: bool, is_durable: bool) -> None:
        self._connection = connection
        self._is_repeatable = is_repeatable
        self._is_durable = is_durable
        self._is_open = False
        self._id = ""
        self._unsent: list[Statement] = []
        self.to_commit = ""
        """The transaction's id from the moment when its COMMIT is sent."""

    async def run(self, script: Script) -> Any:  # noqa: ANN401 - the script's result
        """Run a script up to its last answer and return its result; what returns no rows waits for the next answer."""
        work = script()
        try:
            asked = next(work)
            while True:
                asked = work.send(await self._ask(asked))
        except StopIteration as end:
            return end.value
        finally:
            work.close()

    async def finish(self) -> None:
        """Send what waits and the end of the transaction in one trip."""
        if self._unsent and not (self._is_repeatable or self._is_open):
            await self._go()
        if self._unsent or self._is_open:
            await self._go(ends=True)

    async def _ask(self, asked: Asked) -> list[Any]:
        if isinstance(asked, Enlisted):
            if self._unsent or not self._is_open:
                await self._go()
            await asked.call(self._connection)
            return []
        statements = all_of(asked)
        if not any(statement.returns_rows for statement in statements):
            self._unsent += statements
            return [[] for _ in statements] if isinstance(asked, tuple) else []
        ends = self._is_repeatable and all(statement.is_last for statement in statements)
        rows = await self._go(statements, ends=ends)
        return rows if isinstance(asked, tuple) else rows[0]

    async def _go(self, asked: Sequence[Statement] = (), *, ends: bool = False) -> list[list[Row]]:
        """Make one trip with what waits and what is asked, and with the end of the transaction."""
        waiting, self._unsent = self._unsent, []
        connection, was_open = self._connection, self._is_open
        begun: Cursor | None = None
        if ends:
            self.to_commit = self._id
        async with connection.trip():
            if not was_open and not ends:
                await connection.execute(_BEGIN, prepare=False)
                begun = None if self._is_repeatable else await connection.execute(_ID)
            if not was_open and not self._is_durable:
                await connection.execute(_NEED_NOT_LAST)
            for statement in waiting:
                await _send(connection, statement)
            sent = [await _send(connection, statement) for statement in asked]
            if was_open and ends:
                await connection.execute(_COMMIT, prepare=False)
        self._is_open = not ends
        if begun is not None:
            self._id = str((await _rows(begun))[0]["id"])
        return [await _rows(cursor) for cursor in sent]


async def _send_all(connection: Connection, asked: Asked) -> list[Cursor | None]:
    return [await _send(connection, statement) for statement in all_of(asked)]


async def _answer(asked: Asked, cursors: Sequence[Cursor | None]) -> list[Any]:
    rows = [await _rows(cursor) for cursor in cursors]
    return rows if isinstance(asked, tuple) else rows[0]


async def _send(connection: Connection, statement: Statement) -> Cursor | None:
    """Send a statement; return the cursor of its rows, None where it returns none."""
    query, params = statement.query, statement.params
    if isinstance(params, Sequence):
        if len(params) > 1 and query.at_once is not None:
            await connection.execute(cast("Any", query.at_once), list(map(list, zip(*params, strict=True))))
        else:
            for row in params:
                await connection.execute(cast("Any", query.each["postgresql"]), row)
        return None
    shape: Any = args_row(statement.make) if statement.make else dict_row
    cursor: Cursor = connection.cursor(row_factory=shape)
    await cursor.execute(cast("Any", query.postgresql), query.bind(params, "postgresql"))
    return cursor if query.returns_rows else None


async def _rows(cursor: Cursor | None) -> list[Row]:
    return [] if cursor is None else list(await cursor.fetchall())


def _advance(works: Mapping[int, Work[Any]], rows: Mapping[int, Any], outcomes: dict[int, Any]) -> dict[int, Asked]:
    """Hand each script its rows; return what they ask next, and add the outcomes of those that ended."""
    asked: dict[int, Asked] = {}
    for place, found in rows.items():
        try:
            asked[place] = works[place].send(found)
        except StopIteration as end:
            outcomes[place] = end.value
        except Exception as error:  # noqa: BLE001 - its caller's
            outcomes[place] = Raised(error)
    return asked
