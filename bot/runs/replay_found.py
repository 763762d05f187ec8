"""What replaying a run has found: where its prompts, steps and result came out otherwise. Pure."""

from dataclasses import dataclass, field
from functools import partial

from bot.runs.engine import choice_of
from bot.runs.outcome import RunOutcome
from bot.runs.replayed_money import Difference
from bot.runs.replayed_ports import REFUSAL, UNTOLD, ReplayPorts
from bot.runs.run_setup import is_setup
from patterns.core.events import PatternResult, StopReason
from patterns.flow import PLAN
from patterns.replay import ReplayRunner
from patterns.roster.consistency import ROUTER
from patterns.router import ROUTE
from patterns.services import join
from patterns.tools.approvals import GRANTED, PRIVATE
from storage.run_story import RunStory

OUTCOME = "outcome"
MONEY = "money/"
_OF_THE_RUN = (REFUSAL, PRIVATE, GRANTED)
"""Decisions that are no step's: they stand where the first call was that took them."""

_RESULT = {
    "output": "answer",
    "stop_reason": "ending",
    "steps": "number of steps",
    "cost_nusd": "cost",
    "missing": "list of missing parts",
    "notes": "notes",
}
"""What people call the parts of a result."""


@dataclass
class Found:
    """A replayed run: its prompts, its ports and its outcome, None where it ends at a question to people."""

    story: RunStory
    runner: ReplayRunner
    ports: ReplayPorts
    outcome: RunOutcome | None = None
    unknown: list[str] = field(default_factory=list)
    is_cut: bool = False
    """The run broke off: its process was gone."""

    def drifts(self) -> list[Difference]:
        """Return the steps whose prompt does not come out as it was."""
        what = "its prompt is not the one it was given then, by its hash"
        seen = self.runner.seen.items()
        return [Difference("prompt", path, what) for path, one in seen if one.is_finished and not one.is_same]

    def unreached(self) -> list[Difference]:
        """Return what was done then and is not reached now; work that a grant of budget made needless is no matter."""
        kept = tuple(path.removesuffix(OUTCOME) for path in _checkpoints(self.story) if path in self.ports.reached)
        was_granted = any(asked.path.startswith(MONEY) for asked in self.story.questions)
        kept += tuple(f"{path}/" for path in self.runner.seen)  # its turns and calls of tools
        left = [
            step
            for step in (*self.story.decisions, *self.story.steps)
            if step.record is not None
            and step.path not in self.ports.reached
            and not is_setup(step.path)
            and not step.path.startswith((*_OF_THE_RUN, *(kept if step.path not in _checkpoints(self.story) else ())))
        ]
        # Of parts side by side, those that were not cut short are not begun again.
        if was_granted or self.outcome is None or self.story.run.stop_reason == StopReason.CANCELLED or self.is_cut:
            return []
        return [
            Difference(
                "decision" if step.record and step.record.outcome == "decision" else "step",
                step.path,
                "is not reached now",
            )
            for step in left
        ]

    def of_result(self) -> list[Difference]:
        """Compare the result, byte for byte, with the stored one; what a refused hold said is taken from there."""
        kept, now = self.story.result_json, self.outcome
        if kept is None or now is None or self.story.run.status != "done":
            return []
        then = RunOutcome.model_validate_json(kept)
        if UNTOLD in now.result.notes and len(now.result.notes) == len(then.result.notes):
            self.unknown.append(
                "What the ledger said when it refused is in the result alone, and was taken from there."
            )
            notes = tuple(
                said if again == UNTOLD else again
                for again, said in zip(now.result.notes, then.result.notes, strict=True)
            )
            now = now.model_copy(update={"result": now.result.model_copy(update={"notes": notes})})
        if now.model_dump_json() == kept:
            return []
        names = [name for name in PatternResult.model_fields if getattr(now.result, name) != getattr(then.result, name)]
        told = " and ".join(dict.fromkeys(_RESULT.get(name, "form") for name in names)) or "form"
        return [Difference("result", "", f"its {told} came out differently")]


def kept_outcome(story: RunStory) -> RunOutcome | None:
    """Return the outcome as the run stored it."""
    return RunOutcome.model_validate_json(story.result_json) if story.result_json else None


def decided_anew(story: RunStory) -> frozenset[str]:
    """Return the decisions that follow from what is journalled, so that they can be taken again."""
    choice = choice_of(story.run)
    routed = story.step(join(ROUTE, ROUTER))
    follows = bool(choice.flow or choice.agents) or (routed is not None and routed.record is not None)
    return frozenset({*({PLAN} if follows else ()), *filter(partial(_follows, story), _checkpoints(story))})


def _checkpoints(story: RunStory) -> list[str]:
    """Return the paths under which results of unfinished parts were kept, before later work depended on them."""
    return [step.path for step in story.decisions if step.path.endswith(f"/{OUTCOME}")]


def _follows(story: RunStory, checkpoint: str) -> bool:
    """Return whether a kept result follows from finished steps; what a limit or a stop cut short does not."""
    record, part = story.decision(checkpoint), checkpoint.removesuffix(OUTCOME)
    is_journalled = all(step.record is not None for step in story.steps if step.path.startswith(part))
    ended = PatternResult.model_validate_json(record.text).stop_reason if record and record.text else None
    return is_journalled and ended in (StopReason.FAILED, StopReason.PARTIAL)


def never_stored(story: RunStory) -> list[str]:
    """Return what no run keeps, where this one has it."""
    lost = sum(call.attempt > 0 and call.id != step.call_id for step in story.steps for call in step.calls)
    said = [
        f"{lost} of its attempts ended without an answer that was stored."
        if lost > 1
        else "One of its attempts ended without an answer that was stored."
    ]
    return said if lost else []
