"""The composition root: the only file that knows every adapter. Each part is built once, on first use."""

import os
import socket
from functools import cached_property

import aiohttp
from slack_bolt.async_app import AsyncApp

from bot.accounting import Accounting
from bot.bolt_app import bolt_app
from bot.budgets.alerts import Alerts
from bot.budgets.new_channels import ChannelOpenings
from bot.identity import Identity
from bot.listeners import ListenerServices
from bot.listeners.background import BackgroundTasks
from bot.listeners.foreground import Foreground
from bot.mcp_server.slack_desk import SlackDesk
from bot.mcp_tokens import Grantee
from bot.people.channel_tools import ChannelTools
from bot.people.tool_approvers import ToolApprovers
from bot.presentation import Presentation
from bot.runs.catalog import RosterCatalog
from bot.runs.engine import Engine
from bot.runs.executor import Executor
from bot.runs.resources import ResourceReader
from bot.slack.announcements import OnceOnlyAnnouncements
from bot.slack.scopes import GrantedScopes
from bot.slack.workspaces import Slack, slack_client
from bot.stores import Stores
from bot.threads.admin_checklist import AdminChecklist
from bot.threads.budget_queue import BudgetQueue
from bot.threads.followups import ThreadFollowups
from bot.threads.help_calls import HelpCalls
from bot.threads.home_service import HomeService
from bot.threads.opening_card import OpeningCards
from bot.threads.own_words_service import OwnWordsService
from bot.threads.past_runs import PastRunsService
from bot.threads.presenter import SlackThreadPresenter
from bot.threads.queue_places import QueuePlaces
from bot.threads.readable_runs import ReadableRuns
from bot.threads.reminders import ReminderService
from bot.threads.review_service import ReviewService
from bot.threads.run_service import RunService
from bot.threads.uninstall import UninstallService
from bot.threads.wait_notice import NoWorkerNotice
from bot.threads.welcome import Welcome
from bot.threads.workspace_search import WorkspaceSearch
from storage.action_tokens import ActionTokens


