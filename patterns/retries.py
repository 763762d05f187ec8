"""When a model is asked again: twice on failures that pass, after the wait its provider wants, while the run has time.

Used by `patterns.attempts` alone.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from patterns.core.errors import BudgetExceededError, CircuitOpenError, ModelError

TRIES_PER_MODEL = 2
RETRY_AFTER_MAX_S = 20.0
"""A provider that wants us to wait longer is left for the next model."""
BACKOFF_S = 0.5

Failure = ModelError | BudgetExceededError


@dataclass(slots=True)
class Retries:
    """The retries of one step. `left_s` tells how many seconds its run has."""

    left_s: Callable[[], float]
    _circuit_wait_s: float = 0.0

    def wait_s(self, failure: Failure, tries: int, *, is_last: bool) -> float | None:
        """Return the seconds to wait before the same model is asked again; None when it should not be.

        `tries` counts those that this model has had, `is_last` says that no other model follows. What an open circuit
        refuses is no try: it is waited for where nobody else can answer, and up to `RETRY_AFTER_MAX_S` in all.
        """
        if isinstance(failure, BudgetExceededError):
            return None
        if isinstance(failure, CircuitOpenError):
            self._circuit_wait_s += failure.retry_after_s or 0.0
            return failure.retry_after_s if is_last and self._circuit_wait_s <= self._most_s() else None
        if not failure.retryable or tries >= TRIES_PER_MODEL:
            return None
        wait_s = BACKOFF_S * (1 + random.random()) if failure.retry_after_s is None else failure.retry_after_s  # noqa: S311 - jitter
        return wait_s if wait_s <= self._most_s() else None

    def _most_s(self) -> float:
        return min(RETRY_AFTER_MAX_S, self.left_s())
