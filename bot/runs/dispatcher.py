"""Dispatching of runs: the port, and bounded tasks in this process. The run's row and fencing token make any safe."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

log = structlog.get_logger()


class Dispatcher(Protocol):
    """Takes run ids and has each executed somewhere, by one executor at a time."""

    async def submit(self, run_id: str) -> None:
        """Have the run executed soon."""
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
    """Runs as asyncio tasks of this process, at most `concurrency` at once; waiting runs are in the database."""

    def __init__(
        self,
        execute: Callable[[str], Awaitable[None]],
        waiting: Callable[[], Awaitable[Sequence[str]]],
        *,
        concurrency: int = 32,
    ) -> None:
        self._execute = execute
        self._waiting = waiting
        self._slots = asyncio.Semaphore(concurrency)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._draining = False

    async def submit(self, run_id: str) -> None:
        """Start the run, or start it again after the attempt that is just ending."""
        self._start(run_id)

    async def resume_orphans(self) -> None:
        """Start waiting runs that have no task yet."""
        for run_id in await self._waiting():
            if run_id not in self._tasks:
                self._start(run_id)

    async def cancel(self, run_id: str) -> None:
        """Do nothing: there is no other process."""

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

    def _start(self, run_id: str) -> None:
        if self._draining:
            return
        if run_id in self._tasks:
            # A decision can arrive while the parking attempt is still ending: it must not be lost.
            self._again.add(run_id)
            return
        task = asyncio.create_task(self._work(run_id), name=f"run {run_id}")
        self._tasks[run_id] = task
        task.add_done_callback(lambda _task: self._ended(run_id))

    async def _work(self, run_id: str) -> None:
        async with self._slots:
            with structlog.contextvars.bound_contextvars(run=run_id):
                try:
                    await self._execute(run_id)
                except Exception:
                    # execute() handles its own failures; an error here is a defect, and the run is left to the next
                    # start.
                    log.exception("run_attempt_failed")

    def _ended(self, run_id: str) -> None:
        del self._tasks[run_id]
        if run_id in self._again:
            self._again.discard(run_id)
            self._start(run_id)
