"""What a call costs that ended without a bill."""

from dataclasses import replace

import pytest

from patterns.charges import charge_for_answer, charge_for_error, unusable_answer
from patterns.core.calls import Completion, Message, ModelRequest, PreparedCall
from patterns.core.errors import Charge, ModelError
from patterns.core.holds import Hold
from patterns.core.money import Price
from patterns.core.reasons import Reason
from patterns.core.tools import ToolCall

REAL = Price(1, 1)
PLAY = replace(REAL, is_play=True)
HOLD = Hold(call_id="c", amount_nusd=100)
LOST = ModelError("lost", reason=Reason.TIMEOUT, retryable=True, charge=Charge.UNCERTAIN)


def call_at(price: Price) -> PreparedCall:
    request = ModelRequest("m", (Message("user", "Hi"),), 10)
    return PreparedCall(request, b"", input_tokens_max=1, output_tokens_max=10, images=0, price=price)


@pytest.mark.parametrize("error", [LOST, TimeoutError(), ConnectionError()])
def test_a_lost_call_counts_in_full_and_in_play_money_not_at_all(error: Exception) -> None:
    real, play = (charge_for_error(error, call_at(price), HOLD) for price in (REAL, PLAY))
    assert (real.state, real.actual_nusd) == ("uncertain", 100)
    assert (play.state, play.actual_nusd) == ("released", 0)


@pytest.mark.parametrize(("price", "told"), [(REAL, ("uncertain", 100)), (PLAY, ("released", 0))])
def test_the_same_holds_for_an_answer_without_usage(price: Price, told: tuple[str, int]) -> None:
    call = call_at(price)
    charged = charge_for_answer(Completion("text", None, "stop"), call, HOLD)
    assert (charged.state, charged.actual_nusd) == told


@pytest.mark.parametrize("text", ["", "Let me look.", "<think>hm</think>"])
def test_calls_without_a_text_are_no_empty_answer(text: str) -> None:
    asked = ToolCall(id="c", name="time.now", arguments="{}")
    assert unusable_answer(Completion(text, None, "tools", (asked,)), call_at(REAL)) is None
    without = unusable_answer(Completion("", None, "stop"), call_at(REAL))
    assert without is not None
    assert without.reason is Reason.EMPTY
