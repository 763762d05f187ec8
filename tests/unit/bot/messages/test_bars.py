"""Bars in text: what is not nothing shows, and the amounts of the weeks add up to the month."""

import pytest

from bot.messages.bars import bar, week_bars
from patterns.core.money import NUSD_PER_USD, format_usd

CENT = NUSD_PER_USD // 100


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (0, 10, "░░░░"),
        (1, 1000, "█░░░"),
        (5, 10, "██░░"),
        (999, 1000, "███░"),
        (10, 10, "████"),
        (20, 10, "████"),
        (0, 0, "░░░░"),
        (1, 0, "████"),
    ],
)
def test_a_bar_is_a_share(part: int, whole: int, expected: str) -> None:
    assert bar(part, whole, cells=4) == expected


def test_each_week_has_its_line_up_to_today() -> None:
    days = (CENT,) * 7 + (0,) * 7 + (2 * CENT,) * 7 + (0,) * 7 + (CENT,)
    assert week_bars(days, "Nov") == [
        "██████░░░░░░  1–7 Nov: $0.07",  # noqa: RUF001
        "░░░░░░░░░░░░  8–14 Nov: $0.00",  # noqa: RUF001
        "████████████  15–21 Nov: $0.14",  # noqa: RUF001
        "░░░░░░░░░░░░  22–28 Nov: $0.00",  # noqa: RUF001
        "█░░░░░░░░░░░  29 Nov: $0.01",
    ]


def test_the_weeks_add_up_to_the_month() -> None:
    third = CENT * 4 // 3
    lines = week_bars((third,) * 1 + (0,) * 6 + (third,) + (0,) * 6 + (third,), "Nov")
    shown = [int(line.rpartition("$0.")[2]) for line in lines]
    assert (sum(shown), format_usd(third * 3)) == (4, "$0.04")


def test_a_month_without_days_has_no_lines() -> None:
    assert week_bars((), "Nov") == []
