"""What a dry run left out, as people read it."""

from dataclasses import replace

import pytest

from bot.messages.dry_run_text import ENDED_BEFORE, NOTHING_ELSE, under_answer, would_be_called
from bot.messages.views import AnswerView, WouldCall
from patterns.core.events import PatternResult, StopReason
from tests.unit.bot.messages.test_renderer import ANSWER

ONE = WouldCall("clerk", "tickets.create_issue", "title: Export fails", 10_000_000)


def test_each_call_stands_with_its_arguments_and_its_price() -> None:
    assert would_be_called([ONE, WouldCall("clerk", "tickets.close")]).splitlines() == [
        "*A real run would also have called this, for $0.01 more:*",
        "• `tickets.create_issue` · title: Export fails · $0.01 · asked for by clerk",
        "• `tickets.close` · costs nothing · asked for by clerk",
    ]


def test_nothing_left_out_is_said_too() -> None:
    assert would_be_called([]) == "A real run would have called nothing else."


def ended(stop_reason: StopReason, *calls: WouldCall) -> AnswerView:
    result = PatternResult(output="", stop_reason=stop_reason)
    return replace(ANSWER, run=replace(ANSWER.run, dry=True), result=result, would_call=calls)


def test_an_answered_run_would_have_called_nothing_else() -> None:
    assert under_answer(ended(StopReason.COMPLETED)) == NOTHING_ELSE


@pytest.mark.parametrize("stop_reason", [reason for reason in StopReason if reason is not StopReason.COMPLETED])
def test_of_a_run_without_a_full_answer_nobody_knows_what_it_would_have_called(stop_reason: StopReason) -> None:
    assert under_answer(ended(stop_reason)) == ENDED_BEFORE
    assert "`tickets.create_issue`" in under_answer(ended(stop_reason, ONE))


def test_a_long_list_says_how_much_more_there_is() -> None:
    assert would_be_called([ONE] * 23).splitlines()[-1] == "… and 3 more calls: see Details"


def test_what_a_model_wrote_as_arguments_is_escaped() -> None:
    hostile = WouldCall("clerk", "t.x", "text: <!channel> <https://evil.example|here> *bold*")
    assert "<" not in would_be_called([hostile])
