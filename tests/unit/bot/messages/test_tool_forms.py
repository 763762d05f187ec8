"""The form of a denial, and the view of everything that would be sent."""

import json

from bot.commands.origin import Origin
from bot.messages.tool_forms import DenyForm, arguments_view, deny_form, read_deny_form
from patterns.core.tools import AskedCall
from tests.fakes.blockkit import check_view

CALL = AskedCall(agent="researcher", tool="tickets.create_issue", arguments='{"title": "Export fails"}')
ORIGIN = Origin("key", "T1", "C1", "U1", "1.1")


def filled(reason: str | None) -> DenyForm:
    form = deny_form("r1", "a/turn/1/ask/0", (CALL,), origin=ORIGIN)
    assert check_view(form) == []
    return read_deny_form({**form, "state": {"values": {"reason": {"reason": {"value": reason}}}}})


def test_a_reason_is_read_and_may_be_left_out() -> None:
    assert filled("  we have that ticket \n") == DenyForm("r1", "a/turn/1/ask/0", "C1", "1.1", "we have that ticket")
    assert filled(None).reason == ""


def test_everything_that_would_be_sent_is_shown_whole_and_safely() -> None:
    body = "<!channel> " + "word " * 3_000
    whole = arguments_view((CALL, CALL.model_copy(update={"arguments": json.dumps({"body": body}, indent=2)})))
    assert check_view(whole) == []
    texts = [block["text"]["text"] for block in whole["blocks"] if block["type"] == "section"]
    assert sum(text.count("word") for text in texts) == 3_000
    assert "<!channel>" not in "".join(texts)


def test_a_long_name_still_makes_a_form() -> None:
    long = CALL.model_copy(update={"tool": "tickets." + "x" * 64})
    assert check_view(deny_form("r1", "a", (long,), origin=ORIGIN)) == []
    assert check_view(arguments_view((long,) * 90)) == []
