"""What stood in the way of a run that ended with less than an answer: its reasons, from result and journal. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.runs.budget_gate import refusal_of
from bot.runs.outcome import RunOutcome
from patterns.core.events import StopReason
from patterns.core.reasons import Reason, Remedy
from patterns.core.step_record import StepRecord

_ENDED_BY = {
    StopReason.CANCELLED: Reason.STOPPED,
    StopReason.LIMIT: Reason.STEPS,
    StopReason.TIMEOUT: Reason.RUN_S,
    StopReason.REJECTED: Reason.DECLINED,
}
_ORDER = (Remedy.RETRY, Remedy.CHANGE, Remedy.HELP)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A reason, with the model it happened to; the model is empty where none was involved."""

    reason: Reason
    model: str = ""


def obstacles(outcome: RunOutcome, journal: Sequence[StepRecord]) -> list[Obstacle]:
    """Return what stood in the way, the decisive one first; empty for a full answer."""
    result = outcome.result
    if result.stop_reason in _ENDED_BY:
        return [Obstacle(_ENDED_BY[result.stop_reason])]
    if result.stop_reason is StopReason.BUDGET:
        _, closed = refusal_of(journal)
        return [Obstacle(Reason(closed) if closed else Reason.BUDGET)]
    if result.stop_reason is StopReason.COMPLETED and not result.missing:
        return []
    failed = [Obstacle(Reason(step.reason), step.model) for step in journal if step.outcome == "failed"]
    told = [Obstacle(reason) for missing in result.missing if (reason := _by_clause(missing.reason))]
    return list(dict.fromkeys(failed or told)) or [Obstacle(Reason.INTERNAL)]


def remedies_of(found: Sequence[Obstacle]) -> tuple[Remedy, ...]:
    """Return what can be done about them: as the only reason says, else everything any of them allows."""
    if len({one.reason for one in found}) == 1:
        return found[0].reason.remedies
    allowed = {remedy for one in found for remedy in one.reason.remedies}
    return tuple(remedy for remedy in _ORDER if remedy in allowed)


def _by_clause(said: str) -> Reason | None:
    """Return the reason that a missing part was given in words: a hold that was refused leaves no failed step."""
    return next((reason for reason in Reason if said.startswith(reason.clause())), None)
