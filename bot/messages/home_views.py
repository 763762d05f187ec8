"""Views of the App Home tab, as frozen values with raw text."""

from dataclasses import dataclass

from bot.messages.budget_views import BooksView
from bot.messages.checklist import Check
from bot.messages.list_views import BalancesView, RunsView


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """A decision that waits for this person: `what` in a few words; `link` leads to the card with its buttons."""

    request: str
    what: str
    link: str = ""
    dry: bool = False


@dataclass(frozen=True, slots=True)
class OwnMonth:
    """What one person spent in a month, in all channels and direct messages; `days` from the first of it up to now."""

    name: str
    spent_nusd: int
    days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AdminView:
    """What admins see beside their own: every budget, and what is set up."""

    books: BooksView
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class HomeView:
    """One person's home tab. `month` is their own; `admin` is None for others than admins; `note` is what it lacks."""

    runs: RunsView
    waiting: tuple[WaitingLine, ...]
    month: OwnMonth
    balances: BalancesView
    is_mentioned: bool = True
    admin: AdminView | None = None
    note: str = ""
