"""Group read: reading scripts that are asked for in the same moment share one snapshot and one trip to the database."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from storage.database.group_commit import Raised, Script

READS_MAX = 64
"""Scripts that share a snapshot; more would keep each other waiting."""

DEPTH = 3
"""Turns of the event loop for which a trip waits for reads that are asked for in the same moment further down: tasks
that gather others begin them a turn later."""

Waiting = tuple[Script, "asyncio.Future[Any]"]


class GroupRead:
    """Runs reading scripts, those that wait together; at most `at_once` groups at a time.

    `read` runs scripts on one snapshot and returns for each its result or `Raised`; it raises when it got none.
    """

    def __init__(self, read: Callable[[Sequence[Script]], Awaitable[list[Any]]], *, at_once: int) -> None:
        self._read = read
        self._at_once = at_once
        self._waiting: list[Waiting] = []
        self._running: set[asyncio.Task[None]] = set()

    def add(self, script: Script) -> "asyncio.Future[Any]":
        """Queue a script and return the future of its result."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((script, future))
        if len(self._running) < self._at_once and len(self._waiting) == 1:
            self._start()
        return future

    async def idle(self) -> None:
        """Wait until everything queued is answered."""
        while self._running:
            await asyncio.wait(self._running)

    def _start(self) -> None:
        task = asyncio.get_running_loop().create_task(self._answer_waiting())  # runs when who is ready has asked too
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if self._waiting and len(self._running) < self._at_once:
            self._start()

    async def _answer_waiting(self) -> None:
        for _ in range(DEPTH):
            await asyncio.sleep(0)
        group, self._waiting = self._waiting[:READS_MAX], self._waiting[READS_MAX:]
        group = [(script, future) for script, future in group if not future.cancelled()]
        if not group:
            return
        try:
            outcomes = await self._read([script for script, _ in group])
        except Exception as error:  # noqa: BLE001 - the callers get it
            outcomes = [Raised(error)] * len(group)
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if future.cancelled():
                continue
            if isinstance(outcome, Raised):
                future.set_exception(outcome.error)
            else:
                future.set_result(outcome)
