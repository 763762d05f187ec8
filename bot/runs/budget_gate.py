"""Runs that lack budget: queued before they start, or parked half-way until more is granted."""

from collections.abc import Sequence

from patterns.closing import CLOSING
from patterns.core.errors import AgentsError, BudgetExceededError
from patterns.core.events import PatternResult
from patterns.core.money import NUSD_PER_USD
from patterns.core.ports import (
    Charged,
    Fence,
    Hold,
    HoldRequest,
    Ledger,
    Payer,
    Question,
    ReserveRequest,
    Settlement,
    StepRecord,
)
from patterns.core.reasons import Reason
from storage.ledger.balances import Balance, Balances

WAIT_S = 7 * 86_400
"""Longest wait for a grant, in seconds; it never passes the month's end."""
QUEUE_WAIT_S = 3600
"""Longest wait for budget that other runs hold, in seconds: they release it within minutes."""
_CENT_NUSD = NUSD_PER_USD // 100
_MONTHS = frozenset({"workspace", "channel", "dm", "user"})


class InsufficientBudgetError(AgentsError):
    """The plan needs more than is free; only the Router's choice was paid."""

    def __init__(self, needed_nusd: int, balance: Balance) -> None:
        super().__init__()
        self.needed_nusd = needed_nusd
        self.balance = balance


async def require_budget(balances: Balances, payer: Payer, needed_nusd: int) -> None:
    """Check that every account has `needed_nusd` free; raise InsufficientBudgetError where one does not."""
    for balance in await balances.balances(payer):
        if not balance.fits(needed_nusd):
            raise InsufficientBudgetError(needed_nusd, balance)


def queue_path(number: int) -> str:
    """Return the question path of the run's first, second … wait for budget that other runs hold."""
    return f"line/{number}"


def queue_question(balance: Balance, needed_nusd: int) -> Question:
    """Return the question of a run that waits, holding nothing, for budget that others hold."""
    return Question(kind="line", title=balance.kind, amount_nusd=needed_nusd, deadline_s=QUEUE_WAIT_S)


def request_path(number: int) -> str:
    """Return the question path of the run's first, second … request for more budget."""
    return f"money/{number}"


class NotingLedger:
    """The ledger of one run, remembering the month's last refusal: a grant can fix that, and no other refusal.

    `is_months` says that a monthly account refused something for whatever reason; the run's own limit is another
    matter.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.refused: BudgetExceededError | None = None
        self.is_months = False

    async def hold(self, request: HoldRequest) -> Hold:
        """Place a hold; see Ledger. Remember a refusal."""
        try:
            return await self._ledger.hold(request)
        except BudgetExceededError as error:
            self._note(error, request.path)
            raise

    async def reserve_many(self, requests: Sequence[ReserveRequest]) -> list[Hold]:
        """Reserve all or nothing; see Ledger. Remember a refusal."""
        try:
            return await self._ledger.reserve_many(requests)
        except BudgetExceededError as error:
            self._note(error, requests[0].path)
            raise

    async def settle(self, hold: Hold, charged: Charged, fence: Fence, step: StepRecord | None = None) -> Settlement:
        """Settle a hold; see Ledger."""
        return await self._ledger.settle(hold, charged, fence, step)

    async def release(self, holds: Sequence[Hold]) -> None:
        """Release holds; see Ledger."""
        await self._ledger.release(holds)

    def _note(self, error: BudgetExceededError, path: str) -> None:
        # A closing summary that cannot be paid for does not end the run.
        if error.kind in _MONTHS and path.split("/", maxsplit=1)[0] != CLOSING:
            self.is_months = True
            self.refused = self.refused if error.blocked else error


def budget_request(result: PatternResult, balance: Balance, *, rest_nusd: int, now_us: int) -> Question:
    """Return the question that asks for the rest's price; the partial answer is kept with it."""
    return Question(
        kind="money",
        title=balance.kind,
        draft=result.model_dump_json(),
        amount_nusd=rest_nusd,
        deadline_s=max(1, min(WAIT_S, (balance.resets_at_us - now_us) // 1_000_000)),
    )


def missing_nusd(question: Question, balance: Balance) -> int:
    """Return the nano-dollars to add to what is free, in whole cents."""
    missing = max(1, question.amount_nusd - (balance.free_nusd or 0))
    return -(-missing // _CENT_NUSD) * _CENT_NUSD


def final_partial(question: Question) -> PatternResult:
    """Return the partial answer as the final result."""
    partial = PatternResult.model_validate_json(question.draft)
    return partial.model_copy(update={"notes": (*partial.notes, Reason.NOT_GRANTED.sentence())})