class Container:
    """All parts of one bot over an engine. Nothing is opened or started here; `bot.app` does that, in order."""

    def __init__(self, engine: Engine, session: aiohttp.ClientSession, *, home_note: str = "") -> None:
        self.engine = engine
        self._home_note = home_note
        self._session = session
        self.stores = Stores(engine)
        self._foreground = Foreground()
        self._client = slack_client(session, engine.settings.slack_api_url)
        self.who = Identity(engine, self.stores, self._client)
        engine.tools.source = self.tools
        engine.tools.slack = self.workspace_search

    # ------------------------------------------------------------ speaking

    @cached_property
    def slack_app(self) -> AsyncApp:
        """Return Bolt's app, still without listeners."""
        return bolt_app(self.engine, self._session, self.who.tokens, self._foreground)

    @cached_property
    def slack(self) -> Slack:
        """Return the outbound Slack clients, by workspace."""
        return Slack(self._client, self.stores.outbox, self.engine.clock, self.who.tokens, self.stores.shared_slots)

    @cached_property
    def presentation(self) -> Presentation:
        """Return what shows runs in their threads."""
        return Presentation(self.engine, self.slack, self.stores, self.who.profiles, self.who.membership)

    # ------------------------------------------------------------ working

    @cached_property
    def executor(self) -> Executor[SlackThreadPresenter]:
        """Return the executor; its name in leases is this machine and process."""
        return Executor(
            self.engine,
            self.presentation.presenter,
            self.presentation.notifier,
            owner=f"{socket.gethostname()}:{os.getpid()}",
        )

    @cached_property
    def background(self) -> BackgroundTasks:
        """Return the tasks that continue after a payload was acknowledged."""
        return BackgroundTasks(
            inbox=self.stores.inbox, notifier=self.presentation.notifier, foreground=self._foreground
        )

    @cached_property
    def runs(self) -> RunService:
        """Return the service behind requests, stops and estimates."""
        return RunService(
            self.engine,
            self.presentation.presenter,
            self.who.access,
            self.presentation.notifier,
            self.executor,
            self.stores.threads,
            self.who.profiles,
            self.presentation.run_views,
            self.stores.personal_data,
            self.readable_runs,
            self.openings,
            self.opening_cards,
            self.queue_places,
        )

    def desk_for(self, whose: Grantee) -> SlackDesk:
        """Return the desk of whoever a token of the MCP server speaks for."""
        return SlackDesk(self.engine, self.who.access, self.runs, self.who.profiles, self.stores.threads, whose)

    @cached_property
    def readable_runs(self) -> ReadableRuns:
        """Return the lookup of runs by those who may read them."""
        return ReadableRuns(self.engine.store, self.who.access, self.stores.audit_log)

    @cached_property
    def past_runs(self) -> PastRunsService:
        """Return the service that shows runs afterwards."""
        return PastRunsService(self.engine, self.readable_runs, self.stores.run_stories, self.who.profiles, self.slack)

    @cached_property
    def queue_places(self) -> QueuePlaces:
        """Return what people hear of their place in the queue."""
        return QueuePlaces(
            self.engine,
            self.executor,
            self.presentation.presenter,
            self.presentation.notifier,
            self.stores.threads,
            self.stores.chores,
        )

    @cached_property
    def opening_cards(self) -> OpeningCards:
        """Return the cards of channels that nobody enabled yet."""
        return OpeningCards(
            self.engine, self.openings, self._announcements, self.presentation.renderer, self.slack, self.stores.outbox
        )

    @cached_property
    def openings(self) -> ChannelOpenings:
        """Return the decision about new channels."""
        return ChannelOpenings(
            self.stores.new_channels,
            self.who.access,
            self.who.profiles,
            self.stores.reports,
            self.engine.roster.budgets.new_channels,
            self.budget_queue.budget_raised,
        )

    @cached_property
    def _announcements(self) -> OnceOnlyAnnouncements:
        return OnceOnlyAnnouncements(self.slack, self.stores.chores, by=self.executor.owner)

    @cached_property
    def reviews(self) -> ReviewService:
        """Return the service behind review decisions."""
        return ReviewService(
            self.engine,
            self.presentation.cards,
            self.who.access,
            self.executor,
            self.who.profiles,
            self.presentation.notifier,
            ToolApprovers(self.who.access),
            self.stores.tool_grants,
        )

    @cached_property
    def tools(self) -> ChannelTools:
        """Return which tools are on where; runs ask it too."""
        return ChannelTools(
            self.who.access,
            self.who.directory,
            self.stores.rules,
            self.stores.tool_grants,
            lambda: self.engine.roster,
            ResourceReader(self.engine.tools).offers_of,
        )

    @cached_property
    def budget_queue(self) -> BudgetQueue:
        """Return the queue of runs that wait for budget."""
        return BudgetQueue(self.engine, self.reviews)

    @cached_property
    def accounting(self) -> Accounting:
        """Return what shows and changes budgets."""
        renderer, raised = self.presentation.renderer, self.budget_queue.budget_raised
        return Accounting(self.engine, self.stores, self.who, self.slack, renderer, raised)

    @cached_property
    def welcome(self) -> Welcome:
        """Return the greeting of channels that the bot is invited to."""
        return Welcome(self.engine, self.openings, self._announcements, self.presentation.renderer)

    @cached_property
    def _scopes(self) -> GrantedScopes:
        return GrantedScopes(self._client, self.who.tokens)

    @cached_property
    def workspace_search(self) -> WorkspaceSearch:
        """Return what searches a workspace for those who ask."""
        return WorkspaceSearch(self.slack, ActionTokens(self.engine.db), self._scopes)

    @cached_property
    def _home(self) -> HomeService:
        checklist = AdminChecklist(
            self.engine, self._scopes, self.stores.reports, self.who.profiles, self.welcome, self.stores.chores
        )
        return HomeService(
            self.engine,
            self.runs,
            self.presentation.presenter,
            self.who.profiles,
            self.accounting.service,
            self.who.membership,
            self.stores.reports,
            self.stores.preferences,
            checklist,
            self._home_note,
        )

    # ------------------------------------------------------------ looking after things

    @cached_property
    def uninstalls(self) -> UninstallService:
        """Return the service that ends the runs of workspaces which removed the app."""
        return UninstallService(self.stores.installations, self.engine.store, self.executor)

    @cached_property
    def reminders(self) -> ReminderService:
        """Return the service that reminds people and applies the deadlines of parked runs."""
        return ReminderService(self.engine, self.reviews, self.budget_queue, self.stores.chores, self.executor.owner)

    @cached_property
    def alerts(self) -> Alerts:
        """Return the alerts that admins receive unasked."""
        return self.accounting.alerts(self._announcements)

    @cached_property
    def no_worker_notice(self) -> NoWorkerNotice:
        """Return the notice that a request waits for a worker."""
        return NoWorkerNotice(self.stores.chores, self.presentation.notifier, self.engine.clock, self.executor.owner)

    @cached_property
    def catalog(self) -> RosterCatalog:
        """Return the roster as people see it."""
        return RosterCatalog(self.engine)

    @cached_property
    def listeners(self) -> ListenerServices:
        """Return everything the listeners hand over to."""
        shown, profiles, rules = self.presentation, self.who.profiles, self.stores.rules
        return ListenerServices(
            budget=self.accounting.service,
            runs=self.runs,
            past_runs=self.past_runs,
            statistics=self.accounting.statistics,
            home=self._home,
            preferences=self.stores.preferences,
            own_words=OwnWordsService(self.stores.personal_data, self.slack, self.welcome),
            openings=self.opening_cards,
            welcome=self.welcome,
            help_desk=HelpCalls(self.engine, shown.presenter, profiles, rules, self._announcements, shown.renderer),
            reviews=self.reviews,
            access=self.who.access,
            notifier=shown.notifier,
            catalog=self.catalog.current,
            inbox=self.stores.inbox,
            tasks=self.background,
            followups=ThreadFollowups(self.stores.threads, self.stores.rules),
            uninstalls=self.uninstalls,
            tools=self.tools,
            observe_clock=lambda at_us: self.engine.guard.observe(f"{at_us // 1_000_000}.{at_us % 1_000_000:06d}"),
        )
