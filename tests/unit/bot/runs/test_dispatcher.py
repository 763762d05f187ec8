"""Runs as tasks of this process: each once at a time, bounded, resumable when the process ends."""

import asyncio
from collections import Counter

import pytest
import structlog

from bot.runs.dispatcher import LocalDispatcher


class Work:
    """What is executed: counts, and waits at the gate."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.started: Counter[str] = Counter()
        self.running: Counter[str] = Counter()
        self.most = 0
        self.cut_off: list[str] = []

    async def __call__(self, run_id: str) -> None:
        self.started[run_id] += 1
        self.running[run_id] += 1
        self.most = max(self.most, self.running.total())
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cut_off.append(run_id)
            raise
        finally:
            self.running[run_id] -= 1


@pytest.fixture
def work() -> Work:
    return Work()


async def waiting() -> list[str]:
    return ["r1", "r2"]


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_run_is_executed_once_at_a_time_and_again_when_something_came_meanwhile(work: Work) -> None:
    dispatcher = LocalDispatcher(work, waiting)
    for _ in range(3):
        await dispatcher.submit("r1")
    await settle()
    assert work.started == {"r1": 1}
    work.gate.set()
    await settle()
    assert (work.started, work.most) == ({"r1": 2}, 1)


async def test_more_than_the_slots_wait_for_their_turn(work: Work) -> None:
    dispatcher = LocalDispatcher(work, waiting, concurrency=2)
    for number in range(5):
        await dispatcher.submit(f"r{number}")
    await settle()
    assert work.started.total() == 2
    work.gate.set()
    await dispatcher.drain(1.0)
    assert (work.started.total(), work.most) == (5, 2)


async def test_what_waits_in_the_database_is_taken_up_once(work: Work) -> None:
    dispatcher = LocalDispatcher(work, waiting)
    await dispatcher.submit("r1")
    await dispatcher.resume_orphans()
    work.gate.set()
    await settle()
    assert work.started == {"r1": 1, "r2": 1}


async def test_draining_lets_work_end_and_cuts_off_what_is_late(work: Work) -> None:
    dispatcher = LocalDispatcher(work, waiting)
    await dispatcher.submit("late")
    await settle()
    await dispatcher.drain(0.01)
    await dispatcher.submit("too late")
    await settle()
    assert (work.cut_off, work.started) == (["late"], {"late": 1})


async def test_a_defect_is_logged_under_its_run_and_harms_no_other() -> None:
    async def broken(run_id: str) -> None:
        raise ValueError(run_id)

    dispatcher = LocalDispatcher(broken, waiting)
    with structlog.testing.capture_logs() as logs:
        await dispatcher.submit("r1")
        await dispatcher.submit("r2")
        await dispatcher.drain(1.0)
    assert [line["event"] for line in logs] == ["run_attempt_failed"] * 2
