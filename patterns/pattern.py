"""The protocol of every pattern, and the smallest one: a single agent.

When to use the single agent: whenever one will do. How it fails: as a PatternResult without output, or with the part
that was already shown. What it costs: one step.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from patterns.core.context import TaskContext
from patterns.core.errors import BudgetExceededError, LimitReachedError
from patterns.core.events import MissingVoice, PatternResult, Refusal, StopReason
from patterns.core.money import format_usd
from patterns.core.quotes import Quote
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.core.structured import parse
from patterns.handoff import EMPTY_HANDOFF, Handoff
from patterns.services import Services, join

LOOP = "The model of {agent} began to repeat itself, so it was stopped; its text ends where the repetition began."
PAUSED = "The provider of {agent}'s model paused in a long search, so its text ends where it stood then."
UNCERTAIN_NOTE = "Nobody can tell whether the provider billed a lost call of {agent}, so {amount} is counted for it."

USABLE_REASONS = (StopReason.COMPLETED, StopReason.PARTIAL, StopReason.BUDGET, StopReason.LIMIT, StopReason.TIMEOUT)
"""With one of these and some output, later work can build on a result."""


class Pattern(Protocol):
    """A way for agents to work together. A failure is returned in the result, never raised."""

    @property
    def label(self) -> str:
        """Return the name for people and in later prompts."""
        ...

    async def run(self, ctx: TaskContext, services: Services, handoff: Handoff = EMPTY_HANDOFF) -> PatternResult:
        """Do the work at the place that `services` describes and return how it ended."""
        ...

    def quote(self, ctx: TaskContext, services: Services) -> Quote:
        """Return the price bound, without asking a model."""
        ...

    def plan(self, path: str) -> tuple[tuple[str, str], ...]:
        """Return the steps people will see, each as path and label."""
        ...


@dataclass(frozen=True, slots=True)
class AgentOutcome:
    """The result of an agent's step; `data` is the parsed answer where a schema was asked for and matched."""

    result: PatternResult
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Solo:
    """One agent, one step."""

    agent: str

    @property
    def label(self) -> str:
        """Return the agent's name."""
        return self.agent

    async def run(self, ctx: TaskContext, services: Services, handoff: Handoff = EMPTY_HANDOFF) -> PatternResult:
        """Run the agent's step and return how it ended."""
        return (await run_agent(ctx, services, agent=self.agent, handoff=handoff)).result

    def quote(self, ctx: TaskContext, services: Services) -> Quote:
        """Return the price bound of one step."""
        return services.runner.quote(ctx, services, agent=self.agent)

    def plan(self, path: str) -> tuple[tuple[str, str], ...]:
        """Return the one step as path and label."""
        return ((join(path, self.agent), self.agent),)


async def run_agent(
    ctx: TaskContext,
    services: Services,
    *,
    agent: str,
    handoff: Handoff,
    schema: Mapping[str, Any] | None = None,
) -> AgentOutcome:
    """Run one step of an agent and return every way it can end as a value."""
    path = services.at(agent)
    try:
        record = await services.runner.step(ctx, services, agent=agent, path=path, handoff=handoff, schema=schema)
    except (BudgetExceededError, LimitReachedError) as error:
        return AgentOutcome(_stopped(agent, error))
    doubt = int(record.data.get("uncertain_nusd", 0))
    notes = (UNCERTAIN_NOTE.format(agent=agent, amount=format_usd(doubt)),) if doubt else ()
    if record.outcome == "failed":
        return AgentOutcome(_failed(record, notes))
    if avoided := record.data.get("avoided"):
        why = Reason.CIRCUIT_OPEN.statement(model=str(avoided), since=str(record.data.get("since", "")))
        notes = (*notes, f"{why} {record.model} answered instead.")
    if record.finish_reason == "length":
        notes = (*notes, f"The text of {agent} was cut at its length limit.")
    unfinished = {"repetition": LOOP, "paused": PAUSED}.get(record.finish_reason, "")
    if unfinished:
        notes = (*notes, unfinished.format(agent=agent))
    stop_reason = StopReason.PARTIAL if unfinished else StopReason.COMPLETED
    result = PatternResult(
        output=record.text, stop_reason=stop_reason, steps=1, cost_nusd=record.spent_nusd, notes=notes
    )
    return AgentOutcome(result, None if schema is None else parse(record.text, schema))


def _stopped(agent: str, error: BudgetExceededError | LimitReachedError) -> PatternResult:
    if isinstance(error, BudgetExceededError):
        why = error.reason
        # A model that was taken out of use is no matter of budget: no grant helps, another model would.
        ended = StopReason.FAILED if why is Reason.QUARANTINED else StopReason.BUDGET
    else:
        ended, why = (StopReason.TIMEOUT if error.limit is Reason.RUN_S else StopReason.LIMIT), error.limit
    return PatternResult(
        output="",
        stop_reason=ended,
        cost_nusd=error.spent_nusd,
        missing=(MissingVoice(name=agent, reason=why.clause()),),
        notes=(str(error),),
        refusal=Refusal.of(error) if isinstance(error, BudgetExceededError) else None,
    )


def _failed(record: StepRecord, notes: tuple[str, ...]) -> PatternResult:
    tries = f" ({record.attempts} tries)" if record.attempts > 1 else ""
    reason = Reason(record.reason)
    why = reason.clause(since=str(record.data.get("since", ""))) + tries
    if fix := record.data.get("fix"):
        why += f". {str(fix).rstrip('.')}"
    shown = "" if reason is Reason.INVALID_OUTPUT else record.text
    return PatternResult(
        output=shown,
        stop_reason=StopReason.PARTIAL if shown else StopReason.FAILED,
        steps=1,
        cost_nusd=record.spent_nusd,
        missing=(MissingVoice(name=record.agent, reason=why),),
        notes=(*notes, f"The answer of {record.agent} broke off: {why}.") if shown else notes,
    )


def merge_results(results: Iterable[PatternResult], *, output: str, stop_reason: StopReason) -> PatternResult:
    """Return one result over several: steps and costs are summed, missing parts and notes are kept once each."""
    parts = tuple(results)
    return PatternResult(
        output=output,
        stop_reason=stop_reason,
        steps=sum(part.steps for part in parts),
        cost_nusd=sum(part.cost_nusd for part in parts),
        missing=tuple(dict.fromkeys(missing for part in parts for missing in part.missing)),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        refusal=_decisive(part.refusal for part in parts),
    )


def _decisive(refusals: Iterable[Refusal | None]) -> Refusal | None:
    """Return the refusal that decides how a run goes on: one that a grant mends, then a monthly one, then the last."""
    known = [refusal for refusal in refusals if refusal is not None]
    return max(reversed(known), key=lambda refusal: (refusal.can_be_granted, refusal.is_monthly), default=None)


async def run_or_resume(
    ctx: TaskContext, place: Services, part: Pattern, handoff: Handoff, *, outcome: str
) -> PatternResult:
    """Run a part that later work depends on, or return the checkpoint of it from before an interruption."""
    found = await place.find_decision(outcome)
    return PatternResult.model_validate_json(found.text) if found else await part.run(ctx, place, handoff)


async def checkpoint(services: Services, result: PatternResult, *, outcome: str) -> None:
    """Journal a result before later work depends on it.

    Refusals and timeouts are no journalled steps, so a resumed run could end them differently and no longer match the
    steps that follow.
    """
    if result.stop_reason is not StopReason.COMPLETED:
        await services.record_decision(outcome, text=result.model_dump_json())
