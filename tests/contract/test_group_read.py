"""Reads that are asked for in the same moment share one trip to the database, and keep their errors to themselves."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from patterns.core.errors import StorageError
from storage.database.database import Database
from storage.database.group_commit import Script
from storage.database.statements import Query, Work, single

ONE = Query("one", "SELECT CAST(:number AS BIGINT) AS number")
NONSENSE = Query("nonsense", "SELECT number FROM nothing_of_the_kind")


def reading(number: int) -> Work[int]:
    (row,) = yield ONE(number=number)
    (again,) = yield ONE(number=row["number"] + 1)
    return int(again["number"])


@pytest.fixture
def trips(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    made: list[int] = []
    read = database._read

    async def counted(scripts: Sequence[Script]) -> list[Any]:
        made.append(len(scripts))
        return await read(scripts)

    monkeypatch.setattr(database._reads, "_read", counted)
    return made


async def test_what_is_asked_for_together_is_one_trip(database: Database, trips: list[int]) -> None:
    found = await asyncio.gather(
        database.read(lambda: reading(1)),
        database.read(lambda: single(ONE(number=5))),
        database.read(lambda: reading(7)),
    )
    assert (found[0], [dict(row) for row in found[1]], found[2]) == (2, [{"number": 5}], 8)
    assert trips == [3]


async def test_what_is_asked_for_side_by_side_is_answered_in_order_after_one_trip(
    database: Database, trips: list[int]
) -> None:
    def broken() -> Work[None]:
        yield ONE(number=1)
        raise ValueError("mine")

    assert await database.read_side_by_side(lambda: reading(7), lambda: reading(1)) == [8, 2]
    with pytest.raises(ValueError, match="mine"):
        await database.read_side_by_side(lambda: reading(7), broken)
    assert trips == [2, 2]


async def test_what_is_asked_for_further_down_in_the_same_moment_joins_them(
    database: Database, trips: list[int]
) -> None:
    async def deeper(depth: int) -> list[Any]:
        mine = database.read(lambda: reading(depth))
        return [await mine] if depth == 0 else await asyncio.gather(mine, deeper(depth - 1))

    await deeper(2)
    assert trips == [3]


async def test_an_error_is_its_own_scripts(database: Database) -> None:
    def broken() -> Work[None]:
        yield ONE(number=1)
        raise ValueError("mine")

    found = await asyncio.gather(
        database.read(lambda: reading(1)),
        database.read(broken),
        database.read(lambda: single(NONSENSE())),
        database.read(lambda: reading(3)),
        return_exceptions=True,
    )
    assert (found[0], found[3]) == (2, 4)
    assert isinstance(found[1], ValueError)
    assert isinstance(found[2], StorageError)


async def test_a_caller_that_stops_waiting_takes_nobody_with_it(database: Database) -> None:
    first = asyncio.ensure_future(database.read(lambda: reading(1)))
    second = asyncio.ensure_future(database.read(lambda: reading(2)))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 3
    await database.idle()
    assert await database.read(lambda: reading(4)) == 5


async def test_many_more_than_a_trip_takes_are_all_answered(database: Database) -> None:
    found = await asyncio.gather(*(database.read(lambda n=n: reading(n)) for n in range(300)))  # type: ignore[misc]
    assert found == list(range(1, 301))
