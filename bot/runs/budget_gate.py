"""Runs that lack budget: queued before they start, or parked half-way until more is granted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from patterns.core.errors import AgentsError, ParkedError
from patterns.core.events import PatternResult, StopReason
from patterns.core.holds import Payer
from patterns.core.money import NUSD_PER_USD
from patterns.core.ports import Clock, Decisions
from patterns.core.questions import Question
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from storage.ledger.balances import Balance, Balances
from storage.questions import StoredQuestion
from storage.run_rows import RunRow

WAIT_S = 7 * 86_400
"""Longest wait for a grant, in seconds; it never passes the month's end."""
QUEUE_WAIT_S = 3600
"""Longest wait for budget that other runs hold, in seconds: they release it within minutes."""
_CENT_NUSD = NUSD_PER_USD // 100


class InsufficientBudgetError(AgentsError):
    """The plan needs more than is free; only the Router's choice was paid."""

    def __init__(self, needed_nusd: int, balance: Balance) -> None:
        super().__init__()
        self.needed_nusd = needed_nusd
        self.balance = balance


async def require_budget(
    balances: Balances, payer: Payer, needed_nusd: int, *, seen: Sequence[Balance] | None = None
) -> None:
    """Check that every account has `needed_nusd` free; raise InsufficientBudgetError where one does not.

    `seen` are the payer's balances if they have just been read.
    """
    for balance in seen if seen is not None else await balances.balances(payer):
        if not balance.fits(needed_nusd):
            raise InsufficientBudgetError(needed_nusd, balance)


@dataclass(frozen=True, slots=True)
class BudgetGate:
    """Decides whether an owned run may begin or go on, and parks it where waiting or a grant can help.

    `asked` are the questions of the run when its owner took it up; whoever asks another one parks it.
    """

    balances: Balances
    questions: Decisions
    clock: Clock
    asked: Sequence[StoredQuestion] = ()

    async def admit(self, run: RunRow, needed_nusd: int, *, seen: Sequence[Balance] | None = None) -> None:
        """Let the run begin, or have it wait in line where only what other runs hold is missing.

        `seen` are the balances if they have just been read.

        Raises:
            InsufficientBudgetError: there is not that much, or it did not become free in time.
            ParkedError: it waits.
        """
        count, last = self._asked(queue_path)
        if last is not None and await self._is_denied(run, last):
            raise InsufficientBudgetError(needed_nusd, await self.balances.tightest(run.payer, needed_nusd))
        try:
            await require_budget(self.balances, run.payer, needed_nusd, seen=seen)
        except InsufficientBudgetError as error:
            if await self.balances.is_only_held(run.payer, needed_nusd):
                await self.questions.ask(run.fence, queue_path(count + 1), _queue_question(error.balance, needed_nusd))
            raise

    async def given_up(self, run: RunRow) -> PatternResult | None:
        """Return the partial answer as the final result once a grant was denied or did not come in time, else None.

        Raises:
            ParkedError: the request for more budget is not decided yet.
        """
        _, last = self._asked(request_path)
        if last is None or not await self._is_denied(run, last):
            return None
        return not_granted(PatternResult.model_validate_json(last.question.draft))

    async def settle(self, run: RunRow, result: PatternResult, *, quote_nusd: int) -> PatternResult:
        """Return the final result; park a run of Slack that a monthly budget cut short until more is granted.

        `quote_nusd` is the price bound of the whole plan, sent once.

        Raises:
            ParkedError: it waits for a grant.
        """
        refusal = result.refusal
        if result.stop_reason is not StopReason.BUDGET:
            return result
        if refusal is None or not refusal.is_monthly:
            return at_its_limit(result)
        if run.kind != "slack" or not refusal.can_be_granted:
            return result
        rest_nusd = max(refusal.needed_nusd, quote_nusd - result.cost_nusd)
        balance = await self.balances.tightest(run.payer, rest_nusd)
        question = _budget_request(result, balance, rest_nusd=rest_nusd, now_us=self.clock.now_us())
        count, _ = self._asked(request_path)
        await self.questions.ask(run.fence, request_path(count + 1), question)
        raise ParkedError  # decided meanwhile: it is taken up again at once

    async def _is_denied(self, run: RunRow, asked: StoredQuestion) -> bool:
        return (await self.questions.ask(run.fence, asked.path, asked.question)).verdict != "run"

    def _asked(self, path: Callable[[int], str]) -> tuple[int, StoredQuestion | None]:
        """Return how many questions the run asked under numbered paths, and the last one."""
        known = {asked.path: asked for asked in self.asked}
        count, last = 0, None
        while (asked := known.get(path(count + 1))) is not None:
            count, last = count + 1, asked
        return count, last


def at_its_limit(result: PatternResult) -> PatternResult:
    """Return what a run's own money cut short: that is a limit, not a budget."""
    return result.model_copy(update={"stop_reason": StopReason.LIMIT})


def not_granted(partial: PatternResult) -> PatternResult:
    """Return the partial answer as the final one, after a grant was denied or did not come in time."""
    return partial.model_copy(update={"notes": (*partial.notes, Reason.NOT_GRANTED.sentence())})


_REFUSAL = "refusal"


def refusal_path(number: int) -> str:
    """Return the journal path of the run's first, second … refusal by a monthly account."""
    return f"{_REFUSAL}/{number}"


def is_refusal(step: StepRecord) -> bool:
    """Return whether a journalled decision is such a refusal."""
    return step.path.startswith(f"{_REFUSAL}/")


def refusal_of(journal: Sequence[StepRecord]) -> tuple[str, str]:
    """Return the kind of the account that refused last, and the reason if amounts are none; empty for no refusal."""
    refusals = [step.data for step in journal if is_refusal(step)]
    return (str(refusals[-1]["kind"]), str(refusals[-1]["blocked"])) if refusals else ("", "")


def queue_path(number: int) -> str:
    """Return the question path of the run's first, second … wait for budget that other runs hold."""
    return f"line/{number}"


def request_path(number: int) -> str:
    """Return the question path of the run's first, second … request for more budget."""
    return f"money/{number}"


def missing_nusd(question: Question, balance: Balance) -> int:
    """Return the nano-dollars to add to what is free, in whole cents."""
    missing = max(1, question.amount_nusd - (balance.free_nusd or 0))
    return -(-missing // _CENT_NUSD) * _CENT_NUSD


def _queue_question(balance: Balance, needed_nusd: int) -> Question:
    """Return the question of a run that waits, holding nothing, for budget that others hold."""
    return Question(kind="line", title=balance.kind, amount_nusd=needed_nusd, deadline_s=QUEUE_WAIT_S)


def _budget_request(result: PatternResult, balance: Balance, *, rest_nusd: int, now_us: int) -> Question:
    """Return the question that asks for the rest's price; the partial answer is kept with it."""
    return Question(
        kind="money",
        title=balance.kind,
        draft=result.model_dump_json(),
        amount_nusd=rest_nusd,
        deadline_s=max(1, min(WAIT_S, (balance.resets_at_us - now_us) // 1_000_000)),
    )
