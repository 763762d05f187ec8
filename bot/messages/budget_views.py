"""Budget views beyond one balance: a month's report, the workspace's accounts, the audit log."""

from dataclasses import dataclass
from typing import ClassVar

from bot.commands.budget import EditBudget
from bot.commands.budget_attempts import kept_in_button
from bot.messages.month_report import Report
from bot.messages.views import PrivateView

BUDGET_POST = "budget_post"
"""Post the month's report in the channel; value: the month."""
BUDGET_EDIT = "budget_edit"
"""Open the form with all limits; value: a field and what to fill in, or anything else."""
BUDGET_FORM = "budget_form"
"""callback_id of that form."""


@dataclass(frozen=True, slots=True)
class BudgetView(PrivateView):
    """A month's report. For a channel it never says who spent what; for one person it has their own share.

    `own_nusd` None: the report is not for one person. `names` are people by id, for admins only. `warning` says that
    nothing can start here at all, `price_note` where prices come from, `attached` which files follow.
    """

    template: ClassVar = "budget"
    report: Report
    own_nusd: int | None = None
    names: tuple[tuple[str, str], ...] = ()
    can_change: bool = False
    can_post: bool = False
    price_note: str = ""
    attached: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class BudgetOfferView(PrivateView):
    """The form with a value filled in, offered where it cannot be opened at once."""

    template: ClassVar = "budget_offer"
    asked: EditBudget

    @property
    def value(self) -> str:
        """Return the value of the button that opens it."""
        return kept_in_button(self.asked)


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One change: `when` formatted, `who` by name, `what` a sentence."""

    when: str
    who: str
    what: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AuditView(PrivateView):
    """The audit log, newest first."""

    template: ClassVar = "audit"
    name: str
    lines: tuple[AuditLine, ...]


@dataclass(frozen=True, slots=True)
class BookLine:
    """One account of the workspace. `note` says what is unusual: frozen, uncertain calls.

    `channel` is the id of a channel, empty for direct messages and for the workspace. `is_new` says that nobody has
    enabled the channel yet.
    """

    name: str
    limit_nusd: int
    settled_nusd: int
    held_nusd: int
    note: str = ""
    channel: str = ""
    is_new: bool = False

    @property
    def share_pct(self) -> int:
        """Return the percentage of the limit that is spent or held."""
        taken = self.settled_nusd + self.held_nusd
        return taken * 100 // self.limit_nusd if self.limit_nusd else 100 * bool(taken)


@dataclass(frozen=True, slots=True)
class BooksView(PrivateView):
    """Every account of the workspace, the one nearest to its limit first."""

    template: ClassVar = "books"
    month: str
    total: BookLine
    lines: tuple[BookLine, ...]
    default_channel_nusd: int
    dm_user_nusd: int
    price_note: str = ""
    alarms: tuple[str, ...] = ()
