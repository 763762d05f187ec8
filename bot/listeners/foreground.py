"""Foreground and background: payloads that Slack waits for come before the work of those it knows we have."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

QUIET_S = 0.005
"""Seconds without a payload that wait for another one of the same burst."""


class Foreground:
    """Counts the payloads that are not acknowledged yet, and calls back whenever there is none left."""

    def __init__(self) -> None:
        self._waiting = 0
        self._empty_since_s = time.monotonic()
        self._on_empty: list[Callable[[], None]] = []

    @property
    def quiet_in_s(self) -> float | None:
        """Return the seconds until the burst counts as over, 0 when it does; None while Slack waits for something."""
        return None if self._waiting else max(0.0, self._empty_since_s + QUIET_S - time.monotonic())

    def when_empty(self, call: Callable[[], None]) -> None:
        """Call this, which must not raise, each time the last payload that waited has its response."""
        self._on_empty.append(call)

    @contextmanager
    def payload(self) -> Iterator[None]:
        """Count one payload inside the block, from its arrival until its response is known."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._empty_since_s = time.monotonic()
                for call in self._on_empty:
                    call()
