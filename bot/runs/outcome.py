"""A run's outcome as it is stored, shown, redelivered after a crash, and read by the thread's next run."""

from bot.messages.views import RunState
from patterns.core.context import Frozen
from patterns.core.events import PatternResult, StopReason

_STATES = {
    StopReason.COMPLETED: RunState.DONE,
    StopReason.CANCELLED: RunState.STOPPED,
    StopReason.FAILED: RunState.FAILED,
}


class RunOutcome(Frozen):
    """How a run ended, with enough to deliver it again after a crash. `needed_nusd` is set on a refusal."""

    result: PatternResult
    needed_nusd: int = 0

    @property
    def state(self) -> RunState:
        """Return the state for the root message."""
        if self.needed_nusd:
            return RunState.REFUSED
        partly = RunState.PARTIAL if self.result.output else RunState.FAILED
        return _STATES.get(self.result.stop_reason, partly)
