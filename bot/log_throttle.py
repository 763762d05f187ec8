"""Rate limits for log lines that strangers can cause: one line per reason and interval, with how many it stands for."""

import logging
import time
from collections.abc import Callable

INTERVAL_S = 10.0
REASONS_MAX = 1_000


class LogThrottle:
    """Lets the first event of each reason through, then one per interval."""

    def __init__(self, *, interval_s: float = INTERVAL_S, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = interval_s
        self._monotonic = monotonic
        self._next_s: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def count(self, reason: str) -> int:
        """Return how many events to report now, this one included; 0 to stay silent."""
        now_s = self._monotonic()
        if now_s < self._next_s.get(reason, 0.0):
            self._held_back[reason] = self._held_back.get(reason, 0) + 1
            return 0
        if len(self._next_s) >= REASONS_MAX:
            self._next_s.clear()
        self._next_s[reason] = now_s + self._interval_s
        return self._held_back.pop(reason, 0) + 1


class ThrottledLines(logging.Filter):
    """A filter for the logger of a library that writes a line, or a traceback, per bad connection."""

    def __init__(self, throttle: LogThrottle | None = None) -> None:
        super().__init__()
        self._throttle = throttle or LogThrottle()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is shown; its own message is the reason."""
        return self._throttle.count(f"{record.levelname} {record.msg}") > 0
