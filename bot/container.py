"""The composition root: the only file that knows every adapter of Slack. Each part says what it is made of, once."""

import os
import socket
from functools import cached_property

import aiohttp
from slack_bolt.async_app import AsyncApp

from bot.bolt_app import bolt_app
from bot.budgets.alerts import Alerts
from bot.budgets.changes import Steering
from bot.budgets.price_age import price_note
from bot.budgets.service import BudgetDesk
from bot.listeners import ListenerServices
from bot.listeners.background import Handover
from bot.messages.renderer import Renderer
from bot.people.access import Access, SlackDirectory
from bot.people.admins import Admins
from bot.people.channel_rules import StoredRules
from bot.people.profiles import Figures
from bot.people.readers import Readers
from bot.runs.catalog import menu_of
from bot.runs.engine import Engine
from bot.runs.executor import Executor
from bot.slack.announcements import News
from bot.slack.notifier import Teller
from bot.slack.token_rotation import Renewal
from bot.slack.workspaces import InstalledTokens, OneToken, Slack, slack_client
from bot.threads.attachments import Gatherer
from bot.threads.budget_queue import Line
from bot.threads.files import Files
from bot.threads.followups import ThreadFollowups
from bot.threads.history import Talks
from bot.threads.home_service import HomeDesk
from bot.threads.presenter import Delivery
from bot.threads.progress import ProgressBoard
from bot.threads.reminders import Patience
from bot.threads.review_rounds import Rounds
from bot.threads.review_service import SlackReviews
from bot.threads.run_service import SlackRuns
from bot.threads.run_views import RunViews
from bot.threads.streaming import Streams
from bot.threads.uninstall import Departures
from bot.threads.wait_notice import Receptionist
from storage.channels import ChannelSettings
from storage.chores import Chores
from storage.inbox import Inbox
from storage.installations import Installations
from storage.ledger.budgets import Budgets
from storage.ledger.reports import Reports
from storage.outbox import Outbox
from storage.pacing import SharedSlots
from storage.threads import Threads


