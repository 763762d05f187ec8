"""Start and stop a bot: an engine goes in, a running bot comes out."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp

from bot.container import Container
from bot.listeners import register_all
from bot.listeners.background import BackgroundTasks
from bot.listeners.inbox_middleware import replay
from bot.listeners.payloads import sent_at_us
from bot.mcp_server.slack_desk import DeskFor
from bot.runs.dispatcher import Dispatcher, LocalDispatcher
from bot.runs.engine import Engine
from bot.runs.executor import Executor
from bot.runs.postponed import UNBEGUN_MAX_US
from bot.schedule import Scheduler
from bot.slack.workspaces import slack_session
from bot.threads.presenter import SlackThreadPresenter

log = structlog.get_logger()

CONCURRENCY = 32
"""Runs that one process executes at once; most of their time they wait for models."""
GRACE_S = 25.0
"""How long running requests may go on after the first SIGTERM; platforms kill after 30 s."""
LATE_REQUESTS_S = 2
"""Seconds after the grace period for payloads of the last moment and requests that are still being read."""
OVERDUE_S = 20.0
"""Age in seconds after which a stored, unhandled payload is replayed. Handling one twice is harmless."""


@dataclass(frozen=True, slots=True)
class Bot:
    """A running bot; `slack_app` takes payloads from either transport.

    Once `connected` is set, `loading` imports litellm; what comes meanwhile is acknowledged, stored, and goes on after.
    """

    slack_app: AsyncApp
    executor: Executor[SlackThreadPresenter]
    dispatcher: Dispatcher
    background: BackgroundTasks
    engine: Engine
    connected: asyncio.Event
    loading: asyncio.Task[None]
    desk_for: DeskFor

    async def drain(self, grace_s: float) -> None:
        """Accept nothing new and wait up to `grace_s` seconds; what still runs then is resumed at the next start."""
        clock = self.engine.clock
        end_s = clock.monotonic() + grace_s
        for part in (self.background, self.dispatcher, self.executor):
            await part.drain(max(0.0, end_s - clock.monotonic()))


@asynccontextmanager
async def open_bot(engine: Engine, *, concurrency: int = CONCURRENCY, home_note: str = "") -> AsyncIterator[Bot]:
    """Open a bot over an engine, with listeners, dispatcher and chores; unfinished runs and payloads are resumed.

    `concurrency` is the number of runs executed at once; 0 leaves them to workers, which requires PostgreSQL.
    `home_note` says on everybody's home tab what it does not show.
    """
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(slack_session())
        container = Container(engine, session, home_note=home_note)
        engine.tools.source = container.tools
        engine.tools.slack = container.workspace_search
        await engine.check_models()
        stack.push_async_callback(container.presentation.streams.aclose)
        container.executor.on_budget_released(container.budget_queue.admit_next)
        register_all(container.slack_app, container.listeners)
        dispatcher = await stack.enter_async_context(_dispatching(container.executor, concurrency))
        connected = asyncio.Event()
        loading = await stack.enter_async_context(_in_background(_load(container, connected), "load models"))
        parts = container.slack_app, container.executor, dispatcher, container.background
        bot = Bot(*parts, engine, connected, loading, container.desk_for)
        stack.push_async_callback(bot.drain, 0.0)
        stack.callback(container.background.close)
        # Runs first: a replayed payload may ask for one that exists already. With several bots on PostgreSQL another
        # may still be handling a payload, so there it has to be overdue.
        await _replay(container, older_than_s=0.0 if engine.settings.is_sqlite else OVERDUE_S)
        await stack.enter_async_context(_chores(container).running())
        yield bot


async def _load(container: Container, connected: asyncio.Event) -> None:
    """Import litellm, then compile what is shown, both in threads, once the bot is connected."""
    await container.catalog.load(connected)
    await asyncio.to_thread(container.presentation.renderer.warm)


@asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[asyncio.Task[None]]:
    """Run work beside the block; what is left of it at the end is cancelled, and its failure is the block's to see."""
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _chores(container: Container) -> Scheduler:
    async def replay_overdue() -> None:
        await _replay(container, older_than_s=OVERDUE_S)

    async def check_money() -> None:
        await container.alerts.check()
        await container.opening_cards.check()

    return Scheduler(
        container.engine,
        container.executor,
        container.slack,
        container.stores.inbox,
        replay_overdue,
        check_money,
        container.reminders,
        container.uninstalls.end_runs,
        container.no_worker_notice.notify_waiting,
        container.presentation.renderer,
        container.stores.personal_data,
    )


@asynccontextmanager
async def _dispatching(executor: Executor[SlackThreadPresenter], concurrency: int) -> AsyncIterator[Dispatcher]:
    """Open the dispatcher: in this process on SQLite, a shared queue on PostgreSQL; release our runs at the end."""
    engine = executor.engine
    if engine.settings.is_sqlite:
        local = LocalDispatcher(executor.execute, engine.store.claimable, engine.store.lane, concurrency=concurrency)
        executor.set_dispatcher(local)
        await executor.resume()
        yield local
        return
    from bot.runs.distributed import DistributedDispatcher  # noqa: PLC0415 - SQLite does without it
    from storage.database.queue_schema import install_queue  # noqa: PLC0415 - same

    await install_queue(engine.settings.database_url)
    shared = DistributedDispatcher(engine, execute=executor.execute, stop_here=executor.stop_here, grace_s=GRACE_S)
    executor.set_dispatcher(shared)
    async with shared.opened(), shared.working(concurrency=concurrency):
        yield shared


async def _replay(container: Container, *, older_than_s: float) -> None:
    """Replay payloads that were stored and not finished: their process died, or marking them done failed."""
    inbox = container.stores.inbox
    for delivery in await inbox.unprocessed(older_than_s=older_than_s):
        sent_us = sent_at_us(delivery.payload)
        if sent_us is not None and container.engine.clock.now_us() - sent_us > UNBEGUN_MAX_US:
            log.warning("payload_given_up", payload=delivery.key)
            await inbox.mark_processed(delivery.key, "too old")
        elif await inbox.claim(delivery):
            log.info("payload_replayed", payload=delivery.key)
            await replay(container.slack_app, delivery.payload)
