"""A circuit breaker for each provider address: what keeps failing is left alone for a while, then tried with one call.

Only failures that are the address's own count (no connection, an internal error, overload, silence, a cut reply); a
refusal of one request is a sign of life. State is per process: each finds out for itself, at the price of a few calls.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from patterns.core.errors import CircuitOpenError, ModelError
from patterns.core.reasons import Reason

log = structlog.get_logger()

FAILURES = 5
"""Failures in a row, without an answer between them, that open a circuit."""
OPEN_S, OPEN_MAX_S = 10.0, 300.0
"""How long a circuit stays open at first, and at most: each failed probe doubles the time."""
PROBE_S = 1.0
"""Seconds after which somebody asks again who met a probe under way."""
_OF_THE_ADDRESS = frozenset({Reason.CONNECTION, Reason.SERVER, Reason.OVERLOADED, Reason.TIMEOUT, Reason.TRUNCATED})
_NO_SIGN = frozenset({Reason.RATE_LIMIT, Reason.QUOTA})
"""Refusals that say nothing about whether the next call would be answered."""
_DAY_US = 86_400_000_000


@dataclass(slots=True)
class CircuitBreaker:
    """The circuit of one address: closed while calls pass, open while none does, half-open while one tries."""

    provider: str
    address: str
    monotonic: Callable[[], float] = time.monotonic
    wall_s: Callable[[], float] = time.time
    since_us: int = 0
    """When the first failure of the row came, in microseconds since 1970."""
    _failures: int = 0
    _open_s: float = 0.0
    """The length of the current break; 0 while closed."""
    _until_s: float = 0.0
    _is_probing: bool = False
    _opened_s: float = field(default=0.0, repr=False)

    @property
    def is_open(self) -> bool:
        """Return whether calls are refused, except for a probe."""
        return self._open_s > 0

    @contextmanager
    def passage(self, model: str) -> Iterator[None]:
        """Let one call through, its hold included, and learn from how it ends.

        Raises:
            CircuitOpenError: nothing may be held or sent now.
        """
        is_probe = self._enter(model)
        try:
            yield
        except ModelError as error:
            self._learn(error, is_probe=is_probe)
            raise
        except BaseException:
            # The hold was refused, or the call was stopped: the next one may try.
            self._is_probing = self._is_probing and not is_probe
            raise
        self._close()

    def _enter(self, model: str) -> bool:
        if not self.is_open:
            return False
        left_s = self._until_s - self.monotonic()
        if left_s > 0 or self._is_probing:
            raise self._refusal(model, max(left_s, PROBE_S))
        self._is_probing = True
        return True

    def _refusal(self, model: str, wait_s: float) -> CircuitOpenError:
        since = clock_words(self.since_us, now_us=self._now_us())
        return CircuitOpenError(model, since=since, retry_after_s=wait_s)

    def _learn(self, error: ModelError, *, is_probe: bool) -> None:
        if error.reason in _NO_SIGN and not is_probe:
            return
        if error.reason not in _OF_THE_ADDRESS:
            self._close()
            return
        if is_probe:
            self._is_probing = False
            self._open(min(2 * self._open_s, OPEN_MAX_S))
            return
        if self.is_open:
            return  # it was under way when the circuit opened
        self._failures += 1
        self.since_us = self.since_us or self._now_us()
        if self._failures >= FAILURES:
            self._opened_s = self.monotonic()
            self._open(OPEN_S)

    def _open(self, for_s: float) -> None:
        self._open_s, self._until_s = for_s, self.monotonic() + for_s
        log.warning("circuit_opened", provider=self.provider, address=self.address, for_s=round(for_s))

    def _close(self) -> None:
        if self.is_open:
            open_s = round(self.monotonic() - self._opened_s)
            log.info("circuit_closed", provider=self.provider, address=self.address, open_s=open_s)
        self._failures, self.since_us, self._open_s, self._is_probing = 0, 0, 0.0, False

    def _now_us(self) -> int:
        return int(self.wall_s() * 1e6)


class Circuits:
    """The circuits of one process, by address."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CircuitBreaker] = {}

    def of(self, provider: str, address: str) -> CircuitBreaker:
        """Return the circuit of an address."""
        known = self._known.get((provider, address))
        if known is None:
            known = self._known[provider, address] = CircuitBreaker(provider, address)
        return known

    def failing(self) -> dict[str, str]:
        """Return the providers whose circuits are open, each with since when."""
        return {
            one.provider: clock_words(one.since_us, now_us=int(one.wall_s() * 1e6))
            for one in self._known.values()
            if one.is_open
        }


def clock_words(at_us: int, *, now_us: int) -> str:
    """Return a moment as people read it: `14:02 UTC`, with its day where that is not today."""
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    is_today = at_us // _DAY_US == now_us // _DAY_US
    return f"{at:%H:%M} UTC" if is_today else f"{at.day} {at:%B %H:%M} UTC"
