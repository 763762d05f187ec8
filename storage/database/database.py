"""Interface to SQLite and PostgreSQL: each transaction is written once, as a script, and runs whole or not at all."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from patterns.core.errors import StorageError
from storage.database.statements import Dialect, T, Work


class ConstraintError(StorageError):
    """A row violated a constraint of the schema; the transaction was rolled back."""


class Database(ABC):
    """A database that runs transaction scripts: generators that yield statements and receive rows."""

    dialect: ClassVar[Dialect]

    def __init__(self) -> None:
        self._running: set[asyncio.Task[object]] = set()

    async def write(self, work: Callable[[], Work[T]]) -> T:
        """Run a script in one writing transaction and return its result after the commit.

        A cancelled caller stops waiting; the transaction still ends by itself. Any error rolls back.

        Raises:
            ConstraintError: a row violated a constraint of the schema.
            StorageError: locked, full, broken or unreachable, in one sentence.
        """
        task = asyncio.ensure_future(self._write(work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    @abstractmethod
    async def read(self, work: Callable[[], Work[T]]) -> T:
        """Run a reading script on one snapshot, beside the writer, and return its result."""

    async def scrub(self) -> None:
        """Have deleted rows leave the files of the database too, as far as that is ours to do."""
        return

    async def close(self) -> None:
        """Wait for running transactions, then close every connection and thread."""
        while self._running:
            await asyncio.wait(self._running)
        await self._close()

    @abstractmethod
    async def _write(self, work: Callable[[], Work[T]]) -> T: ...

    @abstractmethod
    async def _close(self) -> None: ...

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, so that a cancelled caller leaves no warning; a waiting one gets it anyway
