"""A day is unusual when it costs what a week usually does, and only where a week before it says what is usual."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.budgets.unusual_days import UnusualDay, day_begins_us, unusual_day

USD = 10**9
NOW = datetime(2026, 11, 29, 15, tzinfo=UTC)


def us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def spent(**days_ago: float) -> list[tuple[int, int]]:
    """Dollars by how many days ago they were spent: `d3=1.5`."""
    return [(us(NOW - timedelta(days=int(day[1:]))), int(dollars * USD)) for day, dollars in days_ago.items()]


@pytest.mark.parametrize(
    ("history", "usual"),
    [
        (spent(d0=4, d1=1, d8=1, d15=1, d22=1), 4 * 7 * USD // 22),
        (spent(d0=2, d28=8), 2 * USD),
        (spent(d0=1, d14=2), USD),
    ],
)
def test_a_day_that_costs_a_usual_week_is_told(history: list[tuple[int, int]], usual: int) -> None:
    found = unusual_day(history, now_us=us(NOW), zone="UTC")
    assert found == UnusualDay("2026-11-29", history[0][1], usual)


@pytest.mark.parametrize(
    "history",
    [
        [],
        spent(d0=20),
        spent(d0=20, d3=1),
        spent(d0=0.9, d20=0.1),
        spent(d0=3, d2=4, d9=4, d16=4, d23=4),
        spent(d0=3, d40=1),
    ],
    ids=["nothing", "a first day", "a first week", "cents", "as usual", "long ago"],
)
def test_other_days_are_not(history: list[tuple[int, int]]) -> None:
    assert unusual_day(history, now_us=us(NOW), zone="UTC") is None


def test_the_day_begins_where_the_channel_is() -> None:
    history = [(us(datetime(2026, 11, 28, 12, tzinfo=UTC)), 5 * USD), *spent(d20=1)]
    found = unusual_day(history, now_us=us(datetime(2026, 11, 28, 15, tzinfo=UTC)), zone="Pacific/Auckland")
    assert found == UnusualDay("2026-11-29", 5 * USD, found.usual_week_nusd if found else 0)


def test_a_day_has_as_many_hours_as_its_zone_gives_it() -> None:
    begins = day_begins_us(us(datetime(2026, 10, 25, 12, tzinfo=UTC)), "Europe/Berlin")
    assert begins == us(datetime(2026, 10, 24, 22, tzinfo=UTC))
