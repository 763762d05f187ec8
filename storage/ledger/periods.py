"""Budget periods: the month a hold belongs to, from the clock; never reset, never backwards."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from patterns.core.errors import UserError
from patterns.core.ports import Clock

US_PER_S = 1_000_000
SKEW_LIMIT_S = 180.0
"""A clock further than this from Slack's opens no new month."""
LEAP_MONTHS = 12
"""A month further ahead than this is opened only once Slack has confirmed the clock."""


def period_key(now_us: int, zone: str) -> str:
    """Return the month of that moment in that zone, like `2026-11`; keys sort by time."""
    return datetime.fromtimestamp(now_us / US_PER_S, ZoneInfo(zone)).strftime("%Y-%m")


def months_between(earlier: str, later: str) -> int:
    """Return how many months lie between two keys."""
    (year, month), (later_year, later_month) = (map(int, key.split("-")) for key in (earlier, later))
    return (later_year - year) * 12 + later_month - month


def period_end_us(period: str, zone: str) -> int:
    """Return the first moment after the month, right also where midnight comes twice or not at all."""
    year, month = map(int, period.split("-"))
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=ZoneInfo(zone))
    return int(following.astimezone(UTC).timestamp()) * US_PER_S


def checked_zone(name: str) -> str:
    """Return the name of a time zone a person wrote.

    Raises:
        UserError: there is none of that name.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserError(f"I know no time zone {name[:40]!r}. Write one like Europe/Paris or UTC.") from None
    return name


class ClockGuard:
    """Compares our clock with Slack's, because a wrong clock would open a month too early.

    Slack may deliver late but never early, so the latest timestamp seen, plus the time since, is a floor for now.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slack_minus_monotonic_s: float | None = None

    def observe(self, slack_ts: str) -> None:
        """Take the timestamp of a payload Slack just delivered, like `1795000000.000100`."""
        offset_s = float(slack_ts) - self._clock.monotonic()
        if self._slack_minus_monotonic_s is None or offset_s > self._slack_minus_monotonic_s:
            self._slack_minus_monotonic_s = offset_s

    @property
    def confirmed(self) -> bool:
        """Return whether Slack's time is known and agrees."""
        return self._slack_minus_monotonic_s is not None and self.trusted

    @property
    def trusted(self) -> bool:
        """Return whether our clock agrees with Slack's; True while Slack's is unknown."""
        if self._slack_minus_monotonic_s is None:
            return True
        slack_s = self._slack_minus_monotonic_s + self._clock.monotonic()
        return abs(self._clock.now_us() / US_PER_S - slack_s) <= SKEW_LIMIT_S
