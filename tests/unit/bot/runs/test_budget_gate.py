"""How a run that lacks budget ends: parked for a grant, as a limit of its own, or with what it has."""

from types import SimpleNamespace
from typing import Any

import pytest

from bot.runs.budget_gate import BudgetGate
from patterns.core.errors import ParkedError
from patterns.core.events import PatternResult, Refusal, StopReason
from patterns.core.questions import Decision, Question
from patterns.core.reasons import Reason

CHANNEL = Refusal(kind="channel", needed_nusd=30)


class Questions:
    """Keeps what was asked, and has it answered as told."""

    def __init__(self, *verdicts: str) -> None:
        self.verdicts = verdicts
        self.asked: dict[str, Question] = {}

    def known(self) -> list[Any]:
        """What the run asked before."""
        draft = PatternResult(output="half", stop_reason=StopReason.BUDGET).model_dump_json()
        question = Question(kind="money", title="channel", draft=draft)
        return [
            SimpleNamespace(path=f"money/{number}", question=question) for number in range(1, len(self.verdicts) + 1)
        ]

    async def ask(self, fence: Any, path: str, question: Question) -> Decision:  # noqa: ARG002 - as the store
        number = int(path.rsplit("/", 1)[1])
        if number <= len(self.verdicts):
            return Decision.model_validate({"verdict": self.verdicts[number - 1]})
        self.asked[path] = question
        raise ParkedError(path)


class Balances:
    """An account with nothing free, whose month ends in an hour."""

    async def tightest(self, payer: object, needed_nusd: int) -> Any:  # noqa: ARG002 - as the ledger's
        return SimpleNamespace(kind="channel", resets_at_us=3_600_000_000)


def gate(questions: Questions) -> BudgetGate:
    doors: Any = (Balances(), questions, SimpleNamespace(now_us=lambda: 0), questions.known())
    return BudgetGate(*doors)


def a_run(kind: str = "slack") -> Any:
    return SimpleNamespace(id="r1", kind=kind, payer=None, fence=None)


def short(refusal: Refusal | None, *, cost_nusd: int = 20) -> PatternResult:
    return PatternResult(output="half", stop_reason=StopReason.BUDGET, cost_nusd=cost_nusd, refusal=refusal)


@pytest.mark.parametrize(("needed_nusd", "asked_nusd"), [(30, 80), (90, 90)])
async def test_a_run_that_a_month_cut_short_asks_for_what_the_rest_needs(needed_nusd: int, asked_nusd: int) -> None:
    questions = Questions()
    result = short(CHANNEL.model_copy(update={"needed_nusd": needed_nusd}))
    with pytest.raises(ParkedError):
        await gate(questions).settle(a_run(), result, quote_nusd=100)
    question = questions.asked["money/1"]
    assert (question.kind, question.amount_nusd, question.deadline_s) == ("money", asked_nusd, 3600)
    assert PatternResult.model_validate_json(question.draft).output == "half"


async def test_a_run_that_was_granted_once_may_ask_again() -> None:
    questions = Questions("run")
    assert await gate(questions).given_up(a_run()) is None
    with pytest.raises(ParkedError):
        await gate(questions).settle(a_run(), short(CHANNEL), quote_nusd=100)
    assert list(questions.asked) == ["money/2"]


@pytest.mark.parametrize("refusal", [None, Refusal(kind="run", needed_nusd=5), Refusal(kind="stage", needed_nusd=5)])
async def test_the_runs_own_money_is_a_limit_that_no_grant_mends(refusal: Refusal | None) -> None:
    result = await gate(Questions()).settle(a_run(), short(refusal), quote_nusd=100)
    assert (result.output, result.stop_reason) == ("half", StopReason.LIMIT)


async def test_a_closed_budget_ends_the_run_without_asking() -> None:
    closed = Refusal(kind="channel", needed_nusd=0, blocked=Reason.FROZEN)
    assert await gate(Questions()).settle(a_run(), short(closed), quote_nusd=100) == short(closed)


async def test_a_shell_ends_with_what_it_has() -> None:
    assert await gate(Questions()).settle(a_run("shell"), short(CHANNEL), quote_nusd=100) == short(CHANNEL)


async def test_a_run_that_did_not_run_short_is_left_alone() -> None:
    done = PatternResult(output="whole", stop_reason=StopReason.COMPLETED)
    assert await gate(Questions()).settle(a_run(), done, quote_nusd=100) == done


async def test_a_denied_grant_makes_the_partial_answer_final() -> None:
    result = await gate(Questions("run", "expired")).given_up(a_run())
    assert result is not None
    assert (result.output, result.stop_reason, result.notes) == (
        "half",
        StopReason.BUDGET,
        ("No more budget came, so this is final.",),
    )
