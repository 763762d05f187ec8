"""A schema that grows while connections keep prepared statements: neither reads nor writes stop working on them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from storage.database.connect import connect
from storage.database.database import Database
from storage.database.statements import Query, single
from tests.support.ledgers import rows

ADD = Query("add", "INSERT INTO chore (key, at_us, by) VALUES (:key, 1, 'x')")


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    opened = await connect(postgresql_url)
    yield opened
    await opened.close()


async def test_a_column_that_a_migration_adds_spoils_nothing_that_is_prepared(database: Database) -> None:
    everything = Query("everything", "SELECT * FROM chore")
    for _ in range(20):  # psycopg prepares what it sees often
        await asyncio.gather(*(database.read(lambda: single(everything())) for _ in range(4)))
    await database.write(lambda: single(Query("grow", "ALTER TABLE chore ADD COLUMN mood TEXT")()))
    await database.write(lambda: single(ADD(key="a")))
    for _ in range(10):
        assert [row["key"] for row in await database.read(lambda: single(everything()))] == ["a"]


@pytest.mark.parametrize("repeatable", [True, False])
async def test_what_another_process_adds_to_a_table_spoils_no_write(
    database: Database, postgresql_url: str, *, repeatable: bool
) -> None:
    touch = Query("touch", "INSERT INTO chore (key, at_us, by) VALUES (:key, 1, 'x') RETURNING *, pg_sleep(0.05)")

    async def touched(names: str) -> list[Any]:
        works = (database.write(lambda key=key: single(touch(key=key)), repeatable=repeatable) for key in names)
        return [row for (row,) in await asyncio.gather(*works)]

    await touched("abc")
    async with await psycopg.AsyncConnection.connect(postgresql_url, autocommit=True) as migrating:
        await migrating.execute("ALTER TABLE chore ADD COLUMN mood TEXT")
    assert [(row["key"], row["mood"]) for row in await touched("def")] == [("d", None), ("e", None), ("f", None)]
    assert [row["key"] for row in await rows(database, "SELECT key FROM chore ORDER BY key")] == list("abcdef")
