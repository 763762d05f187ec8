"""The queue takes as many requests as its bounds say, counted where they are stored."""

import asyncio
from dataclasses import replace

import pytest

from storage.database.database import Database
from storage.database.postgresql import POOL_SIZE, PostgresqlDatabase
from storage.queue_bounds import Bound, QueueBounds, QueueFullError
from storage.run_rows import NewRun
from storage.runs import RunStore
from tests.contract.test_runs_store import REQUEST
from tests.support.ledgers import rows

WAITING = "SELECT COUNT(*) AS n FROM run WHERE status = 'accepted'"


def asked(number: int, *, user: str = "U1", channel: str = "C1", workspace: str = "T1") -> NewRun:
    return replace(REQUEST, thread_ts="", user=user, channel=channel, workspace=workspace, delivery_key=f"key {number}")


@pytest.mark.parametrize(
    ("bounds", "bound", "more"),
    [
        (QueueBounds(person=3), "person", asked(9, channel="C2")),
        (QueueBounds(channel=3), "channel", asked(9, user="U2")),
        (QueueBounds(all=3), "all", asked(9, user="U2", channel="C2", workspace="T2")),
    ],
)
async def test_one_more_than_the_bound_is_refused_and_nothing_of_it_stored(
    database: Database, store: RunStore, bounds: QueueBounds, bound: Bound, more: NewRun
) -> None:
    for number in range(3):
        await store.accept(asked(number), bounds)
    with pytest.raises(QueueFullError) as refused:
        await store.accept(more, bounds)
    assert (refused.value.bound, refused.value.most) == (bound, 3)
    assert (await rows(database, WAITING))[0]["n"] == 3


async def test_somebody_else_elsewhere_is_not_bound_by_it(store: RunStore) -> None:
    bounds = QueueBounds(person=1, channel=1)
    accepted = [
        await store.accept(asked(0), bounds),
        await store.accept(asked(1, user="U2", channel="C2"), bounds),
        await store.accept(asked(2, workspace="T2"), bounds),
    ]
    assert [is_new for _, is_new in accepted] == [True, True, True]


async def test_a_second_delivery_finds_its_run_though_the_queue_is_full(store: RunStore) -> None:
    bounds = QueueBounds(person=1)
    first = await store.accept(asked(0), bounds)
    assert await store.accept(asked(0), bounds) == (first[0], False)


async def test_what_has_begun_or_ended_no_longer_waits(store: RunStore) -> None:
    bounds = QueueBounds(person=1)
    run_id, _ = await store.accept(asked(0), bounds)
    assert await store.claim(run_id, owner="A", lease_s=30) is not None
    assert (await store.accept(asked(1), bounds))[1]


async def test_of_many_at_the_same_moment_as_many_are_taken_as_fit(database: Database, store: RunStore) -> None:
    # On PostgreSQL those that are accepted at the same moment do not see each other.
    apart = POOL_SIZE if isinstance(database, PostgresqlDatabase) else 0
    taken = await asyncio.gather(
        *(store.accept(asked(number), QueueBounds(person=4)) for number in range(20)), return_exceptions=True
    )
    full = [one for one in taken if isinstance(one, QueueFullError)]
    waiting = (await rows(database, WAITING))[0]["n"]
    assert (len(full) + waiting, 4 <= waiting <= 4 + apart) == (20, True)
