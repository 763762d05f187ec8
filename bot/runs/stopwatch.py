"""How long a run worked, which is what its time limit is about."""

from dataclasses import replace

from patterns.core.ports import Clock
from storage.run_rows import RunRow


class Stopwatch:
    """Measures a run's executing time, without its first messages' wait for Slack's rate limit."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_s: float | None = None

    @property
    def has_started(self) -> bool:
        """Return whether the run has begun to work: what it shows has its place then."""
        return self._started_s is not None

    def start(self) -> None:
        """Start measuring."""
        self._started_s = self._clock.monotonic()

    def clocked(self, run: RunRow) -> RunRow:
        """Return the run with its executing time up to now."""
        if self._started_s is None:
            return run
        return replace(run, executed_ms=run.executed_ms + int((self._clock.monotonic() - self._started_s) * 1000))
