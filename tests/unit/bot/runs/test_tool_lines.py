"""Calls of tools as lines."""

import pytest

from bot.runs.tool_lines import arguments_in_a_line, would_call
from patterns.core.step_record import StepRecord


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('{"title": "Export fails", "labels": ["p1"]}', 'title: Export fails, labels: ["p1"]'),
        ('{"password": "hunter2"}', "password: ••••"),
        ("{}", ""),
        ("no JSON", "no JSON"),
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
