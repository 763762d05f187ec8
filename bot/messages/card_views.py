"""Cards that ask for a decision or say that budget is missing, as frozen values with raw text."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from bot.messages.views import BalanceView, Person, PrivateView, RunView, View
from patterns.core.quotes import PriceEstimate


@dataclass(frozen=True, slots=True)
class ConfirmView(View):
    """The price card of a parked run. `alternative_flow` is the cheaper flow; `decided` closes the card."""

    template: ClassVar = "confirm"
    run: RunView
    alternative_flow: str = ""
    alternative_price: PriceEstimate | None = None
    decided: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request that cannot begin costs, and what must be free before it does; `price` None is not known."""

    price: PriceEstimate | None
    free_nusd: int


@dataclass(frozen=True, slots=True)
class RefusalView(PrivateView):
    """A refusal for lack of budget; `blocked` is the `Reason` when it is not a matter of amounts.

    `blocked_reason` is what whoever froze or paused it wrote. `queue_key` names the kept request where only what other
    runs hold is missing. The buttons belong to the kept request `key`, or to the run `run_id`; to neither where both
    are empty.
    """

    template: ClassVar = "refusal"
    needs: Needs
    balance: BalanceView
    alternative_flow: str = ""
    alternative_price: PriceEstimate | None = None
    owner: Person | None = None
    blocked: str = ""
    blocked_reason: str = ""
    queue_key: str = ""
    key: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class OpeningView(View):
    """A channel that nobody enabled yet has used up what it begins with; `limit_nusd` is 0 where that is nothing.

    `usual_nusd` is what it has a month once it is enabled. `enabled_by` closes the card.
    """

    template: ClassVar = "opening"
    channel: str
    limit_nusd: int
    usual_nusd: int
    owner: Person | None = None
    enabled_by: Person | None = None


@dataclass(frozen=True, slots=True)
class ReviewView(View):
    """The card of a parked review. `decided` closes it: who decided what, and when.

    `question` belongs to the buttons. With `is_optional` no answer is needed: the work continues at the deadline.
    """

    template: ClassVar = "review"
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
class RoundView(View):
    """A finished review round that another follows: the draft, and the verdict with a line per criterion."""

    template: ClassVar = "round"
    round: int
    draft: str
    verdict: str


@dataclass(frozen=True, slots=True)
class BudgetRequestView(View):
    """The card of a run that ran out of budget. `amount_nusd` is what the rest needs, `owner` who can grant it."""

    template: ClassVar = "budget_request"
    run: RunView
    amount_nusd: int
    balance: BalanceView
    owner: Person | None = None
    deadline: str = ""
    decided: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class BudgetQueueView(View):
    """A run queued for budget that other runs hold: its price, and the account that is short."""

    template: ClassVar = "budget_queue"
    needs: Needs
    balance: BalanceView
    deadline: str = ""
    decided: str = ""


ConfirmChoice = Literal["run", "cancel", "answer"]
