"""What counts as growth in a soak: a leak does, noise and a warm start do not."""

from dataclasses import replace

import pytest

from tests.soak.measures import Sample, growth

FLAT = Sample(0.0, 200.0, 1.0, 20, 5, 1, 0, 1_000_000, 0, (0.5, 0.6), (0.01,))


def soak(**last: object) -> list[Sample]:
    """Forty samples that differ in their last quarter."""
    early = [replace(FLAT, at_s=float(at), memory_mb=100.0 + 10 * min(at, 10)) for at in range(30)]
    return [*early, *(replace(FLAT, at_s=float(at), **last) for at in range(30, 40))]  # type: ignore[arg-type]


def test_a_warm_start_and_noise_are_flat() -> None:
    assert growth(soak(memory_mb=210.0, descriptors=24, threads=6, answers_s=(0.9, 1.4))) == []


@pytest.mark.parametrize(
    ("last", "named"),
    [
        ({"memory_mb": 260.0}, "Memory"),
        ({"descriptors": 60}, "Open file descriptors"),
        ({"threads": 40}, "Threads"),
        ({"answers_s": (6.0, 7.0)}, "The time to an answer"),
    ],
)
def test_what_grows_is_named(last: dict[str, object], named: str) -> None:
    [found] = growth(soak(**last))
    assert found.startswith(named)


def test_a_soak_that_was_too_short_proves_nothing() -> None:
    assert growth([FLAT] * 3) != []
