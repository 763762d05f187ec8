"""What stood in the way of a run, and that every ending which is less than an answer offers something."""

import pytest

from bot.runs.ending import Obstacle, obstacles, remedies_of
from bot.runs.outcome import RunOutcome
from patterns.core.events import MissingVoice, PatternResult, StopReason
from patterns.core.reasons import TABLE, Reason, Remedy
from patterns.core.step_record import StepRecord


def ended(stop_reason: StopReason, *, missing: str = "", output: str = "") -> RunOutcome:
    voices = (MissingVoice(name="cost", reason=missing),) if missing else ()
    return RunOutcome(result=PatternResult(output=output, stop_reason=stop_reason, missing=voices))


def failed(reason: Reason, model: str = "fast") -> StepRecord:
    return StepRecord(path="p/cost", agent="cost", model=model, outcome="failed", reason=reason, input_hash="")


@pytest.mark.parametrize("stop_reason", [reason for reason in StopReason if reason is not StopReason.COMPLETED])
def test_every_ending_short_of_an_answer_offers_something(stop_reason: StopReason) -> None:
    assert remedies_of(obstacles(ended(stop_reason), []))


def test_a_full_answer_offers_nothing() -> None:
    assert obstacles(ended(StopReason.COMPLETED, output="Tea."), [failed(Reason.RATE_LIMIT)]) == []


@pytest.mark.parametrize("reason", Reason)
def test_a_failed_step_gives_its_reason_and_its_model(reason: Reason) -> None:
    found = obstacles(ended(StopReason.FAILED), [failed(reason)])
    assert (found, remedies_of(found)) == ([Obstacle(reason, "fast")], TABLE[reason].remedies)


def test_a_hold_that_was_refused_is_known_by_its_clause() -> None:
    outcome = ended(StopReason.FAILED, missing=Reason.QUARANTINED.clause())
    assert obstacles(outcome, []) == [Obstacle(Reason.QUARANTINED)]


def test_several_reasons_offer_what_any_of_them_allows_without_repeats() -> None:
    found = obstacles(ended(StopReason.FAILED), [failed(Reason.AUTH), failed(Reason.EMPTY), failed(Reason.AUTH)])
    assert (len(found), remedies_of(found)) == (2, (Remedy.RETRY, Remedy.CHANGE, Remedy.HELP))


@pytest.mark.parametrize("reason", Reason)
def test_advice_that_names_somebody_comes_with_the_button_that_asks_them(reason: Reason) -> None:
    names_somebody = "{owner}" in TABLE[reason].advice
    is_bookkeeping = reason in (Reason.NO_USAGE, Reason.PROCESS_ENDED)
    assert Remedy.HELP in reason.remedies or not names_somebody or is_bookkeeping
