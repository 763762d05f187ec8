"""Runs on PostgreSQL reach any worker, once, in fair shares for every channel, and a worker that died is replaced."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.runs.bootstrap import open_engine
from bot.runs.distributed import DistributedDispatcher
from bot.runs.engine import Engine
from bot.settings import read_settings
from patterns.core.errors import RunLostError, StorageError
from storage.database.connect import connect
from storage.database.queue_schema import install_queue
from storage.fair_queue import CHANNEL_SHARE, PERSON_SHARE, REQUEUE_S, FairQueue
from storage.ledger.verify import verify
from storage.runs import RunStore
from tests.support.ledgers import CENT, NEW_RUN, Asking, FakeClock, account, execute, park, rows, settled
from tests.support.running_bot import bot_environment

REQUEST = NEW_RUN
SOON_S = 10


async def accept(store: RunStore, *channels: str) -> list[str]:
    """A new run in each of the channels, in that order."""
    known = len(await store.recent("T1", "U1", most=1000))
    return [
        (await store.accept(replace(REQUEST, channel=channel, delivery_key=f"key {known + number}")))[0]
        for number, channel in enumerate(channels)
    ]


@dataclass
class Work:
    """An executor that a test holds the strings of."""

    begun: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    finish: Callable[[str], Awaitable[None]] | None = None

    async def execute(self, run_id: str) -> None:
        self.begun.append(run_id)
        await self.notify()
        await self.go_on.wait()
        if self.finish is not None:
            await self.finish(run_id)

    def stop_here(self, run_id: str) -> bool:
        self.stopped.append(run_id)
        self.go_on.set()
        return True

    async def notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(SOON_S), self.changed:
            await self.changed.wait_for(lambda: len(self.begun) >= count)


# ------------------------------------------------------------ the fair queue


@dataclass
class Queue:
    """A fair queue whose jobs are a list."""

    store: RunStore
    fair: FairQueue
    clock: FakeClock
    jobs: list[str]

    async def end(self, run_id: str) -> None:
        """A worker takes the run and finishes it."""
        run = await self.store.claim(run_id, owner="worker", lease_s=30)
        assert run is not None
        await self.store.finish(run, stop_reason="completed", result_json="{}", cost_nusd=0, executed_ms=1, intents=[])
        await self.fair.enqueue_channel_of(run_id)


@pytest.fixture
async def queue(postgresql_url: str) -> AsyncIterator[Queue]:
    jobs: list[str] = []
    database, clock = await connect(postgresql_url), FakeClock()

    async def defer(_connection: object, run_id: str) -> None:
        jobs.append(run_id)

    fair = FairQueue(database, clock, defer)
    store = RunStore(database, clock)
    store.enqueue_with(fair.enqueue)
    yield Queue(store, fair, clock, jobs)
    await database.close()


async def test_a_noisy_channel_has_its_share_of_the_workers_and_no_more(queue: Queue) -> None:
    noisy = await accept(queue.store, *["CNOISY"] * 40)
    quiet, _ = await queue.store.accept(replace(REQUEST, channel="CQUIET", user="U2", delivery_key="quiet"))
    assert queue.jobs == [*noisy[:CHANNEL_SHARE], quiet]


async def test_a_person_has_their_share_of_the_workers_over_all_channels(queue: Queue) -> None:
    many = await accept(queue.store, *[f"C{number}" for number in range(20)])
    other, _ = await queue.store.accept(replace(REQUEST, channel="C19", user="U2", delivery_key="other"))
    assert queue.jobs == [*many[:PERSON_SHARE], other]
    await queue.fair.enqueue_all()
    assert queue.jobs == [*many[:PERSON_SHARE], other]


async def test_when_a_run_ends_its_person_is_served_where_they_waited_longest(queue: Queue) -> None:
    many: list[str] = []
    for number in range(20):
        queue.clock.us += 1
        many += await accept(queue.store, f"C{number}")
    for run_id in many:
        await queue.end(run_id)
    assert queue.jobs == many


async def test_decisions_about_one_person_in_many_channels_wait_for_each_other(
    postgresql_url: str, queue: Queue
) -> None:
    """Twenty processes at once, each of which sees nothing of the others' transactions."""
    apart = [await connect(postgresql_url) for _ in range(8)]

    async def defer(_connection: object, run_id: str) -> None:
        queue.jobs.append(run_id)

    stores = [RunStore(database, queue.clock) for database in apart]
    for store, database in zip(stores, apart, strict=True):
        store.enqueue_with(FairQueue(database, queue.clock, defer).enqueue)
    try:
        asked = [replace(REQUEST, channel=f"C{number}", delivery_key=f"many {number}") for number in range(40)]
        await asyncio.gather(*(stores[at % len(stores)].accept(request) for at, request in enumerate(asked)))
    finally:
        await asyncio.gather(*(database.close() for database in apart))
    assert len(queue.jobs) == PERSON_SHARE


