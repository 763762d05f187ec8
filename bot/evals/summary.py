"""What many answers say together: how many pass, what they cost and how long they take, with what chance leaves open.

Shares have Wilson's interval, means a bootstrap one (2,000 resamples, always the same); both cover 95 %.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

Z95 = 1.959964
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and between what it lies with 95 % confidence."""

    value: float
    low: float
    high: float


def share(hits: int, of: int) -> Interval:
    """Return a share with Wilson's interval; 0 of 0 says nothing, so it is between 0 and 1."""
    if of == 0:
        return Interval(0.0, 0.0, 1.0)
    rate = hits / of
    middle = (rate + Z95**2 / (2 * of)) / (1 + Z95**2 / of)
    half = Z95 * sqrt(rate * (1 - rate) / of + Z95**2 / (4 * of**2)) / (1 + Z95**2 / of)
    return Interval(rate, max(0.0, middle - half), min(1.0, middle + half))


def mean(values: Sequence[float]) -> Interval:
    """Return a mean with its bootstrap interval; of one value it is that value."""
    if not values:
        return Interval(0.0, 0.0, 0.0)
    draw = random.Random(0)  # noqa: S311 - the same interval for the same values
    means = sorted(fmean(draw.choices(values, k=len(values))) for _ in range(RESAMPLES if len(values) > 1 else 1))
    return Interval(fmean(values), means[int(0.025 * len(means))], means[int(0.975 * len(means))])


def quantile(values: Sequence[float], at: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed; 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, -(-int(at * 1000) * len(ordered) // 1000) - 1)]
