"""The dry run: tools that only read are called, and what would be asked of all others is said instead of done."""

from collections.abc import Sequence
from dataclasses import replace

from patterns.core.events import PatternResult
from patterns.roster.tool_schema import ToolSpec

NOTE = "Dry run: no tool that acts was called."
"""What a dry run's result says of itself, to people and to whatever goes on from it."""
OVER = "The request before was a dry run; this one is not, so tools that act are called."
WOULD_BE_CALLED = (
    "Dry run: this would have been called with these arguments, and was not. What it would return is not known. Go on"
    " as far as you can without it, and do not say that it was done."
)
"""What an agent gets for a result of a tool that acts."""


def is_left_out(spec: ToolSpec, *, dry: bool) -> bool:
    """Return whether a call of a tool is only said, because the run is dry and the tool may change something."""
    return dry and not spec.read_only


def charged_tools(tools: Sequence[ToolSpec], *, dry: bool) -> tuple[ToolSpec, ...]:
    """Return tools with the prices that a run can be charged: what is left out costs nothing."""
    return tuple(replace(one, price_nusd=0) if is_left_out(one, dry=dry) else one for one in tools)


def noted(result: PatternResult, *, dry: bool) -> PatternResult:
    """Return the result of a run, of a dry one with the note that it was."""
    return result.model_copy(update={"notes": (NOTE, *result.notes)}) if dry else result


def was_dry(result: PatternResult) -> bool:
    """Return whether a result is that of a dry run."""
    return NOTE in result.notes