async def test_the_next_run_of_a_channel_follows_when_one_ends(queue: Queue) -> None:
    noisy = await accept(queue.store, *["CNOISY"] * 10)
    await queue.end(noisy[0])
    assert queue.jobs == noisy[: CHANNEL_SHARE + 1]
    for run_id in noisy[1:]:
        await queue.end(run_id)
    assert queue.jobs == noisy


async def test_in_a_channel_whoever_has_the_fewest_runs_with_workers_is_next(queue: Queue) -> None:
    noisy = await accept(queue.store, *["C1"] * 10)
    quiet, _ = await queue.store.accept(replace(REQUEST, channel="C1", user="U2", delivery_key="quiet"))
    await queue.end(noisy[0])
    await queue.end(noisy[1])
    assert queue.jobs == [*noisy[:CHANNEL_SHARE], quiet, noisy[CHANNEL_SHARE]]


async def test_the_place_in_line_counts_what_the_same_person_asked_before(queue: Queue) -> None:
    noisy: list[str] = []
    for _ in range(7):
        queue.clock.us += 1
        noisy += await accept(queue.store, "C1")
    other, _ = await queue.store.accept(replace(REQUEST, channel="C1", user="U2", delivery_key="other"))
    assert [await queue.fair.ahead(run_id) for run_id in (*noisy[3:], other, "r0")] == [None, 0, 1, 2, 0, None]


async def test_a_run_that_no_worker_claims_is_handed_over_again(queue: Queue) -> None:
    (run_id,) = await accept(queue.store, "C1")
    await queue.fair.enqueue_all()
    assert queue.jobs == [run_id]
    queue.clock.us += int(REQUEUE_S * 1e6)
    await queue.fair.enqueue_all()
    assert queue.jobs == [run_id, run_id]


async def test_the_run_of_a_dead_worker_is_handed_over_once_its_lease_is_over(queue: Queue) -> None:
    (run_id,) = await accept(queue.store, "C1")
    assert await queue.store.claim(run_id, owner="dead", lease_s=15) is not None
    await queue.fair.enqueue_all()
    assert queue.jobs == [run_id]
    queue.clock.us += 15_000_000
    await queue.fair.enqueue_all()
    assert queue.jobs == [run_id, run_id]
    assert await queue.store.claim(run_id, owner="alive", lease_s=15) is not None


async def test_a_thread_works_on_one_run_at_a_time_even_while_it_waits_for_people(queue: Queue) -> None:
    thread = replace(REQUEST, thread_ts="1.000001")
    first, _ = await queue.store.accept(replace(thread, delivery_key="first"))
    owned = await queue.store.claim(first, owner="worker", lease_s=15)
    assert owned is not None
    second, _ = await queue.store.accept(replace(thread, delivery_key="second"))
    await park(queue.store, owned.fence, executed_ms=1)
    await queue.store.release(owned.fence, executed_ms=1)
    await queue.fair.enqueue_all()
    assert queue.jobs == [first]
    await queue.store.unpark(first)
    await queue.fair.enqueue_all()
    await queue.end(first)
    assert queue.jobs == [first, first, second]


