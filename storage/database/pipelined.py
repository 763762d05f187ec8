"""Scripts on a connection to PostgreSQL, in few trips: reads side by side, writes with their end in one.

Only what ends with its transaction is pipelined. After a pipeline libpq sends a flush, and the server's timer of idle
transactions stays off until the next statement: a process that stands still there would keep its locks for ever.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

import psycopg
from psycopg.rows import DictRow, args_row, dict_row

from storage.database.group_commit import Raised, Script
from storage.database.statements import Query, Row, Statement, Work

Connection = psycopg.AsyncConnection[DictRow]
Cursor = psycopg.AsyncCursor[DictRow]


@dataclass(frozen=True, slots=True)
class Enlisted(Statement):
    """A step of a transaction script that another library writes, on the connection of the transaction."""

    call: Callable[[Connection], Awaitable[None]] = field(kw_only=True)

    @classmethod
    def by(cls, call: Callable[[Connection], Awaitable[None]]) -> Self:
        """Return the step that makes this call; it returns no rows and may run again."""
        return cls(Query("enlisted", ""), {}, call=call)


async def read(connection: Connection, scripts: Sequence[Script], *, begin: str, end: str) -> list[Any]:
    """Run reading scripts side by side in one transaction; return for each its result or `Raised`."""
    outcomes: dict[int, Any] = {}
    works = dict(enumerate(script() for script in scripts))
    asked = _advance(works, dict.fromkeys(works), outcomes)
    async with connection.pipeline():
        await connection.execute(begin.encode(), prepare=False)
        has_ended = False
        while asked:
            sent = {place: await _send(connection, statement) for place, statement in asked.items()}
            if not has_ended and all(statement.is_last for statement in asked.values()):
                await connection.execute(end.encode(), prepare=False)
                has_ended = True
            rows = {place: await _rows(cursor) for place, cursor in sent.items()}
            asked = _advance(works, rows, outcomes)
        if not has_ended:
            await connection.execute(end.encode(), prepare=False)
    return [outcomes[place] for place in range(len(scripts))]


class Writing:
    """A script in a transaction: `run` it, then `finish` with what it left unanswered and `end`.

    `begin` is sent with the first statement that needs an answer, and nothing at all for a script that asks nothing;
    empty where the transaction is open. A script whose first statement is its last is one trip.
    """

    def __init__(self, connection: Connection, *, begin: str, end: str) -> None:
        self._connection = connection
        self._begin = begin
        self._end = end
        self._is_open = not begin
        self._unsent: list[Statement] = []

    async def run(self, script: Script) -> Any:  # noqa: ANN401 - the script's result
        """Run a script up to its last answer and return its result; what returns no rows waits for the next answer."""
        work = script()
        try:
            statement = next(work)
            while True:
                statement = work.send(await self._answer(statement))
        except StopIteration as end:
            return end.value
        finally:
            work.close()

    async def finish(self) -> None:
        """Send what waits and the end of the transaction in one trip."""
        if not self._unsent:
            if self._is_open:
                await self._connection.execute(self._end.encode(), prepare=False)
            return
        async with self._connection.pipeline():
            await self._send_waiting()
            await self._connection.execute(self._end.encode(), prepare=False)

    async def _answer(self, statement: Statement) -> list[Row]:
        if isinstance(statement, Enlisted):
            await self._send_waiting()
            await statement.call(self._connection)
            return []
        if isinstance(statement.params, Sequence) or not statement.query.returns_rows:
            self._unsent.append(statement)
            return []
        if statement.is_last and not self._is_open:
            async with self._connection.pipeline():
                await self._send_waiting()
                cursor = await _send(self._connection, statement)
                await self._connection.execute(self._end.encode(), prepare=False)
            self._is_open = False
            return await _rows(cursor)
        await self._send_waiting()
        return await _rows(await _send(self._connection, statement))

    async def _send_waiting(self) -> None:
        if not self._is_open:
            await self._connection.execute(self._begin.encode(), prepare=False)
            self._is_open = True
        waiting, self._unsent = self._unsent, []
        for statement in waiting:
            await _send(self._connection, statement)


async def _send(connection: Connection, statement: Statement) -> Cursor | None:
    """Send a statement; return the cursor of its rows, None where it returns none."""
    query, params = statement.query, statement.params
    if isinstance(params, Sequence):
        if len(params) == 1:
            await connection.execute(cast("Any", query.each["postgresql"]), params[0])
        elif params and query.at_once is not None:
            await connection.execute(cast("Any", query.at_once), list(map(list, zip(*params, strict=True))))
        elif params:
            await connection.cursor().executemany(cast("Any", query.each["postgresql"]), params)
        return None
    shape: Any = args_row(statement.make) if statement.make else dict_row
    cursor: Cursor = connection.cursor(row_factory=shape)
    await cursor.execute(cast("Any", query.postgresql), query.bind(params, "postgresql"))
    return cursor if query.returns_rows else None


async def _rows(cursor: Cursor | None) -> list[Row]:
    return [] if cursor is None else list(await cursor.fetchall())


def _advance(works: Mapping[int, Work[Any]], rows: Mapping[int, Any], outcomes: dict[int, Any]) -> dict[int, Statement]:
    """Hand each script its rows; return the next statements, and add the outcomes of those that ended."""
    asked: dict[int, Statement] = {}
    for place, found in rows.items():
        try:
            asked[place] = works[place].send(found)
        except StopIteration as end:
            outcomes[place] = end.value
        except Exception as error:  # noqa: BLE001 - its caller's
            outcomes[place] = Raised(error)
    return asked
