"""What `/readyz` says of the queue, from the run table, on both databases."""

from dataclasses import replace

from storage.run_reader import QueueState
from storage.runs import RunStore
from tests.support.ledgers import NEW_RUN, FakeClock

LEASE_S = 30.0


async def test_an_empty_house_waits_for_nothing(store: RunStore) -> None:
    assert await store.queue_state() == QueueState(0, 0, 0)


async def test_what_no_process_took_waits_and_what_one_took_is_worked_on(store: RunStore, clock: FakeClock) -> None:
    first, _ = await store.accept(replace(NEW_RUN, delivery_key="1", thread_ts="1.1"))
    clock.us += 60_000_000
    await store.accept(replace(NEW_RUN, delivery_key="2", thread_ts="2.2"))
    assert await store.queue_state() == QueueState(waiting=2, oldest_wait_s=60, working=0)

    assert await store.claim(first, owner="A", lease_s=LEASE_S) is not None
    assert await store.queue_state() == QueueState(waiting=1, oldest_wait_s=0, working=1)

    clock.us += int(LEASE_S + 1) * 1_000_000
    assert await store.queue_state() == QueueState(waiting=2, oldest_wait_s=31, working=0)


async def test_what_waits_for_its_own_thread_waits_for_no_process(store: RunStore) -> None:
    first, _ = await store.accept(replace(NEW_RUN, delivery_key="1", thread_ts="1.1"))
    assert await store.claim(first, owner="A", lease_s=LEASE_S) is not None
    await store.accept(replace(NEW_RUN, delivery_key="2", thread_ts="1.1"))
    assert await store.queue_state() == QueueState(waiting=0, oldest_wait_s=0, working=1)
