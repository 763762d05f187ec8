"""What every listener is given, in one value: the composition root fills it, tests fill it with doubles."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.listeners.background import Handover
from bot.listeners.ports import Budgets, Departures, Followups, Home, Inbox, Reviews, Runs
from bot.messages.list_views import Menu
from bot.people.access import Access
from bot.runs.presenter import Say


@dataclass(frozen=True, slots=True)
class ListenerServices:
    """The ports of the listeners.

    `menu` gives the roster as of now; `observe` takes Slack's time of a live delivery, in microseconds, so that a wrong
    clock of ours shows.
    """

    runs: Runs
    budget: Budgets
    reviews: Reviews
    access: Access
    say: Say
    menu: Callable[[], Menu]
    inbox: Inbox
    tasks: Handover
    observe: Callable[[int], None]
    followups: Followups
    departures: Departures
    home: Home
