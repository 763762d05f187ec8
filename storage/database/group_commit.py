"""Group commit: whatever waits for the writer shares one transaction and one sync, and is answered after the COMMIT."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from patterns.core.errors import StorageError
from storage.database.statements import Work

BATCH_MAX = 256
"""Jobs in one transaction: more gain nothing, and a longer one would delay other processes."""

Script = Callable[[], Work[Any]]
Merge = Callable[[Sequence[Any]], Work[list[Any]]]
"""Makes one script of many operations; it returns an answer for each, an exception being one."""

log = structlog.get_logger()


class ConstraintError(StorageError):
    """A row violated a constraint of the schema; the transaction was rolled back."""

    may_pass = False


class BatchFailedError(StorageError):
    """A transaction of several scripts failed as a whole, and none of them is to blame alone.

    `may_stand`: the COMMIT was attempted and its outcome is unknown. `has_begun`: at least one script was run.
    """

    def __init__(self, cause: StorageError, *, may_stand: bool, has_begun: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.may_stand = may_stand
        self.has_begun = has_begun


@dataclass(frozen=True, slots=True)
class Raised:
    """The outcome of a script that raised: it alone was undone."""

    error: Exception


@dataclass(slots=True, eq=False)
class Job:
    """A queued script, or an operation to be merged with others of its kind, and the future of its caller.

    `repeatable`: it carries ids of its caller, so that running it twice does it once. `alone`: it gets a transaction
    of its own. `unclaimed` takes the answer that came after the caller was gone; a job that has one need not run then.
    """

    script: Script | None = None
    merge: Merge | None = None
    operation: Any = None
    repeatable: bool = False
    alone: bool = False
    unclaimed: Callable[[], None] | None = None
    future: "asyncio.Future[Any]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_abandoned(self) -> bool:
        """Return whether the caller is gone before anything was done for it, and wants nothing done."""
        return self.unclaimed is not None and self.future.cancelled()

    def answer(self, value: object) -> None:
        """Hand the answer, or the error, to the caller."""
        if self.future.cancelled():
            if self.unclaimed is not None and not isinstance(value, BaseException):
                self.unclaimed()
        elif isinstance(value, BaseException):
            self.future.set_exception(value)
        else:
            self.future.set_result(value)


class GroupCommit:
    """Runs queued jobs, as many in a transaction as wait. Alone, a job is committed at once.

    `commit` runs scripts in one transaction and returns for each its result or `Raised`; it raises `BatchFailedError`
    when nothing of them is known to stand. Between two transactions while jobs wait pass `gap_s` seconds, so that
    another process gets its turn.
    """

    def __init__(self, commit: Callable[[Sequence[Script]], Awaitable[list[Any]]], *, gap_s: float = 0.0) -> None:
        self._commit = commit
        self._gap_s = gap_s
        self._queue: deque[Job] = deque()
        self._writer: asyncio.Task[None] | None = None

    def add(self, job: Job) -> "asyncio.Future[Any]":
        """Queue a job and return the future of its answer. Cancelling the future does not stop the job."""
        self._queue.append(job)
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_all())
        return job.future

    async def idle(self) -> None:
        """Wait until everything queued is answered."""
        while self._writer is not None:
            await asyncio.wait([self._writer])

    async def _write_all(self) -> None:
        try:
            while self._queue:
                if batch := self._next():
                    await self._write(batch)
                if self._queue:
                    await asyncio.sleep(self._gap_s)
        finally:
            self._writer = None

    def _next(self) -> list[Job]:
        """Take the jobs of the next transaction from the queue."""
        batch: list[Job] = []
        while self._queue and len(batch) < BATCH_MAX and not (batch and (batch[0].alone or self._queue[0].alone)):
            job = self._queue.popleft()
            if not job.is_abandoned:
                batch.append(job)
        return batch

    async def _write(self, batch: Sequence[Job]) -> None:
        groups = _merged(batch)
        try:
            outcomes = await self._commit([_script(group) for group in groups])
        except BatchFailedError as failure:
            await self._recover(batch, failure)
            return
        except Exception as error:  # noqa: BLE001 - the callers get it
            _answer_all(batch, error)
            return
        for group, outcome in zip(groups, outcomes, strict=True):
            if not isinstance(outcome, Raised):
                for job, value in zip(group, outcome if group[0].merge else [outcome], strict=True):
                    job.answer(value)
            elif len(group) == 1:
                group[0].answer(outcome.error)
            else:  # one of several merged operations; which one, only a transaction for each can tell
                await self._replay(group, outcome.error)

    async def _recover(self, batch: Sequence[Job], failure: BatchFailedError) -> None:
        """Replay what is known not to stand, and what may be done twice; the others get the error."""
        if not failure.has_begun:
            _answer_all(batch, failure.cause)
            return
        if failure.may_stand:
            _answer_all([job for job in batch if not job.repeatable], failure.cause)
            batch = [job for job in batch if job.repeatable]
        await self._replay(batch, failure.cause)

    async def _replay(self, jobs: Sequence[Job], cause: Exception) -> None:
        """Run jobs one by one, until the database is found to be unusable: the others need not wait for it in turn."""
        if jobs:
            log.warning("batch_replayed", jobs=len(jobs), error=str(cause))
        for number, job in enumerate(jobs):
            try:
                (outcome,) = await self._commit([_script([job])])
            except Exception as error:  # noqa: BLE001 - it is the callers'
                cause = error.cause if isinstance(error, BatchFailedError) else error
                _answer_all(jobs[number:], cause)
                return
            if isinstance(outcome, Raised):
                job.answer(outcome.error)
                if isinstance(outcome.error, StorageError) and not isinstance(outcome.error, ConstraintError):
                    _answer_all(jobs[number + 1 :], outcome.error)
                    return
            else:
                job.answer(outcome[0] if job.merge else outcome)


def _merged(batch: Sequence[Job]) -> list[list[Job]]:
    """Return the jobs of each script: operations of one kind share it, in the place of the first."""
    groups: dict[Any, list[Job]] = {}
    for job in batch:
        groups.setdefault(job.merge or job, []).append(job)
    return list(groups.values())


def _script(group: Sequence[Job]) -> Script:
    first = group[0]
    if first.script is not None:
        return first.script
    merge, operations = first.merge, [job.operation for job in group]
    if merge is None:
        raise TypeError("a job has a script, or an operation with its merge")
    return lambda: merge(operations)


def _answer_all(jobs: Sequence[Job], error: Exception) -> None:
    for job in jobs:
        job.answer(error)
