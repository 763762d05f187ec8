"""Calls to Slack leave in turn and no faster than allowed, from one process or from several that share a workspace."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from bot.slack.rate_limiter import POSTS, LocalSlots, Rate, RateLimiter
from storage.database.connect import connect
from storage.database.database import Database
from storage.shared_rate_limiter import SharedRateLimiter
from tests.support.ledgers import FakeClock, execute

EDITS = Rate(per_minute=30, burst=2)
HERE, THERE = {"posts:C1": POSTS}, {"posts:C2": POSTS}


@pytest.fixture
async def shared(postgresql_url: str) -> AsyncIterator[Database]:
    opened = await connect(postgresql_url)
    yield opened
    await opened.close()


class Alone(LocalSlots):
    """Slots of one process in the place of shared ones."""

    async def take_both(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> int:
        return 0 if await self.take(**first) else 1 if await self.take(**second) else 2


@pytest.fixture(params=["local", "shared"])
def pacer_of(request: pytest.FixtureRequest, clock: FakeClock) -> Callable[[], RateLimiter]:
    """Makes the pacer of a process: of the only one, or of one more."""
    if request.param == "shared":
        database = request.getfixturevalue("shared")
        return lambda: RateLimiter(clock, workspace="T1", shared=SharedRateLimiter(database, clock))
    alone = Alone(clock)
    return lambda: RateLimiter(clock, workspace="T1", shared=alone)


async def leaving_s(clock: FakeClock, calls: int, *pacers: RateLimiter, rates: dict[str, Rate] = HERE) -> list[float]:
    """When each of so many calls in a row left, by turns from each of the pacers."""
    start_s, left = clock.monotonic(), []
    for number in range(calls):
        await pacers[number % len(pacers)].wait(rates)
        left.append(clock.monotonic() - start_s)
    return left


async def test_posts_to_a_channel_keep_to_one_a_second(clock: FakeClock, pacer_of: Callable[[], RateLimiter]) -> None:
    assert await leaving_s(clock, 6, pacer_of()) == pytest.approx([0, 0, 0, 1, 2, 3])


async def test_several_processes_together_keep_to_one_a_second(
    clock: FakeClock, pacer_of: Callable[[], RateLimiter]
) -> None:
    assert await leaving_s(clock, 9, pacer_of(), pacer_of(), pacer_of()) == pytest.approx([0, 0, 0, 1, 2, 3, 4, 5, 6])


async def test_another_channel_and_another_workspace_do_not_wait(
    clock: FakeClock, pacer_of: Callable[[], RateLimiter], shared: Database
) -> None:
    pacer = pacer_of()
    other = RateLimiter(clock, workspace="T2", shared=SharedRateLimiter(shared, clock))
    await leaving_s(clock, POSTS.burst, pacer)
    assert await leaving_s(clock, POSTS.burst, pacer, rates=THERE) == [0, 0, 0]
    assert await leaving_s(clock, POSTS.burst, other) == [0, 0, 0]


async def test_a_call_under_two_limits_keeps_both(clock: FakeClock, pacer_of: Callable[[], RateLimiter]) -> None:
    rates = {**HERE, "chat.update": EDITS}
    assert await leaving_s(clock, 5, pacer_of(), rates=rates) == pytest.approx([0, 0, 2, 4, 6])


async def test_a_method_without_a_limit_never_waits(clock: FakeClock, pacer_of: Callable[[], RateLimiter]) -> None:
    pacer = pacer_of()
    await pacer.hold_back({}, 30)
    assert await leaving_s(clock, 100, pacer, rates={}) == [0.0] * 100


async def test_what_nobody_would_miss_leaves_half_of_the_burst_to_what_matters(
    clock: FakeClock, pacer_of: Callable[[], RateLimiter]
) -> None:
    rates = {"chat.update": Rate(per_minute=60, burst=9)}
    pacer, other = pacer_of(), pacer_of()
    spare = [await pacer.take_spare(rates) for _ in range(9)]
    assert spare == [True] * 5 + [False] * 4
    assert await leaving_s(clock, 5, other, rates=rates) == pytest.approx([0, 0, 0, 0, 1])
    # While what matters waits, nothing else leaves.
    assert await pacer.take_spare(rates) is False


async def test_a_word_of_slack_to_one_holds_all_back_and_leaves_no_burst(
    clock: FakeClock, pacer_of: Callable[[], RateLimiter]
) -> None:
    told, other = pacer_of(), pacer_of()
    await told.hold_back(HERE, 30)
    assert await leaving_s(clock, 3, other, told) == pytest.approx([30, 31, 32])


async def test_who_slept_when_slack_said_to_wait_takes_another_turn(pacer_of: Callable[[], RateLimiter]) -> None:
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


async def test_of_many_that_ask_at_once_each_free_slot_is_one_s(shared: Database, clock: FakeClock) -> None:
    slots = [SharedRateLimiter(shared, clock) for _ in range(3)]
    asked = (slots[n % 3].take("a", interval_us=1_000_000, allowance_us=2_000_000) for n in range(60))
    assert Counter(await asyncio.gather(*asked)) == {0: 3, 1_000_000: 57}


async def test_processes_that_die_while_they_wait_leave_the_others_every_slot(
    clock: FakeClock, pacer_of: Callable[[], RateLimiter], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = pacer_of()
    await leaving_s(clock, POSTS.burst, other)
    asleep = asyncio.Event()

    async def sleep(_: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as stopped:
        stopped.setattr(clock, "sleep", sleep)
        for _ in range(20):  # a process that starts, waits and dies, again and again
            dying = pacer_of()
            waiting = [asyncio.create_task(dying.wait(HERE)) for _ in range(5)]
            await asleep.wait()
            asleep.clear()
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    assert await leaving_s(clock, 2, other) == pytest.approx([1, 2])


async def test_without_the_database_a_process_paces_itself(shared: Database, clock: FakeClock) -> None:
    pacer = RateLimiter(clock, workspace="T1", shared=SharedRateLimiter(shared, clock))
    await execute(shared, "DROP TABLE pace")
    await pacer.hold_back(HERE, 5)
    assert await leaving_s(clock, 3, pacer) == pytest.approx([5, 6, 7])
