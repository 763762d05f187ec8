"""Runs as tasks of this process: each once at a time, bounded, resumable when the process ends."""

import asyncio
from collections import Counter

import pytest
import structlog

from bot.runs.dispatcher import LocalDispatcher
from storage.run_rows import Lane


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


LANE = Lane("T1", "C1", "U1")
OTHER = Lane("T1", "C2", "U2")


async def waiting() -> dict[str, Lane]:
    return {"r1": LANE, "r2": OTHER}


class Lanes:
    """Where runs wait, and how often somebody asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, run_id: str) -> Lane | None:
        self.asked.append(run_id)
        return LANE if run_id.startswith("r") else None


lanes = Lanes()


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(2_000):
        await asyncio.sleep(0)


async def test_a_run_is_executed_once_at_a_time_and_again_when_something_came_meanwhile(work: Work) -> None:
    dispatcher = LocalDispatcher(work, waiting, lanes)
    for _ in range(3):
        await dispatcher.submit("r1")
    await settle()
    assert work.started == {"r1": 1}
    work.gate.set()
    await settle()
    assert (work.started, work.most) == ({"r1": 2}, 1)


async def test_more_than_the_slots_wait_for_their_turn(work: Work) -> None:
    dispatcher = LocalDispatcher(work, waiting, lanes, concurrency=8)
    for number in range(5):
        await dispatcher.submit(f"r{number}", LANE)
    await settle()
    assert (work.started.total(), await dispatcher.ahead("r4"), await dispatcher.ahead("r0")) == (2, 2, None)
    work.gate.set()
    await settle()
    assert (work.started.total(), work.most) == (5, 2)


async def test_another_channels_run_starts_at_once_while_hundreds_of_one_person_wait(work: Work) -> None:
    dispatcher = LocalDispatcher(work, waiting, lanes)
    for number in range(500):
        await dispatcher.submit(f"r{number}", LANE)
    await dispatcher.submit("other", OTHER)
    await settle()
    assert (work.started["other"], work.started.total()) == (1, 9)
    work.gate.set()
    await settle()
    assert (work.started.total(), work.most) == (501, 9)


async def test_hundreds_left_by_another_process_are_not_started_at_once(work: Work) -> None:
    async def left() -> dict[str, Lane]:
        return {f"r{number}": LANE for number in range(500)}

    dispatcher = LocalDispatcher(work, left, lanes)
    await dispatcher.resume_orphans()
    await settle()
    await dispatcher.resume_orphans()
    assert work.started.total() == 8
    work.gate.set()
    await settle()
    assert (set(work.started.values()), len(work.started)) == ({1}, 500)


async def test_a_lane_that_travels_with_its_run_is_not_looked_up_and_another_once(work: Work) -> None:
    seen = Lanes()
    dispatcher = LocalDispatcher(work, waiting, seen, concurrency=1)
    await dispatcher.submit("r0", LANE)
    for _ in range(2):
        await dispatcher.submit("r1")
    await dispatcher.submit("unknown")
    work.gate.set()
    await settle()
    assert (seen.asked, work.started) == (["r1", "unknown"], {"r0": 1, "r1": 1})


async def test_a_stopped_run_gives_up_its_place(work: Work) -> None:
    dispatcher = LocalDispatcher(work, waiting, lanes, concurrency=1)
    for run_id in ("r0", "r1", "r2"):
        await dispatcher.submit(run_id, LANE)
    await dispatcher.cancel("r1")
    work.gate.set()
    await settle()
    assert work.started == {"r0": 1, "r2": 1}


async def test_draining_leaves_what_has_not_begun_to_the_next_process(work: Work) -> None:
    dispatcher = LocalDispatcher(work, waiting, lanes, concurrency=1)
    await dispatcher.submit("r0", LANE)
    await dispatcher.submit("r1", LANE)
    await settle()
    work.gate.set()
    await dispatcher.drain(1.0)
    await settle()
    assert work.started == {"r0": 1}


async def test_what_waits_in_the_database_is_taken_up_once(work: Work) -> None:
    dispatcher = LocalDispatcher(work, waiting, lanes)
    await dispatcher.submit("r1")
    await dispatcher.resume_orphans()
    work.gate.set()
    await settle()
    assert work.started == {"r1": 1, "r2": 1}


async def test_draining_lets_work_end_and_cuts_off_what_is_late(work: Work) -> None:
    dispatcher = LocalDispatcher(work, waiting, lanes)
    await dispatcher.submit("late", LANE)
    await settle()
    await dispatcher.drain(0.01)
    await dispatcher.submit("too late", LANE)
    await settle()
    assert (work.cut_off, work.started) == (["late"], {"late": 1})


async def test_a_defect_is_logged_under_its_run_and_harms_no_other() -> None:
    async def broken(run_id: str) -> None:
        raise ValueError(run_id)

    dispatcher = LocalDispatcher(broken, waiting, lanes)
    with structlog.testing.capture_logs() as logs:
        await dispatcher.submit("r1")
        await dispatcher.submit("r2", OTHER)
        await dispatcher.drain(1.0)
    assert [line["event"] for line in logs] == ["run_attempt_failed"] * 2


class Told:
    """Runs that are told first, as long as the gate of their channel is shut, and then have models at work."""

    def __init__(self, concurrency: int) -> None:
        self.dispatcher = LocalDispatcher(self, waiting, lanes, concurrency=concurrency)
        self.is_told = asyncio.Event()
        self.may_end = asyncio.Event()
        self.begun: list[str] = []
        self.working: list[str] = []

    async def __call__(self, run_id: str) -> None:
        self.begun.append(run_id)
        if run_id.startswith("slow"):
            await self.is_told.wait()
        async with self.dispatcher.turn(run_id):
            self.working.append(run_id)
            try:
                await self.may_end.wait()
            finally:
                self.working.remove(run_id)

    async def submit(self, name: str, count: int) -> None:
        """Have so many runs of as many people in as many channels executed."""
        for number in range(count):
            await self.dispatcher.submit(f"{name}{number}", Lane("T1", f"C{name}{number}", f"U{name}{number}"))
        await settle()


async def test_runs_that_are_being_told_hold_no_slot() -> None:
    told = Told(4)
    await told.submit("slow", 12)
    await told.submit("quick", 4)
    assert (len(told.begun), told.working) == (16, ["quick0", "quick1", "quick2", "quick3"])
    told.is_told.set()
    await settle()
    assert len(told.working) == 4
    told.may_end.set()
    await settle()
    assert (len(told.begun), told.working) == (16, [])


async def test_more_than_the_slots_never_have_models_at_work_however_many_begin() -> None:
    told = Told(4)
    await told.submit("quick", 40)
    assert (len(told.begun), len(told.working)) == (16, 4)
    told.may_end.set()
    await settle()
    assert (len(told.begun), told.working) == (40, [])


async def test_a_run_that_is_cut_off_gives_its_slot_and_its_place_back() -> None:
    told = Told(4)
    await told.submit("quick", 16)
    waits, works = "quick5", told.working[0]
    for run_id in (waits, works):
        told.dispatcher._tasks[run_id].cancel()
    await settle()
    assert told.working == ["quick1", "quick2", "quick3", "quick4"]
    told.may_end.set()
    await settle()
    assert told.working == []


async def test_a_run_that_is_ended_outside_of_its_turn_needs_no_slot() -> None:
    told = Told(1)
    await told.submit("quick", 1)
    async with asyncio.timeout(1), told.dispatcher.turn("elsewhere"):
        assert told.working == ["quick0"]
    told.may_end.set()
    await settle()
