"""What a check is: a pure function of what was observed, with the arguments that the dataset gives it."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked

MATCH_BYTES_MAX = 100_000
"""Longest answer that a pattern is matched against: what a pattern takes can grow much faster than the text."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call of a run, in order, and whether it ended in an error."""

    name: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """What came of one case: the answer, its cost in nano-dollars, its working time, and the calls it took."""

    output: str
    cost_nusd: int
    seconds: float
    model_calls: int
    tools: tuple[ToolUse, ...] = ()
    expected: str | None = None

    def tool_names(self, *, include_failed: bool) -> list[str]:
        """Return the names of the tools that were called, in order."""
        return [use.name for use in self.tools if include_failed or not use.is_error]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of an answer; `score` is None where it only passes or fails."""

    check: str
    passed: bool
    reason: str = ""
    score: float | None = None


STRICT = ConfigDict(extra="forbid")


@checked(frozen=True, config=STRICT)
class Check(ABC):
    """A check with its arguments. `judge` returns None where there is nothing to say."""

    first: ClassVar[str] = ""
    """The argument that the short form gives."""

    @property
    def name(self) -> str:
        """Return its name in the report."""
        return getattr(self, "evaluation_name", None) or type(self).__name__

    @abstractmethod
    def judge(self, seen: Observed) -> Verdict | None:
        """Return what it says of an answer."""

    def said(self, *, passed: bool, reason: str, score: float | None = None) -> Verdict:
        """Return the verdict of this check; the reason is for what did not pass."""
        return Verdict(self.name, passed, "" if passed else reason, score)


def short(text: str) -> str:
    """Return a text in quotes, on one line and cut to what fits there."""
    line = json.dumps(" ".join(text.split()), ensure_ascii=False)
    return line if len(line) <= 80 else f"{line[:79]}…"  # noqa: PLR2004 - a line
