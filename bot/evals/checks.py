"""Checks of an answer, by the names and arguments of pydantic_evals, and three of ours (Matches, Schema, MaxCost).

Every check is a function of what was observed, except the judge, which `bot.cli.eval_judge` asks a model.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from bot.evals.check import STRICT, Check, Observed, Verdict, short
from bot.evals.tool_checks import MaxToolCalls, ToolCorrectness, TrajectoryMatch
from patterns.core.errors import UserError
from patterns.core.money import NUSD_PER_USD, format_usd
from patterns.core.structured import InvalidOutputError, read

MATCH_BYTES_MAX = 100_000
"""Longest answer that a pattern is matched against: what a pattern takes can grow much faster than the text."""


@checked(frozen=True, config=STRICT)
class Equals(Check):
    """The answer is exactly this."""

    first: ClassVar[str] = "value"
    value: str
    evaluation_name: str | None = None

    def judge(self, seen: Observed) -> Verdict:
        """Compare the answer."""
        return self.said(passed=seen.output == self.value, reason=f"{short(seen.output)} is not {short(self.value)}")


@checked(frozen=True, config=STRICT)
class EqualsExpected(Check):
    """The answer is exactly the case's `expected_output`; says nothing where there is none."""

    evaluation_name: str | None = None

    def judge(self, seen: Observed) -> Verdict | None:
        """Compare the answer."""
        if seen.expected is None:
            return None
        wrong = f"{short(seen.output)} is not {short(seen.expected)}"
        return self.said(passed=seen.output == seen.expected, reason=wrong)


@checked(frozen=True, config=STRICT)
class Contains(Check):
    """The answer contains this."""

    first: ClassVar[str] = "value"
    value: str | int | float
    case_sensitive: bool = True
    as_strings: bool = False
    evaluation_name: str | None = None

    def judge(self, seen: Observed) -> Verdict:
        """Look for the value."""
        wanted, said = str(self.value), seen.output
        if not isinstance(self.value, str) and not self.as_strings:
            return self.said(passed=False, reason=f"an answer is text, and {wanted} is none: write as_strings: true")
        if not self.case_sensitive:
            wanted, said = wanted.lower(), said.lower()
        return self.said(passed=wanted in said, reason=f"{short(seen.output)} does not contain {short(wanted)}")


@checked(frozen=True, config=STRICT)
class Matches(Check):
    """The answer has a part that this regular expression matches."""

    first: ClassVar[str] = "pattern"
    pattern: str
    evaluation_name: str | None = None

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"{short(self.pattern)} is no regular expression: {error}") from None

    def judge(self, seen: Observed) -> Verdict:
        """Search the answer."""
        found = re.search(self.pattern, seen.output[:MATCH_BYTES_MAX]) is not None
        return self.said(passed=found, reason=f"nothing in {short(seen.output)} matches {short(self.pattern)}")


@checked(frozen=True, config=STRICT)
class Schema(Check):
    """The answer is JSON of this JSON Schema, as the roster's `output` takes it."""

    first: ClassVar[str] = "schema"
    schema: dict[str, Any] = field(default_factory=dict)
    evaluation_name: str | None = None

    def judge(self, seen: Observed) -> Verdict:
        """Read the answer."""
        try:
            read(seen.output, self.schema)
        except InvalidOutputError as error:
            return self.said(passed=False, reason=str(error))
        return self.said(passed=True, reason="")


@checked(frozen=True, config=STRICT)
class IsInstance(Check):
    """The answer is of this type; here every answer is a `str`."""

    first: ClassVar[str] = "type_name"
    type_name: str
    evaluation_name: str | None = None

    def judge(self, seen: Observed) -> Verdict:  # noqa: ARG002 - the same for all
        """Say whether the type is that of text."""
        return self.said(passed=self.type_name in ("str", "object"), reason="output is of type str")


@checked(frozen=True, config=STRICT)
class MaxDuration(Check):
    """The run worked no longer than so many seconds; waiting for people does not count."""

    first: ClassVar[str] = "seconds"
    seconds: float

    def judge(self, seen: Observed) -> Verdict:
        """Compare the time."""
        passed = seen.seconds <= self.seconds
        return self.said(passed=passed, reason=f"took {seen.seconds:.1f} s, at most {self.seconds:g} s")


@checked(frozen=True, config=STRICT)
class MaxCost(Check):
    """The run cost no more than so many dollars."""

    first: ClassVar[str] = "usd"
    usd: float

    def judge(self, seen: Observed) -> Verdict:
        """Compare the cost."""
        passed = seen.cost_nusd <= round(self.usd * NUSD_PER_USD)
        return self.said(passed=passed, reason=f"cost {format_usd(seen.cost_nusd)}, at most ${self.usd:g}")


@checked(frozen=True, config=STRICT)
class MaxModelRequests(Check):
    """The run called models at most so many times."""

    first: ClassVar[str] = "max_requests"
    max_requests: int
    evaluation_name: str | None = None

    def judge(self, seen: Observed) -> Verdict:
        """Count the calls."""
        wrong = f"{seen.model_calls} calls of models, at most {self.max_requests}"
        return self.said(passed=seen.model_calls <= self.max_requests, reason=wrong)


@checked(frozen=True, config=STRICT)
class LLMJudge(Check):
    """A reviewer of the roster finds that the answer meets the rubric; asked and paid for by `bot.cli.eval_judge`."""

    first: ClassVar[str] = "rubric"
    rubric: str
    model: str | None = None
    include_input: bool = False
    include_expected_output: bool = False
    evaluation_name: str | None = None

    def __post_init__(self) -> None:
        if self.model is not None:
            raise ValueError("the judge is an agent of the roster: leave out `model`, and name one with --judge")

    def judge(self, seen: Observed) -> Verdict | None:  # noqa: ARG002 - a model is asked
        """Return None: this is not for a function to say."""
        return None


KINDS: Mapping[str, type[Check]] = {
    kind.__name__: kind
    for kind in (
        Equals,
        EqualsExpected,
        Contains,
        Matches,
        Schema,
        IsInstance,
        MaxDuration,
        MaxCost,
        MaxToolCalls,
        MaxModelRequests,
        ToolCorrectness,
        TrajectoryMatch,
        LLMJudge,
    )
}


def read_check(name: str, given: Sequence[Any], named: Mapping[str, Any], *, where: str) -> Check:
    """Return the check of this name with its arguments.

    Raises:
        UserError: there is no such check, or it takes no such arguments.
    """
    kind = KINDS.get(name)
    if kind is None:
        raise UserError(f"{where}: there is no check {name[:40]!r}. There are {', '.join(KINDS)}.")
    if len(given) > 1 or (given and not kind.first):
        raise UserError(f"{where}: {name} takes its arguments by name: {', '.join(_arguments(kind)) or 'none'}.")
    arguments = {**named, **({kind.first: given[0]} if given else {})}
    try:
        return TypeAdapter(kind).validate_python(arguments)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, wrong["loc"]))
        said = wrong["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}: {name}{f'.{place}' if place else ''}: {said}.") from None


def _arguments(kind: type[Check]) -> list[str]:
    return [name for name in getattr(kind, "__dataclass_fields__", {}) if name != "first"]
