"""Runs on many machines: Procrastinate carries run ids to live workers; money, steps and ownership stay in our tables.

Only imported on PostgreSQL. A job is a hint that a run waits: a superfluous one finds nothing to claim, a missing one
is noticed by any worker's sweep.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.job_context import AbortReason
from procrastinate.jobs import Status

from bot.runs.engine import Engine
from patterns.core.errors import StorageError
from storage.database.pipelined import Connection
from storage.database.pool import queue_pool
from storage.database.postgresql import CONNECT_TIMEOUT_S, RECONNECT_S, configure_queue, with_timeouts
from storage.fair_queue import CHANNEL_SHARE, FairQueue
from storage.run_rows import Lane

log = structlog.get_logger()

QUEUE = "runs"
HEARTBEAT_S, STALLED_S = 3.0, 12.0
RESTART_S = 1.0
"""Seconds before a worker that lost the database fetches again."""
LOOK_MAX_S = 5.0
"""Longest pause between two looks for runs without an owner, shorter than a lease: one that begins after a look is not
over before the next, so a look is due when the first of those that it saw is over."""
LOOK_MIN_S = 0.1
POOL_SIZE = 4
TOLD_PART = 2
"""A worker takes half as many runs again as it has slots, so that those being told leave no slot empty. More would lie
with a busy worker while another one is free."""


class DistributedDispatcher:
    """The dispatcher of several processes. Every one may submit; those inside `working()` execute."""

    def __init__(
        self,
        engine: Engine,
        *,
        execute: Callable[[str], Awaitable[None]],
        stop_here: Callable[[str], bool],
        grace_s: float,
        share: int = CHANNEL_SHARE,
    ) -> None:
        logging.getLogger("procrastinate").setLevel(logging.WARNING)  # it logs every job twice
        connector = PsycopgConnector(
            conninfo=with_timeouts(engine.settings.database_url),
            min_size=1,
            max_size=POOL_SIZE,
            timeout=CONNECT_TIMEOUT_S,
            reconnect_timeout=RECONNECT_S,
            configure=configure_queue,
            pool_factory=queue_pool,
        )
        self._app = App(connector=connector)
        self._task = self._app.task(name="run", queue=QUEUE, pass_context=True)(self._work)
        self._execute = execute
        self._stop_here = stop_here
        self._grace_s = grace_s
        self._clock = engine.clock
        self._worker: asyncio.Task[None] | None = None
        self._slots = asyncio.Semaphore()
        self._is_leaving = False
        self._works: set[asyncio.Task[None]] = set()
        self._queue = FairQueue(engine.db, engine.clock, self._defer, share=share)
        self._store = engine.store

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Connect while the block runs: dispatch runs accepted by the store and those submitted."""
        async with self._app.open_async():
            self._store.enqueue_with(self._queue.enqueue)
            yield

    @contextlib.asynccontextmanager
    async def working(self, *, concurrency: int) -> AsyncIterator[None]:
        """Execute runs and requeue those of dead workers while the block runs; with 0 leave all of it to others."""
        if not concurrency:
            yield
            return
        self._slots = asyncio.Semaphore(concurrency)
        begun = concurrency + max(1, concurrency // TOLD_PART)
        self._worker = asyncio.create_task(self._keep_working(begun), name="worker")
        sweeping = asyncio.create_task(self._sweep_often(), name="sweep of the queue")
        try:
            yield
        finally:
            sweeping.cancel()
            await self.drain(self._grace_s)

    async def _keep_working(self, concurrency: int) -> None:
        """Fetch and execute until we leave: Procrastinate's worker ends when it loses the database for a moment.

        Without the database it also turns a cancellation into another error, so that alone does not end this loop.
        """
        while not self._is_leaving:
            try:
                await self._app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=concurrency,
                    install_signal_handlers=False,
                    delete_jobs="always",
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=STALLED_S,
                    shutdown_graceful_timeout=0,  # `drain` gives the grace period, and only when we leave
                )
            except Exception:
                # Procrastinate's worker ends on any error of its side tasks; ours continues.
                log.exception("worker_interrupted")
            await asyncio.sleep(RESTART_S)

    async def submit(self, run_id: str, lane: Lane | None = None) -> None:
        """Enqueue the run when its channel's share has room and its person's turn has come."""
        if lane is None:
            await self._queue.enqueue_channel_of(run_id)
        else:
            await self._queue.enqueue_channel(lane.workspace, lane.channel)

    async def ahead(self, run_id: str) -> int | None:
        """Return how many waiting requests of the person come before this one; None when it waits for no worker."""
        return await self._queue.ahead(run_id)

    def turn(self, run_id: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - the queue was fair already
        """Wait for a slot of this worker, and hold it inside the block."""
        return self._slots if self._worker is not None else contextlib.nullcontext()

    async def resume_orphans(self) -> None:
        """Enqueue every waiting run."""
        await self._queue.enqueue_all()

    async def cancel(self, run_id: str) -> None:
        """Notify the worker that executes the run; it would notice at its next heartbeat anyway."""
        for job in await self._app.job_manager.list_jobs_async(queueing_lock=run_id, status=Status.DOING.value):
            if job.id is not None:
                await self._app.job_manager.cancel_job_by_id_async(job.id, abort=True)

    async def drain(self, grace_s: float) -> None:
        """Fetch nothing new, wait up to `grace_s` seconds for running work, leave the rest to other workers."""
        self._is_leaving = True
        end_s = self._clock.monotonic() + grace_s
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait({self._worker}, timeout=grace_s)
            self._worker = None
        if self._works:
            _done, late = await asyncio.wait(self._works, timeout=max(0.0, end_s - self._clock.monotonic()))
            for work in late:
                work.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _defer(self, connection: Connection, run_id: str) -> None:
        # A duplicate would abort the surrounding transaction, so it gets a savepoint of its own.
        try:
            async with connection.transaction():
                await self._task.configure(queueing_lock=run_id, connection=connection).defer_async(run_id=run_id)
        except AlreadyEnqueued:
            pass
        except ConnectorException as error:
            # The database layer knows which driver errors to retry, and how to phrase the rest.
            raise error.__cause__ or error from None

    async def _work(self, context: JobContext, run_id: str) -> None:
        work = asyncio.create_task(self._attempt(run_id), name=f"run {run_id}")
        self._works.add(work)
        work.add_done_callback(self._works.discard)
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            if context.abort_reason() is not AbortReason.USER_REQUEST:
                # We are leaving, and `drain` gives it the grace period; or Procrastinate's worker lost the database and
                # restarts, which is no reason to drop a run.
                raise
            # Stop was pressed in another process: the run ends by itself and delivers that.
            self._stop_here(run_id)
            await work

    async def _attempt(self, run_id: str) -> None:
        with structlog.contextvars.bound_contextvars(run=run_id):
            try:
                await self._execute(run_id)
            except Exception:
                # execute() handles its own failures; an error here is a defect, and the run is left to the next
                # attempt.
                log.exception("run_attempt_failed")
            finally:
                with contextlib.suppress(StorageError):  # any worker's next sweep does the same
                    await self._queue.hand_on(run_id)

    async def _sweep_often(self) -> None:
        while True:
            look_s = RESTART_S
            try:
                look_s = await self._sweep()
            except Exception:
                # The next sweep, a moment later, does the same.
                log.exception("queue_sweep_failed")
            await asyncio.sleep(look_s)

    async def _sweep(self) -> float:
        """Requeue the jobs of dead workers and the runs whose leases expired; return when to look again, in seconds."""
        jobs = self._app.job_manager
        for job in await jobs.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED_S):
            if job.id is None:
                continue
            try:
                await jobs.retry_job_by_id_async(
                    job.id, retry_at=datetime.fromtimestamp(self._clock.now_us() / 1e6, UTC)
                )
            except ConnectorException:
                # Its run is queued again already, so this job is obsolete. Another sweep may have ended it.
                with contextlib.suppress(ConnectorException):
                    await jobs.finish_job_by_id_async(job.id, status=Status.FAILED, delete_job=True)
        expiry_s = await self._queue.enqueue_all()
        return LOOK_MAX_S if expiry_s is None else min(max(expiry_s, LOOK_MIN_S), LOOK_MAX_S)
