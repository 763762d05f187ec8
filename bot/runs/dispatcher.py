"""Who executes a run: here, bounded tasks in this process; the run's row and epoch make any dispatcher safe."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

log = structlog.get_logger()


class Dispatcher(Protocol):
    """Takes run ids and sees to it that each is executed somewhere, once at a time."""

    async def submit(self, run_id: str) -> None:
        """Have the run executed soon."""
        ...

    async def resume_orphans(self) -> None:
        """Have everything executed that waits and that nobody executes."""
        ...

    async def cancel(self, run_id: str) -> None:
        """Tell another process that executes the run that it should stop; its row says so already."""
        ...

    async def drain(self, grace_s: float) -> None:
        """Take nothing new, let running work end within the grace, leave the rest resumable."""
        ...


class LocalDispatcher:
    """Runs as asyncio tasks of this process, at most `concurrency` at once; what waits is in the database anyway."""

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
        """Start what waits and has no task yet."""
        for run_id in await self._waiting():
            if run_id not in self._tasks:
                self._start(run_id)

    async def cancel(self, run_id: str) -> None:
        """There is no other process."""

    async def drain(self, grace_s: float) -> None:
        """Wait for the running tasks, then interrupt what is left; the database knows how to go on."""
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
            # A decision can arrive while the parking attempt is still letting go: that must not be lost.
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
                    # execute() answers for its own failures; what comes here is a defect, kept for the next start.
                    log.exception("run attempt failed")

    def _ended(self, run_id: str) -> None:
        del self._tasks[run_id]
        if run_id in self._again:
            self._again.discard(run_id)
            self._start(run_id)
