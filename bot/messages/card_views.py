"""The cards that ask people or tell them that money is missing, as frozen values with raw text."""

from dataclasses import dataclass
from typing import Literal

from bot.messages.views import BalanceView, Person, RunView


@dataclass(frozen=True, slots=True)
class ConfirmView:
    """The price card of a parked run. `alternative_flow` is the cheap way out; `decided` closes the card."""

    run: RunView
    alternative_flow: str = ""
    alternative_nusd: int = 0
    decided: str = ""


@dataclass(frozen=True, slots=True)
class RefusalView:
    """Money that is not there; `blocked` (paused, frozen, quarantined, clock) when amounts are not the reason.

    `queue_key` names the kept request where nothing but what other runs hold is in its way.
    """

    needed_nusd: int
    balance: BalanceView
    alternative_flow: str = ""
    alternative_nusd: int = 0
    owner: Person | None = None
    blocked: str = ""
    queue_key: str = ""


@dataclass(frozen=True, slots=True)
class ReviewView:
    """The verdict card of a parked review. `decided` closes it: who decided what, and when.

    `question` goes with the buttons. With `is_optional` nobody has to say anything: at the deadline the work goes on.
    """

    run: RunView
    title: str
    draft: str
    verdict: str = ""
    round: int = 1
    deadline: str = ""
    decided: str = ""
    question: str = ""
    is_optional: bool = False
    has_approvers: bool = False


@dataclass(frozen=True, slots=True)
class RoundView:
    """A round that is over and followed by another: the draft, and the verdict a line per criterion."""

    round: int
    draft: str
    verdict: str


@dataclass(frozen=True, slots=True)
class MoneyView:
    """The card of a run without money half-way. `amount_nusd` is what the rest needs, `owner` who can add it."""

    run: RunView
    amount_nusd: int
    balance: BalanceView
    owner: Person | None = None
    deadline: str = ""
    decided: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class LineView:
    """A run in line for money that others hold: what it needs, and the month that has not that much free."""

    needed_nusd: int
    balance: BalanceView
    deadline: str = ""
    decided: str = ""


ConfirmChoice = Literal["run", "cancel", "answer"]
