"""The closing summary: one short text of the finished stages, when a limit cuts a run short.

When to use it: the texts add up, as the stages of a pipeline do. Drafts of a supervisor replace each other, so there
the best one with its open criteria is the better answer, and a broadcast has its synthesis. How it fails: what exists
is returned as it is. What it costs: one step of the roster's `router.synthesizer`, whose money, step and time are
reserved only where the whole plan fits beside them, so that the reservation never causes the limit.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from patterns.core.context import TaskContext
from patterns.core.errors import BudgetExceededError
from patterns.core.events import PatternResult, StopReason
from patterns.core.holds import Hold
from patterns.core.quotes import Quote
from patterns.envelopes import release_envelopes, reserved, with_envelope
from patterns.handoff import Handoff
from patterns.pattern import Pattern, merge_results, run_agent
from patterns.pipeline import Pipeline
from patterns.roster.prompts import PromptPiece
from patterns.services import Services
from patterns.supervisor import Supervisor

CLOSING = "closing"
"""Where its money and its step stand. What it sums up is part of the step's path: with more money the run goes on."""
PLAN = "plan"
"""Reserved beside it for a moment, to see that both fit."""
CLOSING_TIME = 0.1
"""The part of the time left that the work may not use up."""
TEXTS_MIN = 2
_LIMITS = (StopReason.BUDGET, StopReason.LIMIT, StopReason.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Closing:
    """The services for the work up to a limit (`work`) and for the summary after it (`place`)."""

    work: Services
    place: Services
    agent: str | None = None
    envelope: Hold | None = None

    async def close(self, ctx: TaskContext, result: PatternResult) -> PatternResult:
        """Return the result with its texts summarised, if a limit left at least two of them."""
        parts, result = result.parts, result.model_copy(update={"parts": ()})
        if self.agent is None or result.stop_reason not in _LIMITS or len(parts) < TEXTS_MIN:
            return result
        texts = [PromptPiece(part.name, part.text) for part in parts]
        silent = [PromptPiece(voice.name, missing=voice.reason) for voice in result.missing]
        name = hashlib.sha256("\0".join(part.text for part in parts).encode()).hexdigest()[:8]
        is_kept = self.envelope is not None and not self.place.ledger.is_refused(self.envelope)
        place = with_envelope(self.place, self.envelope if is_kept else None).child(CLOSING, name, may_stream=False)
        said = (await run_agent(ctx, place, agent=self.agent, handoff=Handoff(voices=(*texts, *silent)))).result
        if not said.output:
            return result.model_copy(update={"cost_nusd": result.cost_nusd + said.cost_nusd})
        whole = merge_results((result, said), output=said.output, stop_reason=result.stop_reason)
        return whole.model_copy(update={"notes": (*whole.notes, f"{self.agent} summed up what there was.")})


@asynccontextmanager
async def reserve_closing(ctx: TaskContext, place: Services, pattern: Pattern) -> AsyncIterator[Closing]:
    """Reserve the money, the step and the time of a closing summary while the block runs."""
    agent = place.roster.router.synthesizer if can_be_summarised(pattern) else None
    steps = len(pattern.plan(""))
    if agent is None or place.meter.steps + steps >= place.meter.steps_max:
        yield Closing(place, place, agent)
        return
    time_s = min(place.roster.agent(agent).timeout_s, CLOSING_TIME * max(0.0, place.left_s))
    work = replace(place, deadline=place.deadline - time_s, steps_kept=1)
    parts = {CLOSING: closing_quote(ctx, place, pattern).once_nusd, PLAN: pattern.quote(ctx, place).once_nusd}
    async with AsyncExitStack() as kept:
        try:
            envelopes = await kept.enter_async_context(reserved(place, parts, joined=True))
        except BudgetExceededError:
            closing = Closing(place, place, agent)
        else:
            await release_envelopes(place, [envelopes[PLAN]])
            closing = Closing(work, place, agent, envelopes[CLOSING])
        yield closing


def can_be_summarised(pattern: Pattern) -> bool:
    """Return whether a limit can leave several texts of this pattern that belong together."""
    match pattern:
        case Pipeline(stages=stages):
            return len(stages) > TEXTS_MIN
        case Supervisor(worker=worker):
            return can_be_summarised(worker)
        case _:
            return False


def closing_quote(ctx: TaskContext, place: Services, pattern: Pattern) -> Quote:
    """Return what the closing summary adds to the price bound of a plan."""
    agent = place.roster.router.synthesizer if can_be_summarised(pattern) else None
    return Quote() if agent is None else place.runner.quote(ctx, place, agent=agent)
