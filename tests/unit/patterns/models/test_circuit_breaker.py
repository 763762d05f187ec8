"""When a provider's address is left alone, for how long, and that a single call finds out whether it is back."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from patterns.core.errors import BudgetExceededError, Charge, CircuitOpenError, ModelError
from patterns.models.circuit_breaker import (
    FAILURES,
    OPEN_MAX_S,
    OPEN_S,
    PROBE_S,
    CircuitBreaker,
    Circuits,
    clock_words,
)

TWO_PM_US = 1_795_010_400_000_000
"""18 November 2026, 14:00 UTC."""


@dataclass
class Hands:
    """A clock that a test moves."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def wall_s(self) -> float:
        return TWO_PM_US / 1e6 + self.seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def circuit(hands: Hands) -> CircuitBreaker:
    return CircuitBreaker("openai", "api.openai.com", monotonic=hands.monotonic, wall_s=hands.wall_s)


def fail(circuit: CircuitBreaker, reason: str = "server", times: int = 1) -> None:
    for _ in range(times):
        error = ModelError("no", reason=reason, retryable=True, charge=Charge.NOTHING)
        with suppress(ModelError), circuit.passage("fast"):
            raise error


def answer(circuit: CircuitBreaker) -> None:
    with circuit.passage("fast"):
        pass


@pytest.mark.parametrize("reason", ["connection", "server", "overloaded", "timeout", "truncated"])
def test_what_keeps_failing_is_left_alone(circuit: CircuitBreaker, reason: str) -> None:
    fail(circuit, reason, FAILURES - 1)
    answer_would_pass = not circuit.is_open
    fail(circuit, reason)
    with pytest.raises(CircuitOpenError) as refused, circuit.passage("fast"):
        pytest.fail("nothing may be sent")
    assert (answer_would_pass, refused.value.since, refused.value.charge) == (True, "14:00 UTC", Charge.NOTHING)
    assert refused.value.retry_after_s == pytest.approx(OPEN_S)
    assert str(refused.value) == (
        "The provider of fast has been failing since 14:00 UTC, so it was not asked. Try again in a few minutes."
    )


@pytest.mark.parametrize("reason", ["bad_request", "auth", "context_length", "content_policy", "empty", "malformed"])
def test_a_refusal_of_one_request_is_a_sign_of_life(circuit: CircuitBreaker, reason: str) -> None:
    fail(circuit, times=FAILURES - 1)
    fail(circuit, reason)
    fail(circuit, times=FAILURES - 1)
    assert not circuit.is_open


def test_an_answer_ends_the_row(circuit: CircuitBreaker) -> None:
    fail(circuit, times=FAILURES - 1)
    answer(circuit)
    fail(circuit, times=FAILURES - 1)
    assert (circuit.is_open, circuit.since_us) == (False, TWO_PM_US)


def test_a_provider_without_room_says_nothing_of_its_health(circuit: CircuitBreaker) -> None:
    fail(circuit, "rate_limit", 10 * FAILURES)
    fail(circuit, times=FAILURES - 1)
    fail(circuit, "rate_limit")
    assert not circuit.is_open
    fail(circuit)
    assert circuit.is_open


def test_one_call_at_a_time_tries_whether_it_is_back(circuit: CircuitBreaker, hands: Hands) -> None:
    fail(circuit, times=FAILURES)
    hands.seconds += OPEN_S
    with circuit.passage("fast"):
        with pytest.raises(CircuitOpenError) as beside, circuit.passage("fast"):
            pytest.fail("only one may try")
        assert beside.value.retry_after_s == PROBE_S
    assert not circuit.is_open
    answer(circuit)


def test_each_probe_that_fails_doubles_the_break_up_to_a_bound(circuit: CircuitBreaker, hands: Hands) -> None:
    fail(circuit, times=FAILURES)
    breaks = []
    for _ in range(7):
        with pytest.raises(CircuitOpenError) as refused, circuit.passage("fast"):
            pass
        breaks.append(refused.value.retry_after_s)
        hands.seconds += refused.value.retry_after_s or 0
        fail(circuit)
    assert breaks == pytest.approx([OPEN_S * 2**n for n in range(5)] + [OPEN_MAX_S, OPEN_MAX_S])
    assert clock_words(circuit.since_us, now_us=TWO_PM_US) == "14:00 UTC"  # still the first failure's moment


@pytest.mark.parametrize("reason", ["rate_limit", "auth"])
def test_a_probe_that_is_refused_found_somebody_there(circuit: CircuitBreaker, hands: Hands, reason: str) -> None:
    fail(circuit, times=FAILURES)
    hands.seconds += OPEN_S
    fail(circuit, reason)
    assert not circuit.is_open


def test_a_probe_that_was_not_sent_leaves_its_turn_to_the_next(circuit: CircuitBreaker, hands: Hands) -> None:
    fail(circuit, times=FAILURES)
    hands.seconds += OPEN_S
    with pytest.raises(BudgetExceededError), circuit.passage("fast"):
        raise BudgetExceededError("no money", kind="channel", key="C1")
    with circuit.passage("fast"):
        pass
    assert not circuit.is_open


def test_calls_that_were_under_way_when_it_opened_change_nothing(circuit: CircuitBreaker) -> None:
    late: list[Any] = [circuit.passage("fast") for _ in range(3)]
    for passage in late:
        passage.__enter__()
    fail(circuit, times=FAILURES)
    error = ModelError("no", reason="server", retryable=True, charge=Charge.NOTHING)
    for passage in late:
        assert not passage.__exit__(ModelError, error, None)
    with pytest.raises(CircuitOpenError) as refused, circuit.passage("fast"):
        pass
    assert refused.value.retry_after_s == pytest.approx(OPEN_S)


def test_addresses_have_circuits_of_their_own() -> None:
    circuits = Circuits()
    fail(circuits.of("openai", "one"), times=FAILURES)
    assert (circuits.of("openai", "one").is_open, circuits.of("openai", "two").is_open) == (True, False)
    assert list(circuits.failing()) == ["openai"]


def test_a_moment_of_another_day_has_its_day() -> None:
    assert clock_words(TWO_PM_US, now_us=TWO_PM_US + 86_400_000_000) == "18 November 14:00 UTC"
