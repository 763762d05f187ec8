"""Checks of the tools that a run called, by the names and arguments of pydantic_evals."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass as checked

from bot.evals.check import STRICT, Check, Observed, Verdict


@checked(frozen=True, config=STRICT)
class MaxToolCalls(Check):
    """The run called tools at most so many times."""

    first: ClassVar[str] = "max_calls"
    max_calls: int
    include_failed: bool = True
    evaluation_name: str | None = None

    def judge(self, seen: Observed) -> Verdict:
        """Count the calls."""
        calls = len(seen.tool_names(include_failed=self.include_failed))
        return self.said(passed=calls <= self.max_calls, reason=f"{calls} tool calls, at most {self.max_calls}")


@checked(frozen=True, config=STRICT)
class ToolCorrectness(Check):
    """The run called these tools, in any order, as often as they are named."""

    first: ClassVar[str] = "expected_tools"
    expected_tools: list[str]
    allow_extra: bool = False
    include_failed: bool = False
    evaluation_name: str | None = None

    def judge(self, seen: Observed) -> Verdict:
        """Compare the multisets."""
        actual, expected = Counter(seen.tool_names(include_failed=self.include_failed)), Counter(self.expected_tools)
        missing, extra = expected - actual, actual - expected
        wrong = [f"missing: {', '.join(sorted(missing.elements()))}"] if missing else []
        if extra and not self.allow_extra:
            wrong.append(f"not expected: {', '.join(sorted(extra.elements()))}")
        return self.said(passed=not wrong, reason="; ".join(wrong))


@checked(frozen=True, config=STRICT)
class TrajectoryMatch(Check):
    """The tools that were called, in order, are these: a score from 0 to 1, which passes from `at_least` on."""

    first: ClassVar[str] = "expected_trajectory"
    expected_trajectory: list[str]
    order: Literal["exact", "in_order", "any_order"] = "in_order"
    include_failed: bool = False
    evaluation_name: str | None = None
    at_least: float = 1.0

    def judge(self, seen: Observed) -> Verdict:
        """Score the order of the calls."""
        actual, expected = seen.tool_names(include_failed=self.include_failed), self.expected_trajectory
        if self.order == "exact" or not (actual or expected):
            score = float(actual == expected)
        elif self.order == "any_order":
            score = _f1(sum((Counter(expected) & Counter(actual)).values()), actual, expected)
        else:
            score = _f1(_common(expected, actual), actual, expected)
        return self.said(passed=score >= self.at_least, reason=f"called {actual}, expected {expected}", score=score)


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(right) + 1)
    for one in left:
        before = 0
        for at, other in enumerate(right, 1):
            before, row[at] = row[at], before + 1 if one == other else max(row[at], row[at - 1])
    return row[-1]


def _f1(overlap: int, actual: Sequence[str], expected: Sequence[str]) -> float:
    precision = overlap / len(actual) if actual else 0.0
    recall = overlap / len(expected) if expected else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
