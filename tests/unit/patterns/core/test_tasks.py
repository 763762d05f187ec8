"""A write whose loss would cost money: again while the database is away, and no longer when somebody wants to leave."""

import asyncio

import pytest

from patterns.core.errors import StorageError
from patterns.core.tasks import PAUSES_S, run_patiently
from storage.database.database import ConstraintError


class Writing:
    """A write that fails so many times before it is done."""

    def __init__(self, failures: int, error: type[StorageError] = StorageError) -> None:
        self.failures, self.error, self.tries = failures, error, 0
        self.slept_s: list[float] = []

    async def write(self) -> str:
        self.tries += 1
        if self.tries <= self.failures:
            raise self.error("The database is locked.")
        return "written"

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)


async def test_it_is_tried_again_with_growing_pauses_until_it_is_done() -> None:
    writing = Writing(failures=4)
    assert await run_patiently(writing.write, writing.sleep) == "written"
    assert (writing.tries, writing.slept_s) == (5, [0.5, 1.0, 2.0, 4.0])


async def test_patience_ends_after_more_than_a_minute() -> None:
    writing = Writing(failures=100)
    with pytest.raises(StorageError):
        await run_patiently(writing.write, writing.sleep)
    assert (sum(writing.slept_s) > 60, writing.tries) == (True, len(PAUSES_S) + 1)


async def test_a_broken_rule_of_the_schema_is_not_tried_again() -> None:
    writing = Writing(failures=1, error=ConstraintError)
    with pytest.raises(ConstraintError):
        await run_patiently(writing.write, writing.sleep)
    assert writing.tries == 1


async def test_whoever_is_cancelled_while_waiting_leaves_at_once() -> None:
    writing, waits = Writing(failures=100), asyncio.Event()

    async def wait(_: float) -> None:
        waits.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(run_patiently(writing.write, wait))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert writing.tries == 1


async def test_whoever_is_cancelled_during_a_try_leaves_after_it() -> None:
    begun, may_fail = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        begun.set()
        await may_fail.wait()
        raise StorageError

    async def never(_: float) -> None:
        pytest.fail("it must not wait for another try")

    task = asyncio.create_task(run_patiently(write, never))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    may_fail.set()
    with pytest.raises(StorageError):
        await task
