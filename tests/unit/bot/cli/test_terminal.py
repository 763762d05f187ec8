"""The lines a shell shows while a run works."""

import click
import pytest

from bot.cli.terminal import ProgressPrinter
from patterns.core.events import (
    Noted,
    Planned,
    Reviewed,
    Routed,
    RunEvent,
    StepFinished,
    StepRetried,
    StepStarted,
    TextDelta,
)
from patterns.core.quotes import PriceEstimate

PRICE = PriceEstimate(30_000_000, 120_000_000)


def finished(*, ok: bool = True, reason: str = "", replayed: bool = False, uncertain: bool = False) -> StepFinished:
    return StepFinished("p/writer", "writer", "fast", ok, reason, None, 30_000_000, 2400, replayed, uncertain)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Routed("decide", (), 0.9, "A choice.", "router"), "→ decide: A choice."),
        (Routed("answer", ("coach",), 1.0, "You chose it.", "person"), "→ answer with coach"),
        (Routed("coach", ("coach",), 0.8, "Advice.", "router"), "→ coach: Advice."),
        (
            Planned("decide", PriceEstimate(30_000_000, 120_000_000, has_history=True), ()),
            "→ about $0.03, at most $0.12",
        ),
        (Planned("decide", PRICE, ()), "→ about $0.03, at most $0.12 (first estimate, from typical lengths)"),
        (StepStarted("p/writer", "writer"), "… writer"),
        (
            StepRetried("p/writer", "writer", "overloaded", "strong"),
            "↻ writer: its provider was overloaded, trying strong",
        ),
        (finished(), "✓ writer · 2.4 s · $0.03"),
        (
            finished(ok=False, reason="timeout", uncertain=True),
            "✗ writer · 2.4 s · $0.03 · its model did not respond in time · price uncertain",
        ),
        (
            Reviewed("p/1", 1, accepted=False, score=6, feedback="- 2: shorter\n- tone: warmer"),
            "↳ Round 1: not accepted, 6 of 10. 2: shorter; tone: warmer",
        ),
        (
            Reviewed("p/1", 2, accepted=True, score=9, feedback=""),
            "↳ Round 2: accepted, 9 of 10.",
        ),
        (Noted("p", "A note\x1b]0;title\x07 of\na model"), "↳ A note]0;title of a model"),
    ],
)
def test_each_event_is_one_line(capsys: pytest.CaptureFixture[str], event: RunEvent, line: str) -> None:
    ProgressPrinter().emit("r1", event)
    assert click.unstyle(capsys.readouterr().err) == f"{line}\n"


def test_what_came_from_the_journal_or_was_said_before_is_not_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    board, plan = ProgressPrinter(), Planned("decide", PRICE, (("a", "a"), ("b", "b")))
    for event in (plan, plan, finished(replayed=True), TextDelta("p", "text")):
        board.emit("r1", event)
    assert (
        click.unstyle(capsys.readouterr().err)
        == "→ about $0.03, at most $0.12 (first estimate, from typical lengths)\n"
    )
    assert board.steps_planned == 2
