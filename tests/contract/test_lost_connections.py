"""A PostgreSQL that restarts, or hangs up on us, costs nobody a run: work is done again, unless it stands already."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from psycopg.conninfo import conninfo_to_dict

from bot.runs.distributed import DistributedDispatcher
from bot.runs.engine import Engine
from storage.database import postgresql
from storage.database.connect import connect
from storage.database.database import Database
from storage.database.migrate import migrate
from storage.database.pipelined import Connection, Enlisted
from storage.database.queue_schema import install_queue
from storage.database.statements import Query, Work, several, single
from tests.contract.test_dispatch import Work as Executing
from tests.contract.test_dispatch import accept, dispatcher, engine
from tests.support.databases import restartable_server
from tests.support.ledgers import rows

__all__ = ["engine"]
ADD = Query("add", "INSERT INTO chore (key, at_us, by) VALUES (:key, 1, 'x') RETURNING key")
PUT = Query("put", "INSERT INTO chore (key, at_us, by) VALUES (:key, 1, 'x') ON CONFLICT DO NOTHING RETURNING key")
FIND = Query("find", "SELECT key FROM chore WHERE key = :key")
REMOVE = Query("remove", "DELETE FROM chore WHERE key = :key")


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    opened = await connect(postgresql_url)
    yield opened
    await opened.close()


async def cut(url: str) -> None:
    """End every other connection to the database."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(others, (connection.info.backend_pid,))


async def add(database: Database, key: str) -> None:
    await database.write(lambda: single(ADD(key=key)))


async def keys(database: Database) -> list[str]:
    return [row["key"] for row in await rows(database, "SELECT key FROM chore ORDER BY key")]


async def test_connections_that_were_cut_are_replaced_unnoticed(database: Database, postgresql_url: str) -> None:
    await asyncio.gather(*(add(database, key) for key in "abcd"))
    await cut(postgresql_url)
    assert await keys(database) == ["a", "b", "c", "d"]
    await cut(postgresql_url)
    await add(database, "e")
    assert await keys(database) == ["a", "b", "c", "d", "e"]


async def test_a_script_that_was_cut_is_run_again_as_a_whole(database: Database, postgresql_url: str) -> None:
    turns: list[int] = []

    async def cut_the_first(_connection: Connection) -> None:
        turns.append(1)
        if len(turns) == 1:
            await cut(postgresql_url)

    def work() -> Work[None]:
        yield ADD(key="a")
        yield Enlisted.by(cut_the_first)
        yield ADD(key="b")

    await database.write(work)
    assert (await keys(database), len(turns)) == (["a", "b"], 2)


@pytest.mark.parametrize(
    ("repeatable", "arrives", "turns"), [(False, True, 1), (False, False, 2), (True, True, 2), (True, False, 2)]
)
async def test_a_commit_without_an_answer_is_looked_up_unless_its_script_may_be_run_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, repeatable: bool, arrives: bool, turns: int
) -> None:
    seen: list[Connection] = []

    async def lose_the_answer(connection: Connection) -> None:
        seen.append(connection)
        trip = connection.trip

        @asynccontextmanager
        async def last_trip() -> AsyncIterator[None]:
            if connection is not seen[0]:
                async with trip():
                    yield
                return
            if arrives:
                async with trip():
                    yield
            await connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(connection, "trip", last_trip)

    def work() -> Work[str]:
        yield Enlisted.by(lose_the_answer)
        yield PUT.many([{"key": "a"}])
        return "a"

    assert await database.write(work, repeatable=repeatable) == "a"
    assert (await keys(database), len(seen)) == (["a"], turns)


async def test_what_is_asked_together_leaves_in_one_packet(postgresql_url: str, tmp_path: Path) -> None:
    async with relay(postgresql_url, tmp_path) as (url, packets):
        relayed = await connect(url)
        for _ in range(2):  # the first time they are prepared too
            packets.clear()
            await relayed.write(lambda: several([REMOVE(key="a"), REMOVE(key="b")]), repeatable=True)
            assert await relayed.write(lambda: single(PUT(key="a")), repeatable=True) == [{"key": "a"}]
            assert await relayed.read(lambda: single(FIND(key="a"))) == [{"key": "a"}]
            found = await asyncio.gather(*(relayed.read(lambda key=key: single(FIND(key=key))) for key in "ab"))
            assert found == [[{"key": "a"}], []]
            await relayed.write(lambda: several(()), repeatable=True)
        assert len(packets) == 4
        packets.clear()

        def work() -> Work[Any]:
            yield REMOVE(key="a")
            found = yield FIND(key="a"), FIND(key="b")
            yield REMOVE(key="b")
            return found

        assert await relayed.write(work) == [[], []]
        assert len(packets) == 2  # up to the answer, and from there to the end
        await relayed.close()


