"""What work will cost, before it is done: expected, once, and at most."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a step before it runs, in nano-dollars.

    `once_nusd` bounds one call to the dearest of its models, `worst_nusd` every retry and repair billed;
    `typical_nusd` is one call of its first model with the lengths of `patterns.typical`, and bounds nothing.
    """

    once_nusd: int = 0
    worst_nusd: int = 0
    typical_nusd: int = 0

    def __add__(self, other: "Quote") -> "Quote":
        return Quote(
            self.once_nusd + other.once_nusd,
            self.worst_nusd + other.worst_nusd,
            self.typical_nusd + other.typical_nusd,
        )

    def without(self, part: "Quote") -> "Quote":
        """Return the price without a part of it, never below zero."""
        return Quote(
            max(0, self.once_nusd - part.once_nusd),
            max(0, self.worst_nusd - part.worst_nusd),
            max(0, self.typical_nusd - part.typical_nusd),
        )

    def least(self, other: "Quote") -> "Quote":
        """Return the lower of two prices, figure by figure."""
        return Quote(
            min(self.once_nusd, other.once_nusd),
            min(self.worst_nusd, other.worst_nusd),
            min(self.typical_nusd, other.typical_nusd),
        )

    def times(self, count: int) -> "Quote":
        """Return the price of doing it `count` times."""
        return Quote(self.once_nusd * count, self.worst_nusd * count, self.typical_nusd * count)


@dataclass(frozen=True, slots=True)
class PriceEstimate:
    """What a request costs, as it is told before it runs: the one value behind every price that people read.

    `expected_nusd` is what such requests usually cost here, or before there is a history (`has_history`) what typical
    lengths come to; `worst_nusd` is the bound that no run passes.
    """

    expected_nusd: int
    worst_nusd: int
    has_history: bool = False

    @classmethod
    def of(cls, *, typical_nusd: int, worst_nusd: int, usual_nusd: int | None = None) -> "PriceEstimate":
        """Return the estimate from a quote and, where it is known, the usual price; expected is never above worst."""
        expected_nusd = typical_nusd if usual_nusd is None else usual_nusd
        return cls(min(expected_nusd, worst_nusd), worst_nusd, usual_nusd is not None)
