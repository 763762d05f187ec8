"""Interface to SQLite and PostgreSQL: each transaction is written once, as a script, and runs whole or not at all."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from storage.database.group_commit import ConstraintError, GroupCommit, Job, Merge, Script
from storage.database.group_read import GroupRead
from storage.database.statements import Dialect, T, Work

__all__ = ["ConstraintError", "Database"]


class Database(ABC):
    """A database that runs transaction scripts: generators that yield statements and receive rows.

    Every transaction locks in one order, so that none deadlocks: runs, threads, calls, accounts, each by id; an
    advisory lock last. What follows a channel's are runs without an owner, which nobody locks but whoever holds it.
    """

    dialect: ClassVar[Dialect]

    def __init__(self, *, commit_gap_s: float = 0.0, reads_at_once: int = 1) -> None:
        self._group = GroupCommit(self._commit, gap_s=commit_gap_s)
        self._reads = GroupRead(self._read, at_once=reads_at_once)
        self._running: set[asyncio.Task[object]] = set()

    @abstractmethod
    async def write(
        self, work: Callable[[], Work[T]], *, alone: bool = False, repeatable: bool = False, durable: bool = True
    ) -> T:
        """Run a script in a writing transaction and return its result after the commit.

        The transaction may be shared; an error undoes this script only. `alone` is for long scripts, which would keep
        others waiting. `repeatable` says that the script carries its caller's ids, so that running it twice does it
        once: only such a script is run again when the outcome of a COMMIT is unknown. One that is not `durable` may be
        undone by a crash of PostgreSQL itself in the moment after the commit, and does not wait for its disk: for what
        the next look finds out anyway, never for money, ownership, or an intent. A cancelled caller stops waiting; the
        script still runs.

        Raises:
            ConstraintError: a row violated a constraint of the schema.
            StorageError: locked, full, broken or unreachable, in one sentence.
        """

    async def read(self, work: Callable[[], Work[T]]) -> T:
        """Run a reading script on one snapshot, beside the writer, and return its result.

        Scripts that are asked for in the same moment share the snapshot and the trip; an error is its script's own.
        """
        result: T = await self._reads.add(work)
        return result

    async def read_side_by_side(self, *works: Callable[[], Work[Any]]) -> list[Any]:
        """Run reading scripts on one snapshot and return their results in order, without a task for each."""
        return await asyncio.gather(*map(self._reads.add, works))

    async def write_merged(self, merge: Merge, operation: object, *, undo: Callable[[], None] | None = None) -> Any:  # noqa: ANN401 - the operation's answer
        """Run an operation in a transaction together with all that wait, merged into one script; return its answer.

        It carries its caller's ids, like a repeatable script. With `undo`, a cancelled caller's operation is not run,
        or `undo` is called when it has been.

        Raises:
            Exception: the one that `merge` returned for it; StorageError as for `write`.
        """
        future = self._group.add(Job(merge=merge, operation=operation, repeatable=True, unclaimed=undo))
        try:
            return await future
        except asyncio.CancelledError:
            # Answered in the same moment as cancelled: nobody will use it.
            if undo and future.done() and not future.cancelled() and future.exception() is None:
                undo()
            raise

    def merge_later(self, merge: Merge, operation: object) -> "asyncio.Future[Any]":
        """Queue an operation as `write_merged` does, at once, and return the future of its answer.

        It runs whether or not anybody waits for it.
        """
        return self._group.add(Job(merge=merge, operation=operation, repeatable=True))

    async def scrub(self) -> None:
        """Have deleted rows leave the files of the database too, as far as that is ours to do."""
        return

    async def idle(self) -> None:
        """Wait for running transactions."""
        await self._group.idle()
        await self._reads.idle()
        while self._running:
            await asyncio.wait(self._running)

    async def close(self) -> None:
        """Wait for running transactions, then close every connection and thread."""
        await self.idle()
        await self._close()

    @abstractmethod
    async def _commit(self, scripts: Sequence[Script]) -> list[Any]:
        """Run scripts in one transaction; see `GroupCommit`."""

    @abstractmethod
    async def _read(self, scripts: Sequence[Script]) -> list[Any]:
        """Run reading scripts on one snapshot; see `GroupRead`."""

    @abstractmethod
    async def _close(self) -> None: ...
