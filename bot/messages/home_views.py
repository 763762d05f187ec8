"""Views of the App Home tab, as frozen values with raw text."""

from dataclasses import dataclass

from bot.messages.budget_views import BooksView
from bot.messages.list_views import BalancesView, RunsView


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """A decision that waits for this person: `what` in a few words; `link` leads to the card with its buttons."""

    request: str
    what: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class HomeView:
    """One person's home tab. `spent_nusd` is their own month; `books` is for admins, None for others."""

    runs: RunsView
    waiting: tuple[WaitingLine, ...]
    spent_nusd: int
    balances: BalancesView
    books: BooksView | None = None
