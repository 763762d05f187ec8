"""What the tour's script says, and when it says nothing."""

import json

import pytest

from bot.demo.tour_script import Asked, Said, TourScript, read_tour
from patterns.core.errors import UserError
from patterns.core.questions import Decision
from patterns.roster.prompts import fence
from patterns.tools.approvals import _permit
from patterns.tools.dry_run import WOULD_BE_CALLED
from patterns.tools.outcomes import DONE, UNKNOWN

SCRIPT = read_tour()
ACTION = next(stop for stop in SCRIPT.stops if stop.acts)
FIND, RULE, REFUND = "shop.find_order", "shop.read_rule", "shop.refund_item"
USER = fence("request", ACTION.request)


def clerk(*results: str, tools: tuple[str, ...] = (FIND, RULE, REFUND)) -> Said:
    said = SCRIPT.answer(Asked("clerk", USER, tools=tools, results=tuple(fence("result", one) for one in results)))
    assert said is not None
    return said


def test_the_clerk_looks_up_then_acts() -> None:
    assert [name for name, _ in clerk().calls] == [FIND, RULE]
    order = "Order 1042, delivered.\n- desk lamp, $38.00, not refunded"
    assert [name for name, _ in clerk(order, "What arrives damaged is refunded.").calls] == [REFUND]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("Refunded $38.00 for the desk lamp of order 1042 (receipt R-1): broken", "with receipt R-1."),
        ("- desk lamp, $38.00, refunded (receipt R-1)", "refunded already**, with receipt R-1."),
        (_permit(Decision(verdict="deny", text="see {ticket} 7.", at_us=0)).refusal, "was: see {ticket} 7."),
        (_permit(Decision(verdict="deny", at_us=0)).refusal, "that was denied**, without a reason."),
        (_permit(Decision(verdict="expired", at_us=0)).refusal, "nobody approved it in time"),
        (DONE, "as a person has checked"),
        (UNKNOWN, "It is not known whether"),
        (WOULD_BE_CALLED, "is not refunded:** this was a dry run. The rules would allow it."),
        ("There is no order 1042. Orders: 1.", "What I was told: There is no order 1042. Orders: 1."),
    ],
)
def test_what_the_clerk_says_is_what_the_shop_or_a_person_said(result: str, words: str) -> None:
    assert words in clerk(result).text


def test_without_tools_the_clerk_says_that_there_are_none_and_calls_nothing() -> None:
    assert "I have no tools" in clerk(tools=()).text
    found = "- desk lamp, $38.00, not refunded"
    assert clerk(found, tools=()).calls == ()


def test_who_is_not_in_the_script_gets_nothing() -> None:
    assert SCRIPT.answer(Asked("engineer", USER)) is None
    assert SCRIPT.answer(Asked("clerk", fence("request", "something else"))) is None


def test_the_router_chooses_the_first_flow_of_a_stop_in_the_fields_it_is_asked_for() -> None:
    routed = SCRIPT.answer(Asked("router", USER, fields=("flow", "reason")))
    assert routed is not None
    assert set(json.loads(routed.text)) == {"flow", "reason"}
    assert json.loads(routed.text)["flow"] == "orders"


@pytest.mark.parametrize("words", ["dry run ", "Dry-run ", "dry run: ", "*dry run* "])
def test_a_dry_run_plays_the_same_stop(words: str) -> None:
    assert SCRIPT.find(f"{words}{ACTION.request}") is ACTION
    assert SCRIPT.find(f"dry running {ACTION.request}") is None


def test_every_other_request_gets_the_list() -> None:
    SCRIPT.check(f" {ACTION.request.upper()} ", flow="orders", agents=())
    with pytest.raises(UserError, match="not in the script") as refused:
        SCRIPT.check(ACTION.request, flow="decide", agents=())
    assert all(stop.command in str(refused.value) for stop in SCRIPT.stops)
    with pytest.raises(UserError):
        TourScript(()).check(ACTION.request, flow=None, agents=())