class Parts:
    """What one bot over an engine is made of. Nothing is opened or started here: `bot.app` does that, in its order."""

    def __init__(self, engine: Engine, session: aiohttp.ClientSession) -> None:
        self.engine = engine
        self._session = session
        self._client = slack_client(session, engine.settings.slack_api_url)

    # ------------------------------------------------------------ rows

    @cached_property
    def inbox(self) -> Inbox:
        """Deliveries, before anything is done with them."""
        return Inbox(self.engine.db, self.engine.clock)

    @cached_property
    def chores(self) -> Chores:
        """What was done and told, by key."""
        return Chores(self.engine.db, self.engine.clock)

    @cached_property
    def installations(self) -> Installations | None:
        """Where the app is installed; None where one token serves the one workspace."""
        settings = self.engine.settings
        if not settings.serves_many:
            return None
        return Installations(self.engine.db, self.engine.clock, settings.token_keys)

    @cached_property
    def _outbox(self) -> Outbox:
        return Outbox(self.engine.db, self.engine.clock)

    @cached_property
    def _threads(self) -> Threads:
        return Threads(self.engine.db, self.engine.clock)

    @cached_property
    def _channels(self) -> ChannelSettings:
        return ChannelSettings(self.engine.db, self.engine.clock)

    @cached_property
    def _reports(self) -> Reports:
        return Reports(self.engine.db, self.engine.clock, self.engine.ledger.policy)

    # ------------------------------------------------------------ speaking

    @cached_property
    def slack_app(self) -> AsyncApp:
        """Bolt's app, still without listeners."""
        return bolt_app(self.engine, self._session, self._tokens)

    @cached_property
    def slack(self) -> Slack:
        """The way out, by workspace."""
        shared = None if self.engine.settings.is_sqlite else SharedSlots(self.engine.db, self.engine.clock)
        return Slack(self._client, self._outbox, self.engine.clock, self._tokens, shared)

    @cached_property
    def say(self) -> Teller:
        """Private words."""
        return Teller(self.slack, self._renderer)

    @cached_property
    def streams(self) -> Streams:
        """Answers as they are written."""
        return Streams(self.slack, self._outbox, self.engine.clock)

    @cached_property
    def delivery(self) -> Delivery:
        """What a run shows in its thread."""
        rounds = Rounds(self.engine.store, self.slack, self._outbox, self._renderer)
        board = ProgressBoard(self.engine.clock, on_text=self.streams.write, on_round=rounds.tell)
        return Delivery(
            self.engine,
            self.slack,
            self._outbox,
            self._renderer,
            board,
            self._figures,
            self._gatherer,
            RunViews(self.engine, self._figures, self._gatherer, board),
            self._rules,
            self.streams,
        )

    @cached_property
    def _tokens(self) -> OneToken | InstalledTokens:
        settings = self.engine.settings
        if self.installations is None:
            return OneToken(settings.slack_bot_token)
        renewal = Renewal(self.installations, self._client, settings, self.engine.clock)
        return InstalledTokens(self.installations, renewal)

    @cached_property
    def _renderer(self) -> Renderer:
        # A local Slack and old clients show only the plain blocks.
        return Renderer("plain" if self.engine.settings.own_slack_host else "rich")

    # ------------------------------------------------------------ knowing people, places and money

    @cached_property
    def access(self) -> Access:
        """Who may do what."""
        return Access(self._directory, self._rules, admins=self._admins)

    @cached_property
    def _directory(self) -> SlackDirectory:
        return SlackDirectory(self._client, self._tokens)

    @cached_property
    def _admins(self) -> Admins:
        installer = self.installations.installer if self.installations else None
        return Admins(self.engine.settings.admins, installer)

    @cached_property
    def _rules(self) -> StoredRules:
        return StoredRules(self._channels)

    @cached_property
    def _figures(self) -> Figures:
        is_play_money = bool(self.engine.choice and self.engine.choice.is_play_money)
        return Figures(self.engine.balances, self._directory, self._admins, is_play_money=is_play_money)

    @cached_property
    def _readers(self) -> Readers:
        return Readers(self.slack, self._directory)

    @cached_property
    def _gatherer(self) -> Gatherer:
        own_host = self.engine.settings.own_slack_host
        talks = Talks(self.slack, self.engine.store, self.inbox, self._figures, self._readers, own_host)
        somebody_sees = any(model.sees_images for model in self.engine.roster.models.values())
        return Gatherer(self._threads, talks, Files(self.slack, own_host, somebody_sees))

    # ------------------------------------------------------------ working

    @cached_property
    def executor(self) -> Executor[Delivery]:
        """Executes runs; its name in leases is this machine and process."""
        return Executor(self.engine, self.delivery, self.say, owner=f"{socket.gethostname()}:{os.getpid()}")

    @cached_property
    def handover(self) -> Handover:
        """Deliveries under way after their acknowledgement."""
        return Handover(inbox=self.inbox, say=self.say)

    @cached_property
    def runs(self) -> SlackRuns:
        """Runs as people touch them."""
        return SlackRuns(self.engine, self.delivery, self.access, self.say, self.executor, self._threads)

    @cached_property
    def reviews(self) -> SlackReviews:
        """What people decide."""
        return SlackReviews(self.engine, self.delivery, self.access, self.executor)

    @cached_property
    def line(self) -> Line:
        """Runs that wait for money."""
        return Line(self.reviews)

    @cached_property
    def desk(self) -> BudgetDesk:
        """Budgets in the channel."""
        steering = Steering(
            Budgets(self.engine.db, self.engine.clock, self.engine.ledger.policy, guard=self.engine.guard),
            self._reports,
            self._channels,
            self._rules,
            self.access,
            self._figures,
            lambda: self.engine.roster.models,
        )
        return BudgetDesk(
            self._reports,
            steering,
            self._figures,
            self.slack,
            self._renderer,
            self.engine.clock,
            lambda: price_note(self.engine.roster.models, self.engine.client, now_us=self.engine.clock.now_us()),
            self.line.money_arrived,
        )

    # ------------------------------------------------------------ looking after things

    @cached_property
    def departures(self) -> Departures:
        """Workspaces that left."""
        return Departures(self.installations, self.executor)

    @cached_property
    def patience(self) -> Patience:
        """Reminders and deadlines of what waits for people."""
        return Patience(self.reviews, self.line, self.chores, self.executor.owner)

    @cached_property
    def alerts(self) -> Alerts:
        """What admins hear of money by themselves."""
        return Alerts(self.desk, News(self.slack, self.chores, by=self.executor.owner), self._rules)

    @cached_property
    def receptionist(self) -> Receptionist:
        """Says that a request has to wait for a worker."""
        return Receptionist(self.chores, self.say, self.engine.clock, self.executor.owner)

    # ------------------------------------------------------------ hearing

    @cached_property
    def listeners(self) -> ListenerServices:
        """What the listeners hand over to."""
        menu = menu_of(self.engine)
        return ListenerServices(
            budget=self.desk,
            runs=self.runs,
            home=HomeDesk(self.runs, self.desk, self._readers),
            reviews=self.reviews,
            access=self.access,
            say=self.say,
            menu=lambda: menu,
            inbox=self.inbox,
            tasks=self.handover,
            followups=ThreadFollowups(self._threads, self._rules),
            departures=self.departures,
            observe=lambda at_us: self.engine.guard.observe(f"{at_us // 1_000_000}.{at_us % 1_000_000:06d}"),
        )
