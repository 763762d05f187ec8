"""How a run ends that is one call of a tool, and that a replay comes to the same."""

from bot.runs.by_hand import SAID_CHARS, ending_of_call
from patterns.core.events import StopReason
from patterns.core.step_record import StepRecord


def called(text: str, *, is_error: bool) -> StepRecord:
    data = {"is_error": is_error}
    return StepRecord(path="call", agent="dana", outcome="ok", input_hash="", text=text, data=data)


def test_a_call_with_a_result_is_answered() -> None:
    ending = ending_of_call(called("Order 7 is paid.", is_error=False))
    assert (ending.stop_reason, ending.notes) == (StopReason.COMPLETED, ())


def test_a_failed_call_is_a_failed_run_with_its_reason_on_one_line() -> None:
    ending = ending_of_call(called("there is no\norder 7", is_error=True))
    assert (ending.stop_reason, ending.notes) == (StopReason.FAILED, ("The call failed: there is no order 7",))


def test_a_long_reason_is_cut_and_a_missing_one_is_not_made_up() -> None:
    assert len(ending_of_call(called("x" * 5000, is_error=True)).notes[0]) == len("The call failed: ") + SAID_CHARS
    assert ending_of_call(called("", is_error=True)).notes == ("The call failed.",)
