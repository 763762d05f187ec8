"""Dispatching of runs: the port, and bounded tasks in this process. The run's row and fencing token make any safe."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol

import structlog

from bot.runs.fair_scheduler import FairScheduler
from storage.run_rows import Lane

log = structlog.get_logger()


class Dispatcher(Protocol):
    """Takes run ids and has each executed somewhere, by one executor at a time, nobody at the cost of the others."""

    async def submit(self, run_id: str, lane: Lane | None = None) -> None:
        """Have the run executed when its turn in its lane has come; the lane is read where it is not given."""
        ...

    async def ahead(self, run_id: str) -> int | None:
        """Return how many requests of the same person come before this one; None when it waits for no slot."""
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
    """Runs as asyncio tasks of this process, at most `concurrency` at once, in fair shares; all are in the database."""

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
        self._scheduler = FairScheduler(concurrency)
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
