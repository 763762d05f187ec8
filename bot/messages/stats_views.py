"""Statistics of runs as values: spreads of cost and time, and a row for each pattern, flow, agent, model and tool."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from bot.messages.views import PrivateView

Kind = Literal["pattern", "flow", "agent", "model", "tool"]
KINDS: tuple[Kind, ...] = ("pattern", "flow", "agent", "model", "tool")
P50, P95 = 50, 95


@dataclass(frozen=True, slots=True)
class Spread:
    """A sample of amounts: how many, their sum, mean, median, 95th percentile and standard deviation."""

    count: int = 0
    total: float = 0.0
    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    deviation: float = 0.0

    @classmethod
    def of(cls, sample: Iterable[float]) -> "Spread":
        """Return the spread of a sample; zeros for none."""
        values = sorted(sample)
        if not values:
            return cls()
        mean = math.fsum(values) / len(values)
        variance = math.fsum((value - mean) ** 2 for value in values) / len(values)
        return cls(
            len(values), math.fsum(values), mean, percentile(values, P50), percentile(values, P95), math.sqrt(variance)
        )

    @property
    def relative(self) -> float:
        """Return the deviation over the mean: 0 is the same every time, 1 as wide as the mean itself."""
        return self.deviation / self.mean if self.mean else 0.0

    @property
    def variance(self) -> float:
        """Return the square of the deviation."""
        return self.deviation**2


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the smallest value that so many per cent of a sorted sample do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class StatsRow:
    """One pattern, flow, agent, model or tool.

    Cost and time are those of a run, of agents and models those of a step, of tools those of a call.

    Amounts are nano-dollars, times seconds of work; `waited` is waiting for people. Of requests, `estimate_ratio` is
    what was told as usual over what was paid, and `bound_ratio` what was told as the most; of steps and calls,
    `held_ratio` is what was held over what was paid. `routing_share` and `review_share` are parts of the cost, between
    0 and 1.
    """

    kind: Kind
    name: str
    runs: int
    answered: int
    partial: int
    refused: int
    stopped: int
    failed: int
    cost: Spread
    time: Spread
    waited: Spread
    rounds: float
    tool_calls: int
    helped: int
    did_not: int
    estimate_ratio: float
    bound_ratio: float
    held_ratio: float
    routing_share: float
    review_share: float
    dry: int = 0

    @property
    def ratings(self) -> int:
        """Return how many people rated."""
        return self.helped + self.did_not


@dataclass(frozen=True, slots=True)
class RunStats:
    """The rows of a month, the dearest of each kind first. `runs` were looked at; `left_out` older ones were not.

    `dry` of those looked at were dry runs, here and in each row: their agents acted on nothing.
    """

    period: str
    rows: tuple[StatsRow, ...]
    runs: int
    left_out: int = 0
    dry: int = 0

    def of(self, kind: Kind) -> tuple[StatsRow, ...]:
        """Return the rows of one kind."""
        return tuple(row for row in self.rows if row.kind == kind)


@dataclass(frozen=True, slots=True)
class StatsView(PrivateView):
    """The statistics of one place, or of all places that the reader may see."""

    template: ClassVar = "stats"
    place: str
    stats: RunStats
    play_money: bool = False
