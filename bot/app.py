"""The composition root: the only file that knows every adapter of Slack. An engine in, a running bot out."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from slack_bolt.async_app import AsyncApp

from bot.access import Access, SlackDirectory
from bot.admins import Admins
from bot.alerts import Alerts
from bot.bolt import bolt_app
from bot.budget_desk import BudgetDesk
from bot.delivery import Delivery
from bot.departures import Departures
from bot.dispatch import Dispatcher, LocalDispatcher
from bot.engine import Engine
from bot.executor import Executor
from bot.figures import Figures
from bot.files import Files
from bot.followups import ThreadFollowups
from bot.gather import Gatherer
from bot.home import HomeDesk
from bot.line import Line
from bot.listeners import ListenerServices, register_all
from bot.listeners.handover import Handover
from bot.listeners.inbox_middleware import replay
from bot.menu import menu_of
from bot.news import News
from bot.patience import Patience
from bot.prices import price_note
from bot.progress import ProgressBoard
from bot.readers import Readers
from bot.render import Renderer
from bot.renewal import Renewal
from bot.review import SlackReviews
from bot.rounds import Rounds
from bot.rules import StoredRules
from bot.run_views import RunViews
from bot.runs import SlackRuns
from bot.say import Teller
from bot.schedule import Scheduler
from bot.steering import Steering
from bot.streams import Streams
from bot.threads import Talks
from bot.unattended import Receptionist
from bot.workspaces import InstalledTokens, OneToken, Slack, slack_client, slack_session
from storage.budgets import Budgets
from storage.channels import ChannelSettings
from storage.chores import Chores
from storage.inbox import Inbox
from storage.installations import Installations
from storage.outbox import Outbox
from storage.pacing import SharedSlots
from storage.reports import Reports
from storage.threads import Threads

log = structlog.get_logger()

CONCURRENCY = 32
"""Runs that one process executes at once; they mostly wait for models."""
GRACE_S = 25.0
"""How long running requests may go on after the first SIGTERM; platforms kill after 30 s."""
OVERDUE_S = 45.0
"""A stored delivery that nobody has dealt with for so long is taken up again; doing it twice is harmless."""


@dataclass(frozen=True, slots=True)
class Bot:
    """A running bot: its Bolt app for whatever transport brings the deliveries."""

    slack_app: AsyncApp
    executor: Executor[Delivery]
    dispatcher: Dispatcher
    handover: Handover
    engine: Engine

    async def drain(self, grace_s: float) -> None:
        """Take nothing new; what does not end within the grace is resumed at the next start."""
        clock = self.engine.clock
        end_s = clock.monotonic() + grace_s
        for part in (self.handover, self.dispatcher, self.executor):
            await part.drain(max(0.0, end_s - clock.monotonic()))

    async def is_healthy(self) -> bool:
        """Whether the database answers."""
        try:
            await self.engine.store.open_ids()
        except Exception:
            # Whatever it is, a load balancer has to hear of it as unhealthy.
            log.exception("health check failed")
            return False
        return True


@asynccontextmanager
async def open_bot(engine: Engine, *, concurrency: int = CONCURRENCY) -> AsyncIterator[Bot]:
    """The bot over an engine: listeners, dispatcher and chores, with everything unfinished taken up again.

    `concurrency` is how many runs it executes at once; 0 leaves them to workers, which takes PostgreSQL.
    """
    settings = engine.settings
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(slack_session())
        client = slack_client(session, settings.slack_api_url)
        installations = Installations(engine.db, engine.clock, settings.token_keys) if settings.serves_many else None
        tokens = (
            InstalledTokens(installations, Renewal(installations, client, settings, engine.clock))
            if installations
            else OneToken(settings.slack_bot_token)
        )
        await engine.client.warm()
        outbox, inbox = Outbox(engine.db, engine.clock), Inbox(engine.db, engine.clock)
        shared = None if settings.is_sqlite else SharedSlots(engine.db, engine.clock)
        slack = Slack(client, outbox, engine.clock, tokens, shared)
        directory = SlackDirectory(client, tokens)
        admins = Admins(settings.admins, installations.installer if installations else None)
        rules = StoredRules(ChannelSettings(engine.db, engine.clock))
        access = Access(directory, rules, admins=admins)
        # A local Slack and old clients show only the plain blocks.
        renderer = Renderer("plain" if settings.own_slack_host else "rich")
        say = Teller(slack, renderer)
        figures = Figures(
            engine.balances,
            directory,
            admins,
            is_play_money=bool(engine.choice and engine.choice.is_play_money),
        )
        threads = Threads(engine.db, engine.clock)
        gatherer = Gatherer(
            threads,
            Talks(slack, engine.store, inbox, figures, Readers(slack, directory), settings.own_slack_host),
            Files(slack, settings.own_slack_host, any(m.sees_images for m in engine.roster.models.values())),
        )
        streams = Streams(slack, outbox, engine.clock)
        stack.push_async_callback(streams.aclose)
        rounds = Rounds(engine.store, slack, outbox, renderer)
        board = ProgressBoard(engine.clock, on_text=streams.write, on_round=rounds.tell)
        delivery = Delivery(
            engine,
            slack,
            outbox,
            renderer,
            board,
            figures,
            gatherer,
            RunViews(engine, figures, gatherer, board),
            rules,
            streams,
        )
        executor = Executor(engine, delivery, say, owner=f"{socket.gethostname()}:{os.getpid()}")
        handover = Handover(inbox=inbox, say=say)
        slack_app = bolt_app(engine, session, tokens)
        departures = Departures(installations, executor)
        menu = menu_of(engine)
        reviews = SlackReviews(engine, delivery, access, executor)
        line = Line(reviews)
        executor.when_free(line.move_up)
        reports = Reports(engine.db, engine.clock, engine.ledger.policy)
        steering = Steering(
            Budgets(engine.db, engine.clock, engine.ledger.policy, guard=engine.guard),
            reports,
            ChannelSettings(engine.db, engine.clock),
            rules,
            access,
            figures,
            lambda: engine.roster.models,
        )
        desk = BudgetDesk(
            reports,
            steering,
            figures,
            slack,
            renderer,
            engine.clock,
            lambda: price_note(engine.roster.models, engine.client, now_us=engine.clock.now_us()),
            line.money_arrived,
        )
        patience = Patience(reviews, line, Chores(engine.db, engine.clock), executor.owner)
        alerts = Alerts(desk, News(slack, Chores(engine.db, engine.clock), by=executor.owner), rules)
        runs = SlackRuns(engine, delivery, access, say, executor, threads)
        services = ListenerServices(
            budget=desk,
            runs=runs,
            home=HomeDesk(runs, desk, Readers(slack, directory)),
            reviews=reviews,
            access=access,
            say=say,
            menu=lambda: menu,
            inbox=inbox,
            tasks=handover,
            followups=ThreadFollowups(threads, rules),
            departures=departures,
            observe=lambda at_us: engine.guard.observe(f"{at_us // 1_000_000}.{at_us % 1_000_000:06d}"),
        )
        register_all(slack_app, services)
        dispatcher = await stack.enter_async_context(_dispatching(executor, concurrency))
        bot = Bot(slack_app, executor, dispatcher, handover, engine)
        # Runs first: a replayed delivery may ask for one that is there already. Of several bots on PostgreSQL another
        # may still be at it, so there it has to be overdue.
        await _replay(slack_app, inbox, older_than_s=0.0 if settings.is_sqlite else OVERDUE_S)

        async def overdue() -> None:
            await _replay(slack_app, inbox, older_than_s=OVERDUE_S)

        chores = Scheduler(
            engine,
            executor,
            slack,
            inbox,
            overdue,
            alerts.check,
            patience,
            departures.end_runs,
            Receptionist(Chores(engine.db, engine.clock), say, engine.clock, executor.owner).tell_who_waits,
        )
        await stack.enter_async_context(chores.running())
        stack.push_async_callback(bot.drain, 0.0)
        yield bot


@asynccontextmanager
async def _dispatching(executor: Executor[Delivery], concurrency: int) -> AsyncIterator[Dispatcher]:
    """Runs are executed here, or on PostgreSQL by whichever process has room; at the end ours are left to others."""
    engine = executor.engine
    if engine.settings.is_sqlite:
        local = LocalDispatcher(executor.execute, engine.store.waiting_ids, concurrency=concurrency)
        executor.dispatch_with(local)
        await executor.resume()
        yield local
        return
    from bot.distributed import DistributedDispatcher  # noqa: PLC0415 - SQLite does without it
    from storage.queue_schema import install_queue  # noqa: PLC0415 - same

    await install_queue(engine.settings.database_url)
    shared = DistributedDispatcher(engine, execute=executor.execute, stop_here=executor.stop_here, grace_s=GRACE_S)
    executor.dispatch_with(shared)
    async with shared.opened(), shared.working(concurrency=concurrency):
        yield shared


async def _replay(slack_app: AsyncApp, inbox: Inbox, *, older_than_s: float = 0.0) -> None:
    """Deliveries that were stored and not dealt with: by a process that died, or because storing them half failed."""
    for delivery in await inbox.unfinished(older_than_s=older_than_s):
        if await inbox.claim(delivery):
            log.info("delivery replayed", delivery=delivery.key)
            await replay(slack_app, delivery.payload)
