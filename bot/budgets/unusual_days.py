"""An alert for a channel that spends in one day what it usually spends in a week."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from bot.messages.month_report import US_PER_DAY
from patterns.core.money import NUSD_PER_USD

WEEKS = 4
"""How many weeks before a day say what is usual."""
WEEK_DAYS = 7
LEAST_NUSD = NUSD_PER_USD
"""A day cheaper than that is nobody's alarm, however quiet the weeks before it were."""


@dataclass(frozen=True, slots=True)
class UnusualDay:
    """A day on which a channel has spent what it usually spends in a week; amounts in nano-dollars."""

    day: str
    spent_nusd: int
    usual_week_nusd: int


def day_begins_us(now_us: int, zone: str, *, days_ago: int = 0) -> int:
    """Return when the day of that time began in a zone, or an earlier one, in microseconds."""
    midnight = _local(now_us, zone).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
    return int(midnight.timestamp()) * 1_000_000


def unusual_day(spent: Sequence[tuple[int, int]], *, now_us: int, zone: str) -> UnusualDay | None:
    """Return today if it is unusual; None too where there was no week before it to say what is usual.

    `spent` are (time in microseconds, nano-dollars) of the last weeks, in any order.
    """
    begins_us = day_begins_us(now_us, zone)
    since_us = day_begins_us(now_us, zone, days_ago=WEEKS * WEEK_DAYS)
    today_nusd = sum(nusd for at_us, nusd in spent if at_us >= begins_us)
    before = [(at_us, nusd) for at_us, nusd in spent if since_us <= at_us < begins_us]
    if not before or today_nusd < LEAST_NUSD:
        return None
    days = ceil((begins_us - min(at_us for at_us, _ in before)) / US_PER_DAY)
    if days < WEEK_DAYS:
        return None
    usual_nusd = sum(nusd for _, nusd in before) * WEEK_DAYS // min(days, WEEKS * WEEK_DAYS)
    if today_nusd < usual_nusd:
        return None
    return UnusualDay(f"{_local(now_us, zone):%Y-%m-%d}", today_nusd, usual_nusd)


def _local(now_us: int, zone: str) -> datetime:
    return datetime.fromtimestamp(now_us / 1_000_000, UTC).astimezone(ZoneInfo(zone))
