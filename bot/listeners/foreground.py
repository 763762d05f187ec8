"""Foreground and background: payloads that Slack waits for come before the work of those it knows we have."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Foreground:
    """Counts the payloads that are not acknowledged yet, and calls back whenever there is none left."""

    def __init__(self) -> None:
        self._waiting = 0
        self._on_empty: list[Callable[[], None]] = []

    @property
    def is_empty(self) -> bool:
        """Return whether Slack waits for nothing."""
        return not self._waiting

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
                for call in self._on_empty:
                    call()