async def test_the_connection_that_came_back_last_works_next(database: Database) -> None:
    backend = Query("backend", "SELECT pg_backend_pid() AS pid, pg_sleep(0.05)")
    several_at_once = [database.write(lambda: single(backend())) for _ in range(3)]
    assert len({row["pid"] for found in await asyncio.gather(*several_at_once) for row in found}) > 1
    one_by_one = {(await database.write(lambda: single(backend())))[0]["pid"] for _ in range(6)}
    assert len(one_by_one) == 1


async def test_what_need_not_last_does_not_wait_for_the_disk(database: Database) -> None:
    patience = Query("patience", "SELECT current_setting('synchronous_commit') AS it")

    def told_twice() -> Work[list[str]]:
        first = yield patience()
        then = yield patience()
        return [first[0]["it"], then[0]["it"]]

    for repeatable in (False, True):
        assert await database.write(told_twice, repeatable=repeatable, durable=False) == ["off", "off"]
        assert await database.write(told_twice, repeatable=repeatable) == ["on", "on"]
    assert await database.write(lambda: single(patience()), repeatable=True, durable=False) == [{"it": "off"}]
    assert await database.write(lambda: single(patience()), repeatable=True) == [{"it": "on"}]


@asynccontextmanager
async def relay(postgresql_url: str, folder: Path) -> AsyncIterator[tuple[str, list[bytes]]]:
    """An address of the same database, and the packets that arrive there."""
    packets, relaying = list[bytes](), list[asyncio.Task[None] | None]()
    host = conninfo_to_dict(postgresql_url)["host"]

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: list[bytes]) -> None:
        while packet := await reader.read(1_000_000):
            kept.append(packet)
            writer.write(packet)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relaying.append(asyncio.current_task())
        there = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.5432")
        await asyncio.gather(passed_on(reader, there[1], packets), passed_on(there[0], writer, []))

    async with await asyncio.start_unix_server(between, folder / ".s.PGSQL.5432"):
        yield postgresql_url.replace(str(host), str(folder)), packets
        await asyncio.gather(*filter(None, relaying))


async def test_a_worker_works_on_after_the_database_was_away(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    work, run, turns = Executing(), App.run_worker_async, [1]

    async def interrupted(self: App, **how: Any) -> None:
        if turns:
            turns.pop()
            raise ConnectorException
        await run(self, **how)

    monkeypatch.setattr(App, "run_worker_async", interrupted)
    worker: DistributedDispatcher = dispatcher(engine, work)
    async with worker.opened(), worker.working(concurrency=1):
        await accept(engine.store, "C1")
        await work.until_begun(1)
        work.go_on.set()
    assert turns == []


async def test_a_process_that_stands_still_between_two_statements_does_not_keep_the_others_waiting(
    database: Database, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "SET idle_in_transaction_session_timeout = '5s'" in postgresql._SETTINGS
    monkeypatch.setattr(postgresql, "_SETTINGS", "SET idle_in_transaction_session_timeout = '200ms'")
    frozen, thawed, turns = asyncio.Event(), asyncio.Event(), list[int]()

    async def stand_still(_connection: Connection) -> None:
        turns.append(1)
        if len(turns) == 1:
            frozen.set()
            await thawed.wait()

    def work() -> Work[None]:
        yield ADD(key="a")
        yield Enlisted.by(stand_still)
        yield ADD(key="b")

    sleeper = await connect(postgresql_url)
    sleeping = asyncio.create_task(sleeper.write(work))
    await frozen.wait()
    # The same key: it waits for the sleeper's lock, and gets it once the server has taken the sleeper for gone.
    await add(database, "a")
    await database.write(lambda: single(REMOVE(key="a")))
    thawed.set()
    await sleeping
    await sleeper.close()
    assert (await keys(database), len(turns)) == (["a", "b"], 2)


def test_the_patience_written_in_the_address_stands() -> None:
    parts = conninfo_to_dict(postgresql.with_timeouts("postgresql://host/db?keepalives_idle=60"))
    assert (parts["keepalives_idle"], parts["keepalives_count"]) == ("60", "3")


@pytest.mark.parametrize("start", [migrate, install_queue])
async def test_a_start_that_is_cut_off_begins_again(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch, start: Callable[[str], Awaitable[None]]
) -> None:
    cuts = [1]

    def connect_and_be_cut(url: str) -> psycopg.Connection[tuple[Any, ...]]:
        connection = psycopg.connect(url, autocommit=True)
        if cuts:
            cuts.pop()
            with psycopg.connect(url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
        return connection

    monkeypatch.setattr(postgresql, "connect_sync", connect_and_be_cut)
    monkeypatch.setattr(postgresql, "RETRY_S", 0.0)
    await start(postgresql_url)
    assert cuts == []


def test_a_start_goes_on_when_the_server_is_back_from_its_restart() -> None:
    with restartable_server() as server:
        restart = threading.Timer(0.5, server.start)

        def work() -> int:
            with psycopg.connect(server.url, autocommit=True) as connection:
                if restart.ident is None:
                    server.stop()
                    restart.start()
                row = connection.execute("SELECT 1").fetchone()
                return int(row[0]) if row else 0

        assert postgresql.retry_on_shutdown(work) == 1
        restart.join()  # it still looks whether the server is ready
