"""Runs that are single calls of a shell command: no plan was made for them, so there is none to show or to replay."""

from typing import Any

from patterns.core.events import PatternResult, StopReason
from patterns.core.step_record import StepRecord
from patterns.flow import PLAN
from storage.run_story import RunStory

TOOL, EVAL, DOCTOR = "tools", "eval", "doctor"
"""What such runs have as their flow."""
SAID_CHARS = 300
"""Characters of what a tool said of its failure that are the reason of its run."""
_COMMANDS = {
    TOOL: "It is one call of a tool, made with `agents tools call`.",
    EVAL: "It is made of single calls of `agents eval`.",
    DOCTOR: "It is made of single calls of `agents doctor --call`.",
}


def by_hand(flow: str) -> dict[str, Any]:
    """Return the options of a run whose calls a shell command makes itself."""
    return {"flow": flow, "by_hand": True}


def is_by_hand(story: RunStory) -> bool:
    """Return whether a shell command made the calls of a run itself; older ones did not say so."""
    run = story.run
    if run.options.get("by_hand"):
        return True
    is_older = run.kind == "terminal" and run.flow in _COMMANDS and story.decision(PLAN) is None
    return is_older and any("/" not in step.path or step.path.startswith("doctor/") for step in story.steps)


def what_it_was(story: RunStory) -> str:
    """Return a sentence that says which command made the calls of a run."""
    return _COMMANDS.get(story.run.flow, "It is made of single calls of a command.")


def ending_of_call(record: StepRecord) -> PatternResult:
    """Return the ending of a run that was one call of a tool: failed where the call did, with what was said as note."""
    if not record.data.get("is_error"):
        return PatternResult(output="", stop_reason=StopReason.COMPLETED)
    said = " ".join(record.text.split())[:SAID_CHARS]
    return PatternResult(
        output="", stop_reason=StopReason.FAILED, notes=(f"The call failed: {said}" if said else "The call failed.",)
    )


def ending_of(story: RunStory, kept: PatternResult) -> PatternResult:
    """Return the ending that the calls of such a run come to; of anything but a tool's call, the one it kept."""
    if story.run.flow != TOOL or kept.stop_reason is StopReason.FAILED:
        return kept
    is_made = any(step.record is not None for step in (*story.steps, *story.decisions))
    return PatternResult(output="", stop_reason=StopReason.COMPLETED if is_made else StopReason.CANCELLED)
