"""Dispatching of runs: the port, and bounded tasks in this process. The run's row and fencing token make any safe.

A run that is told, and waits for Slack's pace, holds no slot: slots are for the work of models.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Protocol

import structlog

from bot.runs.fair_scheduler import FairScheduler
from storage.run_rows import Lane

log = structlog.get_logger()

BEGUN_PER_SLOT = 4
"""How many runs may have begun in all, as a multiple of the slots; those without a slot are being told, or wait."""


class Dispatcher(Protocol):
    """Takes run ids and has each executed somewhere, by one executor at a time, nobody at the cost of the others."""

    async def submit(self, run_id: str, lane: Lane | None = None) -> None:
        """Have the run executed when its turn in its lane has come; the lane is read where it is not given."""
        ...

    async def ahead(self, run_id: str) -> int | None:
        """Return how many requests of the same person come before this one; None when it waits for no slot."""
        ...

    def turn(self, run_id: str) -> AbstractAsyncContextManager[None]:
        """Wait for a slot, and hold it inside the block: while the run's models work, and not while it is told."""
        ...

    async def resume_orphans(self) -> None:
        """Have every waiting run executed that has no live owner."""
        ...

    async def cancel(self, run_id: str) -> None:
        """Notify another process that executes the run to stop it; the run's row says so already."""
        ...

    async def drain(self, grace_s: float) -> None:
        """Accept nothing new, wait up to `grace_s` seconds for running work, leave the rest resumable."""
        ...


class LocalDispatcher:
    """Runs as asyncio tasks of this process, in fair shares, at most `concurrency` of them with models at work.

    All of them are in the database.
    """

    def __init__(
        self,
        execute: Callable[[str], Awaitable[None]],
        waiting: Callable[[], Awaitable[Mapping[str, Lane]]],
        lane_of: Callable[[str], Awaitable[Lane | None]],
        *,
        concurrency: int = 32,
    ) -> None:
        self._execute = execute
        self._waiting = waiting
        self._lane_of = lane_of
        self._scheduler = FairScheduler(concurrency, at_once=BEGUN_PER_SLOT * concurrency)
        self._slots = FairScheduler(concurrency)
        self._turns: dict[str, asyncio.Future[None]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._draining = False

    async def submit(self, run_id: str, lane: Lane | None = None) -> None:
        """Have the run wait for its turn, or for another one after the attempt that is just ending."""
        if lane is None and run_id not in self._tasks and run_id not in self._scheduler:
            lane = await self._lane_of(run_id)
        if run_id in self._tasks:
            # A decision can arrive while the parking attempt is still ending: it must not be lost.
            self._again.add(run_id)
        elif lane is not None:
            self._scheduler.add(run_id, lane)
            self._start()

    async def ahead(self, run_id: str) -> int | None:
        """Return how many waiting requests of the same person come before this one; None when it does not wait."""
        return self._scheduler.ahead(run_id)

    @asynccontextmanager
    async def turn(self, run_id: str) -> AsyncIterator[None]:
        """Wait for a slot, and hold it inside the block; a run that is ended outside of its turn needs none."""
        lane = self._scheduler.lane_of(run_id)
        if lane is None:
            yield
            return
        turn = self._turns[run_id] = asyncio.get_running_loop().create_future()
        self._slots.add(run_id, lane)
        self._give_slots()
        try:
            await turn
            yield
        finally:
            del self._turns[run_id]
            if run_id in self._slots:
                self._slots.remove(run_id)
            else:
                self._slots.end(run_id)
            self._give_slots()

    def _give_slots(self) -> None:
        for run_id in self._slots.start():
            turn = self._turns[run_id]
            if not turn.done():  # else it was cancelled, and is about to give the slot back
                turn.set_result(None)

    async def resume_orphans(self) -> None:
        """Have waiting runs that have no task yet wait for their turn here."""
        for run_id, lane in (await self._waiting()).items():
            if run_id not in self._tasks:
                self._scheduler.add(run_id, lane)
        self._start()

    async def cancel(self, run_id: str) -> None:
        """Give up the run's place, so that it is ended without waiting; there is no other process to notify."""
        self._scheduler.remove(run_id)

    async def drain(self, grace_s: float) -> None:
        """Wait up to `grace_s` seconds for running tasks, then cancel the rest; the next process resumes them."""
        self._draining = True
        tasks = list(self._tasks.values())
        if not tasks:
            return
        _done, late = await asyncio.wait(tasks, timeout=grace_s)
        for task in late:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self) -> None:
        """Start whatever may start now; while draining nothing, because the next process does."""
        if self._draining:
            return
        for run_id in self._scheduler.start():
            task = asyncio.create_task(self._work(run_id), name=f"run {run_id}")
            self._tasks[run_id] = task
            task.add_done_callback(partial(self._ended, run_id))

    async def _work(self, run_id: str) -> None:
        with structlog.contextvars.bound_contextvars(run=run_id):
            try:
                await self._execute(run_id)
            except Exception:
                # execute() handles its own failures; an error here is a defect, and the run is left to the next start.
                log.exception("run_attempt_failed")

    def _ended(self, run_id: str, _task: asyncio.Task[None]) -> None:
        del self._tasks[run_id]
        lane = self._scheduler.end(run_id)
        if run_id in self._again:
            self._again.discard(run_id)
            self._scheduler.add(run_id, lane)
        self._start()
