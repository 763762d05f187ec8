"""Everything a listener is given, in one value: the composition root fills it, tests fill it with doubles."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.commands.origin import Origin
from bot.listeners.background import BackgroundTasks
from bot.listeners.ports import (
    BudgetActions,
    Followups,
    Greeter,
    HelpDesk,
    HomeViews,
    Openings,
    PayloadStore,
    PersonalSettings,
    PersonalWords,
    Reviews,
    Runs,
    UninstallHandler,
)
from bot.messages.list_views import Catalog
from bot.people.access import Access, Place
from bot.people.permissions import Action
from bot.runs.presenter import Notifier


@dataclass(frozen=True, slots=True)
class ListenerServices:
    """The ports of the listeners.

    `catalog` returns the current roster's catalog; `observe_clock` takes Slack's time of a live payload, in
    microseconds, so that a wrong clock of ours is noticed.
    """

    runs: Runs
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

    async def admit(self, origin: Origin, action: Action = Action.ASK) -> Place:
        """Return the conversation; raise AccessError when the person may not do that there."""
        return await self.access.admit_origin(origin, action)
