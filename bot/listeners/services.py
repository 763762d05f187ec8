"""Everything a listener is given, in one value: the composition root fills it, tests fill it with doubles."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.listeners.background import BackgroundTasks
from bot.listeners.ports import (
    BudgetActions,
    Followups,
    Greeter,
    HelpDesk,
    HomeViews,
    Openings,
    PastRuns,
    PayloadStore,
    PersonalSettings,
    PersonalWords,
    Reviews,
    Runs,
    Statistics,
    Tools,
    UninstallHandler,
)
from bot.messages.list_views import Catalog
from bot.people.access import Access
from bot.runs.presenter import Notifier


@dataclass(frozen=True, slots=True)
class ListenerServices:
    """The ports of the listeners.

    `catalog` returns the current roster's catalog; `observe_clock` takes Slack's time of a live payload, in
    microseconds, so that a wrong clock of ours is noticed.
    """

    runs: Runs
    past_runs: PastRuns
    statistics: Statistics
    budget: BudgetActions
    reviews: Reviews
    access: Access
    notifier: Notifier
    catalog: Callable[[], Catalog]
    inbox: PayloadStore
    tasks: BackgroundTasks
    observe_clock: Callable[[int], None]
    followups: Followups
    uninstalls: UninstallHandler
    home: HomeViews
    preferences: PersonalSettings
    own_words: PersonalWords
    openings: Openings
    welcome: Greeter
    help_desk: HelpDesk
    tools: Tools
