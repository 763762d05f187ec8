"""What a refused hold leaves on a result: the refusal that decides how the run goes on, and nothing in the journal."""

import pytest

from patterns.core.errors import BudgetExceededError
from patterns.core.events import PatternResult, Refusal, StopReason
from patterns.core.reasons import Reason
from patterns.pattern import merge_results
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.support.pattern_runs import run

CHANNEL = Refusal(kind="channel", needed_nusd=30)
FROZEN = Refusal(kind="channel", needed_nusd=0, blocked=Reason.FROZEN)
RUN = Refusal(kind="run", needed_nusd=70)


def refused(refusal: Refusal | None) -> PatternResult:
    return PatternResult(output="", stop_reason=StopReason.BUDGET, refusal=refusal)


def test_a_refusal_says_which_account_refused_what() -> None:
    error = BudgetExceededError("No.", kind="channel", key="C1", needed_nusd=30, blocked=Reason.PAUSED)
    assert Refusal.of(error) == Refusal(kind="channel", needed_nusd=30, blocked=Reason.PAUSED)


def test_more_budget_helps_against_amounts_of_a_month_alone() -> None:
    assert [refusal.is_monthly for refusal in (CHANNEL, FROZEN, RUN)] == [True, True, False]
    assert [refusal.can_be_granted for refusal in (CHANNEL, FROZEN, RUN)] == [True, False, False]


@pytest.mark.parametrize(
    ("refusals", "expected"),
    [
        ((None, None), None),
        ((CHANNEL, RUN, None), CHANNEL),
        ((FROZEN, CHANNEL), CHANNEL),
        ((RUN, FROZEN), FROZEN),
        ((CHANNEL, CHANNEL.model_copy(update={"needed_nusd": 40})), CHANNEL.model_copy(update={"needed_nusd": 40})),
    ],
)
def test_several_refusals_come_to_the_one_that_decides(
    refusals: tuple[Refusal | None, ...], expected: Refusal | None
) -> None:
    whole = merge_results([refused(one) for one in refusals], output="", stop_reason=StopReason.BUDGET)
    assert whole.refusal == expected


def test_a_refusal_is_not_journalled() -> None:
    kept = refused(CHANNEL).model_dump_json()
    assert PatternResult.model_validate_json(kept) == refused(None)


@pytest.mark.parametrize("flow", ["chain", "fan", "team", "pick"])
async def test_a_refused_run_says_which_account_refused(flow: str) -> None:
    with ScriptedModel([]) as model:
        result = await run(flow, model, Memory(budget_nusd=1))
    assert (result.stop_reason, result.refusal and result.refusal.kind) == (StopReason.BUDGET, "channel")
