"""What every listener is given, in one value: the composition root fills it, tests fill it with doubles."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.access import Access
from bot.listeners.handover import Handover
from bot.requests import Budgets, Departures, Followups, Home, Inbox, Menu, Reviews, Runs, Say


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