async def test_when_nobody_waits_the_end_of_a_run_locks_nothing(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    (run_id,) = await accept(queue.store, "C1")
    run = await queue.store.claim(run_id, owner="worker", lease_s=30)
    assert run is not None
    await queue.store.finish(run, stop_reason="completed", result_json="{}", cost_nusd=0, executed_ms=1, intents=[])
    asked: list[str] = []
    monkeypatch.setattr(queue.fair._db, "write", asked.append)
    await queue.fair.hand_on(run_id)
    assert asked == []


async def test_a_request_that_found_its_share_full_is_not_missed_by_the_run_that_ends(queue: Queue) -> None:
    runs = await accept(queue.store, *["C1"] * CHANNEL_SHARE)
    run = await queue.store.claim(runs[0], owner="worker", lease_s=30)
    assert run is not None
    await queue.store.finish(run, stop_reason="completed", result_json="{}", cost_nusd=0, executed_ms=1, intents=[])
    rows_seen = await queue.fair._db.read(lambda: queue.fair._channels_of(runs[0]))
    # One that is being accepted just now may have counted the run that has ended, and cannot be seen yet.
    assert [row["has_waiting"] for row in rows_seen] == [True]


async def test_a_look_tells_when_the_next_lease_is_over(queue: Queue) -> None:
    assert await queue.fair.enqueue_all() is None
    first, _second = await accept(queue.store, "C1", "C2")
    assert await queue.fair.enqueue_all() == REQUEUE_S
    assert await queue.store.claim(first, owner="worker", lease_s=6) is not None
    queue.clock.us += 1_000_000
    assert await queue.fair.enqueue_all() == 5


async def test_a_run_that_cannot_go_on_gives_its_place_back(queue: Queue) -> None:
    runs = await accept(queue.store, *["C1"] * (CHANNEL_SHARE + 1))
    assert queue.jobs == runs[:CHANNEL_SHARE]
    await queue.fair.hand_on(runs[0])
    assert queue.jobs == [*runs[:CHANNEL_SHARE], runs[0]]  # its place is free, and it is the oldest that waits


# ------------------------------------------------------------ Procrastinate


@asynccontextmanager
async def engine_on(url: str, folder: Path) -> AsyncIterator[Engine]:
    env = bot_environment(api_url="http://127.0.0.1:9/", provider_url="http://127.0.0.1:9/v1", folder=folder)
    async with open_engine(read_settings({**env, "DATABASE_URL": url}), None) as engine:
        yield engine


@pytest.fixture
async def engine(postgresql_url: str, tmp_path: Path) -> AsyncIterator[Engine]:
    await asyncio.gather(install_queue(postgresql_url), install_queue(postgresql_url))
    async with engine_on(postgresql_url, tmp_path) as engine:
        yield engine


def dispatcher(engine: Engine, work: Work) -> DistributedDispatcher:
    return DistributedDispatcher(engine, execute=work.execute, stop_here=work.stop_here, grace_s=0.2)


async def waiting_jobs(engine: Engine) -> list[str]:
    return [
        row["run_id"]
        for row in await rows(
            engine.db, "SELECT args->>'run_id' AS run_id FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id"
        )
    ]


async def test_a_run_and_its_job_are_written_together_and_queued_once(engine: Engine) -> None:
    async with dispatcher(engine, Work()).opened():
        (run_id,) = await accept(engine.store, "C1")
        assert await waiting_jobs(engine) == [run_id]


async def test_a_job_that_is_queued_already_does_not_spoil_the_transaction(engine: Engine) -> None:
    shared = dispatcher(engine, Work())
    async with shared.opened():
        (run_id,) = await accept(engine.store, "C1")
        await execute(engine.db, "UPDATE run SET lease_until_us = 0")
        (other,) = await accept(engine.store, "C1")
        assert await waiting_jobs(engine) == [run_id, other]


async def test_without_its_job_a_run_is_not_accepted(engine: Engine) -> None:
    async with dispatcher(engine, Work()).opened():
        await execute(engine.db, "ALTER TABLE procrastinate_jobs RENAME TO elsewhere")
        with pytest.raises(StorageError):
            await accept(engine.store, "C1")
        assert await engine.store.recent("T1", "U1") == []


async def test_workers_share_the_runs_and_each_is_executed_once(engine: Engine) -> None:
    done: Counter[str] = Counter()

    async def finish(run_id: str) -> None:
        run = await engine.store.claim(run_id, owner="worker", lease_s=15)
        if run is not None:
            done[run_id] += 1
            await engine.store.finish(
                run, stop_reason="completed", result_json="{}", cost_nusd=0, executed_ms=1, intents=[]
            )
        await work.notify()

    work = Work(finish=finish)
    work.go_on.set()
    async with AsyncExitStack() as stack:
        for _ in range(2):
            worker = dispatcher(engine, work)
            await stack.enter_async_context(worker.opened())
            await stack.enter_async_context(worker.working(concurrency=3))
        runs = await accept(engine.store, *["C1", "C2"] * 6)
        async with asyncio.timeout(SOON_S), work.changed:
            await work.changed.wait_for(lambda: len(done) == len(runs))
    assert done == dict.fromkeys(runs, 1)


async def test_a_stop_in_one_process_reaches_the_worker_in_another_at_once(engine: Engine) -> None:
    work, web = Work(), dispatcher(engine, Work())
    worker = dispatcher(engine, work)
    async with web.opened(), worker.opened(), worker.working(concurrency=2):
        (run_id,) = await accept(engine.store, "C1")
        await work.until_begun(1)
        async with asyncio.timeout(2):
            await web.cancel(run_id)
            await work.go_on.wait()
    assert work.stopped == [run_id]


async def test_runs_that_are_being_told_leave_the_slots_of_a_worker_to_others(engine: Engine) -> None:
    working: list[str] = []
    is_told, seen = asyncio.Event(), asyncio.Event()

    async def execute(run_id: str) -> None:
        if run_id in slow:
            await is_told.wait()
        async with worker.turn(run_id):
            working.append(run_id)
            seen.set()

    slow = set(await accept(engine.store, "C1", "C1"))
    worker = DistributedDispatcher(engine, execute=execute, stop_here=Work().stop_here, grace_s=0.2)
    async with worker.opened(), worker.working(concurrency=2), asyncio.timeout(SOON_S):
        (quick,) = await accept(engine.store, "C2")
        await seen.wait()
        assert working == [quick]
        is_told.set()
        while len(working) < len(slow) + 1:
            seen.clear()
            await seen.wait()


async def test_what_a_leaving_worker_cannot_end_is_left_to_the_others(engine: Engine) -> None:
    leaving, staying = Work(), Work()
    worker = dispatcher(engine, leaving)
    async with worker.opened():
        async with worker.working(concurrency=2):
            (run_id,) = await accept(engine.store, "C1")
            await leaving.until_begun(1)
        other = dispatcher(engine, staying)
        async with other.opened(), other.working(concurrency=2):
            await staying.until_begun(1)
            staying.go_on.set()
    assert staying.begun[0] == run_id


# ------------------------------------------------------------ a worker that wakes up too late


async def test_a_zombie_cannot_finish_and_its_money_is_settled(engine: Engine) -> None:
    async with dispatcher(engine, Work()).opened():
        (run_id,) = await accept(engine.store, "C1")
    zombie = await engine.store.claim(run_id, owner="zombie", lease_s=0)
    assert zombie is not None
    asking = Asking(run_id, epoch=zombie.epoch)
    hold = await engine.ledger.hold(asking.hold(5 * CENT))
    rescuer = await engine.store.claim(run_id, owner="rescuer", lease_s=15)
    assert rescuer is not None
    await engine.ledger.recover_run(rescuer.fence)
    (call,) = await rows(engine.db, "SELECT period FROM call WHERE run_id = :id", id=run_id)
    channel = f"T1/channel/C1/{call['period']}"
    assert await account(engine.db, channel) == (5 * CENT, 0)
    await engine.ledger.settle(hold, settled(2 * CENT), zombie.fence, None)
    assert await account(engine.db, channel) == (2 * CENT, 0)
    with pytest.raises(RunLostError):
        await engine.store.finish(
            zombie, stop_reason="completed", result_json="{}", cost_nusd=0, executed_ms=1, intents=[]
        )
    assert await engine.store.renew_all([(zombie.fence, 1)], lease_s=15) == [(False, None)]
    assert (await verify(engine.db)).ok
