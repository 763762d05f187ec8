"""Calls of tools as lines."""

import pytest

from bot.messages.views import LookedUp
from bot.runs.tool_lines import arguments_in_a_line, looked_up, would_call
from patterns.core.step_record import UNSTORED, StepRecord
from tests.support.tool_runs import LOADED


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('{"title": "Export fails", "labels": ["p1"]}', 'title: Export fails, labels: ["p1"]'),
        ('{"password": "hunter2"}', "password: ••••"),
        ("{}", ""),
        ("no JSON", "no JSON"),
        ('{"password": "hunter2"', '{"password": ••••'),
        ("[1]", "[1]"),
    ],
)
def test_arguments_are_one_line_without_secrets(written: str, shown: str) -> None:
    assert arguments_in_a_line(written) == shown


def test_what_a_dry_run_left_out_is_told_from_the_journal() -> None:
    turn = StepRecord(
        path="s/turn/1",
        input_hash="",
        outcome="ok",
        text='{"say": "", "calls": [["c1", "t.read", "{}"], ["c2", "t.write", "{\\"a\\": 1}"]]}',
    )
    read = StepRecord(path="s/turn/1/call/1", input_hash="", outcome="ok", agent="clerk", data={"tool": "t.read"})
    write = StepRecord(
        path="s/turn/1/call/2",
        input_hash="",
        outcome="decision",
        agent="clerk",
        data={"tool": "t.write", "would_cost_nusd": 5},
    )
    (left_out,) = would_call([turn, read, write])
    assert (left_out.agent, left_out.tool, left_out.arguments, left_out.price_nusd) == ("clerk", "t.write", "a: 1", 5)


def test_a_card_is_told_what_was_called_before_in_its_step() -> None:
    def made(path: str, tool: str, text: str = "", **data: object) -> StepRecord:
        return StepRecord(path=path, input_hash="", outcome="ok", text=text, data={"tool": tool, **data})

    journal = [
        made("s/turn/10/call/1", "shop.find", "last"),
        made("s/turn/2/call/1", "vault.read", "the key"),
        made("s/turn/1/call/2", "shop.find", "no such order", is_error=True),
        made("s/turn/1/call/1", "shop.find", "sk-0123456789abcdef is it"),
        made("s/turn/3/call/1", "shop.find", "1 found\nhttps://x", **{UNSTORED: True}),
        made("s/turn/4/call/1", "gone.tool", "whatever"),
        made("s/turn/5/call/1", "shop.find"),
        made("s/turn/10/call/2", "shop.find", '{"user": "ann", "password": "hunter2"}'),
        made("s/turn/11/call/1", "shop.find", "later"),
        made("other/turn/1/call/1", "shop.find", "elsewhere"),
        made("s/turn/1", "", "a turn"),
    ]
    assert looked_up(journal, "s/turn/11/ask/abc", LOADED.tools) == (
        LookedUp("shop.find", "•••• is it"),
        LookedUp("shop.find", "no such order", failed=True),
        LookedUp("vault.read"),
        LookedUp("shop.find"),
        LookedUp("gone.tool"),
        LookedUp("shop.find", "(nothing)"),
        LookedUp("shop.find", "last"),
        LookedUp("shop.find", '{"user": "ann", "password": "••••"}'),
    )
