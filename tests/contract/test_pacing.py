"""Calls to Slack leave in turn and no faster than allowed, from one process or from several that share a workspace."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest

from bot.pacing import POSTS, LocalSlots, Pacer, Rate
from storage.connect import connect
from storage.database import Database
from storage.pacing import SharedSlots
from tests.ledgers import FakeClock, execute

EDITS = Rate(per_minute=30, burst=2)
HERE, THERE = {"posts:C1": POSTS}, {"posts:C2": POSTS}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def shared(postgresql_url: str) -> AsyncIterator[Database]:
    opened = await connect(postgresql_url)
    yield opened
    await opened.close()


@pytest.fixture(params=["local", "shared"])
def pacer_of(request: pytest.FixtureRequest, clock: FakeClock) -> Callable[[], Pacer]:
    """Makes the pacer of a process: of the only one, or of one more."""
    if request.param == "shared":
        database = request.getfixturevalue("shared")
        return lambda: Pacer(clock, workspace="T1", shared=SharedSlots(database, clock))
    alone = LocalSlots(clock)
    return lambda: Pacer(clock, workspace="T1", shared=alone)


async def leaving_s(clock: FakeClock, calls: int, *pacers: Pacer, rates: dict[str, Rate] = HERE) -> list[float]:
    """When each of so many calls in a row left, by turns from each of the pacers."""
    start_s, left = clock.monotonic(), []
    for number in range(calls):
        await pacers[number % len(pacers)].wait(rates)
        left.append(clock.monotonic() - start_s)
    return left


async def test_posts_to_a_channel_keep_to_one_a_second(clock: FakeClock, pacer_of: Callable[[], Pacer]) -> None:
    assert await leaving_s(clock, 6, pacer_of()) == pytest.approx([0, 0, 0, 1, 2, 3])


async def test_several_processes_together_keep_to_one_a_second(clock: FakeClock, pacer_of: Callable[[], Pacer]) -> None:
    assert await leaving_s(clock, 9, pacer_of(), pacer_of(), pacer_of()) == pytest.approx([0, 0, 0, 1, 2, 3, 4, 5, 6])


async def test_another_channel_and_another_workspace_do_not_wait(
    clock: FakeClock, pacer_of: Callable[[], Pacer], shared: Database
) -> None:
    pacer = pacer_of()
    other = Pacer(clock, workspace="T2", shared=SharedSlots(shared, clock))
    await leaving_s(clock, POSTS.burst, pacer)
    assert await leaving_s(clock, POSTS.burst, pacer, rates=THERE) == [0, 0, 0]
    assert await leaving_s(clock, POSTS.burst, other) == [0, 0, 0]


async def test_a_call_under_two_limits_keeps_both(clock: FakeClock, pacer_of: Callable[[], Pacer]) -> None:
    rates = {**HERE, "chat.update": EDITS}
    assert await leaving_s(clock, 5, pacer_of(), rates=rates) == pytest.approx([0, 0, 2, 4, 6])


async def test_a_method_without_a_limit_never_waits(clock: FakeClock, pacer_of: Callable[[], Pacer]) -> None:
    pacer = pacer_of()
    await pacer.hold_back({}, 30)
    assert await leaving_s(clock, 100, pacer, rates={}) == [0.0] * 100


async def test_a_word_of_slack_to_one_holds_all_back_and_leaves_no_burst(
    clock: FakeClock, pacer_of: Callable[[], Pacer]
) -> None:
    told, other = pacer_of(), pacer_of()
    await told.hold_back(HERE, 30)
    assert await leaving_s(clock, 3, other, told) == pytest.approx([30, 31, 32])


async def test_who_slept_when_slack_said_to_wait_takes_another_turn(pacer_of: Callable[[], Pacer]) -> None:
    pacer, clock = pacer_of(), pacer_of()._clock
    assert isinstance(clock, FakeClock)
    await leaving_s(clock, POSTS.burst, pacer)
    slept, told = clock.sleep, []

    async def sleep(seconds: float) -> None:
        await slept(seconds)
        if not told:
            told.append(clock.monotonic())
            await pacer.hold_back(HERE, 10)

    clock.sleep = sleep  # type: ignore[method-assign]
    await pacer.wait(HERE)
    assert clock.monotonic() == pytest.approx(told[0] + 10)


async def test_booking_at_once_from_many_sides_hands_out_every_slot_once(shared: Database, clock: FakeClock) -> None:
    slots = [SharedSlots(shared, clock) for _ in range(3)]
    taken = sorted(await asyncio.gather(*(slots[n % 3].book("a", 1_000_000) for n in range(60))))
    assert (taken[0], {after - before for before, after in pairwise(taken)}) == (1_000_000, {1_000_000})


async def test_a_process_that_dies_with_many_waiting_leaves_the_others_their_slots(
    clock: FakeClock, pacer_of: Callable[[], Pacer], monkeypatch: pytest.MonkeyPatch
) -> None:
    dying, other = pacer_of(), pacer_of()
    await leaving_s(clock, POSTS.burst, dying)
    asleep = asyncio.Event()

    async def sleep(_: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as stopped:
        stopped.setattr(clock, "sleep", sleep)
        waiting = [asyncio.create_task(dying.wait(HERE)) for _ in range(50)]
        await asleep.wait()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert await leaving_s(clock, 2, other) == pytest.approx([2, 3])


async def test_without_the_database_a_process_paces_itself(shared: Database, clock: FakeClock) -> None:
    pacer = Pacer(clock, workspace="T1", shared=SharedSlots(shared, clock))
    await execute(shared, "DROP TABLE pace")
    await pacer.hold_back(HERE, 5)
    assert await leaving_s(clock, 3, pacer) == pytest.approx([5, 6, 7])
