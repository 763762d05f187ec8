"""Pipeline: stages in order, each refining what the ones before it handed on.

When to use it: research, then draft, then polish; each stage needs the last one's text. How it fails: a stage without
output ends it cleanly, and what exists is returned with a label. What it costs: the sum of its stages; each may spend
its share of one pool plus what earlier stages left, so that an early stage cannot starve a later one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from patterns.core.context import TaskContext
from patterns.core.events import FinishedText, MissingVoice, PatternResult, StopReason
from patterns.core.quotes import Quote
from patterns.core.reasons import Reason
from patterns.handoff import EMPTY_HANDOFF, Handoff
from patterns.pattern import USABLE_REASONS, Pattern, checkpoint, merge_results, run_or_resume
from patterns.roster.prompts import PromptPiece
from patterns.services import Services, join


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages with their shares of the pool; None shares what the others leave."""

    stages: tuple[Pattern, ...]
    shares: tuple[Decimal | None, ...]

    @property
    def label(self) -> str:
        """Return the labels of the stages in order."""
        return " → ".join(stage.label for stage in self.stages)

    async def run(self, ctx: TaskContext, services: Services, handoff: Handoff = EMPTY_HANDOFF) -> PatternResult:
        """Run the stages until one leaves no usable text, and return how far they came."""
        inner = services.nested("pipeline")
        limits = cumulative_limits(self.shares, inner.pool_nusd)
        done: list[PatternResult] = []
        material = handoff.material
        for number, (stage, limit_nusd) in enumerate(zip(self.stages, limits, strict=True), start=1):
            is_last = number == len(self.stages)
            spent_nusd = sum(result.cost_nusd for result in done)
            place = inner.child(number, limit_nusd=limit_nusd - spent_nusd, may_stream=is_last)
            given = handoff.model_copy(update={"material": material})
            result = await run_or_resume(ctx, place, stage, given, outcome=place.at("outcome"))
            done.append(result)
            if not result.output or result.stop_reason not in USABLE_REASONS:
                break
            if not is_last:
                await checkpoint(place, result, outcome=place.at("outcome"))
            material = (*material, PromptPiece(stage.label, result.output))
        return self._result(done)

    def _result(self, done: Sequence[PatternResult]) -> PatternResult:
        last, unreached = done[-1], self.stages[len(done) :]
        output = next((result.output for result in reversed(done) if result.output), "")
        reason = last.stop_reason
        if reason in (StopReason.COMPLETED, StopReason.FAILED) and output:
            whole = all(result.stop_reason is StopReason.COMPLETED for result in done)
            reason = StopReason.COMPLETED if whole else StopReason.PARTIAL
        result = merge_results(done, output=output, stop_reason=reason)
        if last.output and not unreached:
            return result
        stopped = MissingVoice(name=self.stages[len(done) - 1].label, reason=Reason.UNFINISHED.clause())
        late = tuple(MissingVoice(name=stage.label, reason=Reason.NOT_REACHED.clause()) for stage in unreached)
        missing = result.missing if last.missing else (*result.missing, stopped)
        finished = len(done) - (not last.output)
        note = f"This is the work of {finished} of {len(self.stages)} stages; {self.stages[finished].label} is missing."
        notes = (*result.notes, note) if output else result.notes
        parts = tuple(
            FinishedText(name=stage.label, text=result.output)
            for stage, result in zip(self.stages, done, strict=False)
            if result.output
        )
        return result.model_copy(update={"missing": (*missing, *late), "notes": notes, "parts": parts})

    def quote(self, ctx: TaskContext, services: Services) -> Quote:
        """Return the sum of the stages."""
        return sum((stage.quote(ctx, services) for stage in self.stages), Quote())

    def plan(self, path: str) -> tuple[tuple[str, str], ...]:
        """Return the steps of every stage, each as path and label."""
        parts = (stage.plan(join(path, "pipeline", number)) for number, stage in enumerate(self.stages, start=1))
        return tuple(step for part in parts for step in part)


def cumulative_limits(shares: Sequence[Decimal | None], pool_nusd: int) -> list[int]:
    """Return in nano-dollars what all stages up to each one may spend together; the last may use the whole pool."""
    given = sum((share for share in shares if share is not None), Decimal(0))
    missing = sum(share is None for share in shares)
    rest = (1 - given) / missing if missing else Decimal(0)
    limits: list[int] = []
    total = Decimal(0)
    for share in shares:
        total += rest if share is None else share
        limits.append(min(pool_nusd, int(total * pool_nusd)))
    return [*limits[:-1], pool_nusd]
