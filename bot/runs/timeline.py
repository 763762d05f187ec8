"""Where the parts of a run stand in time when the hours in which nothing ran are left out."""

from collections.abc import Iterable

IDLE_MAX_US = 1_000_000
"""The longest stretch without work that is drawn as it was, in microseconds; a longer one is drawn this long."""


class Timeline:
    """Moments of a run in seconds since its first work, without long idle stretches: waits for people, crashes."""

    def __init__(self, busy_us: Iterable[tuple[int, int]]) -> None:
        self._cuts: list[tuple[int, int]] = []
        """(end of an idle stretch, microseconds that are left out up to there), in order."""
        spans = sorted(busy_us)
        self._begin_us = spans[0][0] if spans else 0
        until, left_out = self._begin_us, 0
        for start, end in spans:
            if start - until > IDLE_MAX_US:
                left_out += start - until - IDLE_MAX_US
                self._cuts.append((start, left_out))
            until = max(until, end)

    @property
    def begin_us(self) -> int:
        """Return the moment at which the first work began; 0 without any."""
        return self._begin_us

    def at(self, moment_us: int) -> float:
        """Return the place of a moment, in seconds; one inside an idle stretch stands at its end at the latest."""
        left_out, latest = 0, None
        for end, so_far in self._cuts:
            if moment_us >= end:
                left_out = so_far
            else:
                latest = end - so_far
                break
        place = moment_us - left_out
        return max(0, (place if latest is None else min(place, latest)) - self._begin_us) / 1_000_000
