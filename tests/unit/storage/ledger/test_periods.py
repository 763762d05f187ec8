"""Months that start twice, months whose midnight is missing, clocks that lie."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.core.errors import UserError
from storage.ledger.book import Config
from storage.ledger.periods import ClockGuard, checked_zone, period_end_us, period_key
from tests.support.ledgers import START_US, FakeClock

DAY_US = 86_400_000_000


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2026-11-01T03:59:59", "America/Havana", "2026-10"),
        ("2026-11-01T04:00:00", "America/Havana", "2026-11"),  # midnight, the first of two
        ("2026-11-01T05:00:00", "America/Havana", "2026-11"),  # midnight once more
        ("2023-10-01T03:59:59", "America/Asuncion", "2023-09"),
        ("2023-10-01T04:00:00", "America/Asuncion", "2023-10"),  # 01:00: midnight did not happen
        ("2026-11-30T10:00:00", "Pacific/Kiritimati", "2026-12"),
        ("2026-12-01T04:59:59", "America/New_York", "2026-11"),
    ],
)
def test_the_month_is_the_one_on_the_wall(moment: str, zone: str, expected: str) -> None:
    assert period_key(us(moment), zone) == expected


@pytest.mark.parametrize(
    ("period", "zone", "expected"),
    [
        ("2026-10", "America/Havana", "2026-11-01T04:00:00"),
        ("2023-09", "America/Asuncion", "2023-10-01T04:00:00"),
        ("2026-12", "UTC", "2027-01-01T00:00:00"),
    ],
)
def test_the_month_turns_at_its_first_moment(period: str, zone: str, expected: str) -> None:
    assert period_end_us(period, zone) == us(expected)


@given(
    minutes=st.integers(0, 60 * 24 * 3650),
    zone=st.sampled_from(["America/Havana", "America/Asuncion", "Europe/Paris", "Asia/Kathmandu", "Pacific/Apia"]),
)
def test_the_moment_before_the_end_is_in_the_month_and_the_end_is_not(minutes: int, zone: str) -> None:
    period = period_key(int((datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)).timestamp() * 1e6), zone)
    end_us = period_end_us(period, zone)
    assert period_key(end_us - 1_000_000, zone) == period
    assert period_key(end_us, zone) > period


@pytest.mark.parametrize("zone", ["America/Havana", "America/Asuncion"])
def test_every_hour_through_a_strange_month_start_turns_once(zone: str) -> None:
    config = Config("T1", "C1", kind="channel", zone=zone)
    start = us("2026-10-30T00:00:00") if zone == "America/Havana" else us("2023-09-29T00:00:00")
    turns = [
        config.roll_period(start + hour * 3_600_000_000, "UTC", trusted=True, confirmed=False) for hour in range(96)
    ]
    assert turns.count(True) == 2  # the first hold, and the new month


@pytest.mark.parametrize("confirmed", [True, False])
def test_ten_years_ahead_are_opened_only_once_slack_confirms_the_clock(confirmed: bool) -> None:  # noqa: FBT001
    config = Config("T1", "C1", kind="channel", period="2026-11")
    config.roll_period(START_US + 3650 * DAY_US, "UTC", trusted=True, confirmed=confirmed)
    assert (config.period > "2036") is confirmed


def test_a_clock_ten_years_ahead_that_nobody_confirms_blocks_nothing() -> None:
    config = Config("T1", "C1", kind="channel", period="2026-11")
    assert not config.roll_period(START_US + 3650 * DAY_US, "UTC", trusted=True, confirmed=False)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "UTC\x00", "europe paris"])
def test_a_zone_nobody_knows_is_a_sentence(name: str) -> None:
    with pytest.raises(UserError, match="I know no time zone"):
        checked_zone(name)


class TestClockGuard:
    def guard(self, clock: FakeClock) -> ClockGuard:
        guard = ClockGuard(clock)
        guard.observe(f"{START_US / 1e6:.6f}")
        return guard

    def test_trusts_before_slack_was_heard(self) -> None:
        assert ClockGuard(FakeClock()).trusted

    def test_trusts_a_clock_that_agrees(self) -> None:
        assert self.guard(FakeClock()).trusted

    def test_confirms_only_what_slack_said(self) -> None:
        assert (ClockGuard(FakeClock()).confirmed, self.guard(FakeClock()).confirmed) == (False, True)

    @pytest.mark.parametrize("off_us", [-10 * 60 * 1_000_000, 10 * 60 * 1_000_000, 3650 * DAY_US])
    def test_distrusts_a_clock_minutes_away(self, off_us: int) -> None:
        assert not self.guard(FakeClock(START_US + off_us)).trusted

    def test_a_late_delivery_says_nothing_against_the_clock(self) -> None:
        clock = FakeClock()
        guard = self.guard(clock)
        guard.observe(f"{START_US / 1e6 - 3600:.6f}")
        assert guard.trusted
