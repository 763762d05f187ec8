"""Turn a request into a plan and run it: the choice, the pattern tree, its price.

`resolve` fixes the plan (journalled, so that a resumed run takes the same one), `run_flow` runs it.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from patterns.closing import closing_quote, reserve_closing
from patterns.core.context import TaskContext
from patterns.core.errors import LimitReachedError, UserError
from patterns.core.events import Noted, PatternResult, Planned, StopReason
from patterns.core.quotes import PriceEstimate, Quote
from patterns.core.step_record import StepRecord
from patterns.handoff import EMPTY_HANDOFF
from patterns.pattern import Pattern, merge_results
from patterns.roster.consistency import ROUTER
from patterns.roster.roster import Roster
from patterns.roster.suggestions import instead_of
from patterns.router import RouteDecision, decide, route_schema
from patterns.services import Services
from patterns.taken_over import quote_rest
from patterns.tools.able import workable
from patterns.trees import build_pattern, flow_tree, runnable_or_default

PLAN = "plan"
"""Where the journal keeps what was decided."""
NO_COST = PatternResult(output="", stop_reason=StopReason.COMPLETED)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person asked for explicitly; empty means the Router decides. `dry` calls nothing that acts."""

    flow: str | None = None
    agents: tuple[str, ...] = ()
    dry: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run and what it can cost: `quote` is its own, `worst_nusd` that of the whole run.

    `told` is what people are told, with `usual_nusd`, what the flow cost so far: the flow's price whichever agent of
    it the Router chose, with its choice, so that a request has the same price before and after it. `took` is the
    result of routing.
    """

    decision: RouteDecision
    pattern: Pattern
    quote: Quote
    worst_nusd: int
    told: Quote
    took: PatternResult
    usual_nusd: int | None = None

    @property
    def title(self) -> str:
        """Return the name of the flow, or of the composed pattern, for people."""
        return self.decision.flow or f"{self.decision.pattern} of {self.pattern.label}"

    @property
    def price(self) -> PriceEstimate:
        """Return the one price that people are told."""
        return PriceEstimate.of(
            typical_nusd=self.told.typical_nusd, worst_nusd=self.told.worst_nusd, usual_nusd=self.usual_nusd
        )

    @property
    def needed_nusd(self) -> int:
        """Return what must be free before it begins: every call once, and never more than the run may spend."""
        return min(self.quote.once_nusd, self.worst_nusd)


Usual = Callable[[Plan], Awaitable[int | None]]
"""Returns what a plan's flow usually costs in nano-dollars, or None when there is no history of it."""


async def resolve(
    ctx: TaskContext,
    services: Services,
    choice: Choice | None = None,
    *,
    usual: Usual | None = None,
    estimated: Plan | None = None,
) -> Plan:
    """Decide what runs, journal it, and return the plan with its highest and its usual price.

    `estimated` is the plan again if that is what is decided, without another look at its price.

    Raises:
        UserError: the person named a flow or agents that are not there or do not fit.
    """
    path = services.at(PLAN)
    kept = await services.find_decision(path)
    took = NO_COST
    if kept is not None:
        decision, took = _read(kept)
    else:
        chosen = explicit_decision(services.roster, choice or Choice())
        if chosen is None:
            routing = await decide(ctx, services)
            chosen, took = routing.decision, routing.took.model_copy(update={"output": "", "missing": ()})
        offered = services.roster if chosen.chosen_by == "person" else workable(services)
        decision = runnable_or_default(offered, chosen)[0]
        if decision.chosen_by == "default":
            took = took.model_copy(update={"notes": (decision.reason, *took.notes)})
        written = json.dumps([decision.model_dump(mode="json"), took.model_dump(mode="json")])
        decision, took = _read(await services.record_decision(path, text=written))
    services.emit(decision.routed)
    if decision.chosen_by == "default":
        services.emit(Noted(path, decision.reason))
    is_known = estimated is not None and estimated.decision == decision and took == NO_COST
    plan = estimated if estimated is not None and is_known else plan_of(ctx, services, decision, took=took)
    if usual is not None:
        plan = replace(plan, usual_nusd=await usual(plan))
    services.emit(Planned(plan.title, plan.price, plan.pattern.plan("")))
    return plan


def _read(kept: StepRecord) -> tuple[RouteDecision, PatternResult]:
    decision, took = json.loads(kept.text)
    return RouteDecision.model_validate(decision), PatternResult.model_validate(took)


def plan_of(ctx: TaskContext, services: Services, decision: RouteDecision, *, took: PatternResult = NO_COST) -> Plan:
    """Return the pattern tree and the price of a decision, without asking a model."""
    pattern = build_pattern(flow_tree(services.roster, decision))

    def whole(part: Pattern) -> Quote:
        bound = quote_rest(services, lambda place: _whole(ctx, place, decision, part, took))
        return replace(bound, worst_nusd=min(bound.worst_nusd, services.pool_nusd))

    own = told = whole(pattern)
    if decision.chosen_by != "person" and decision.flow and decision.agents:
        told = whole(build_pattern(flow_tree(services.roster, decision.model_copy(update={"agents": ()}))))
    return Plan(
        decision=decision,
        pattern=pattern,
        quote=quote_rest(services, lambda place: pattern.quote(ctx, place)),
        worst_nusd=own.worst_nusd,
        told=told,
        took=took,
    )


def _whole(ctx: TaskContext, place: Services, decision: RouteDecision, part: Pattern, took: PatternResult) -> Quote:
    """Return the price of a pattern with the choice of it and a closing summary."""
    routing = Quote() if decision.chosen_by == "person" else routing_quote(ctx, place)
    routing = replace(routing, worst_nusd=max(routing.worst_nusd, took.cost_nusd))
    return part.quote(ctx, place) + routing + replace(closing_quote(ctx, place, part), typical_nusd=0)


def routing_quote(ctx: TaskContext, services: Services) -> Quote:
    """Return the price of the Router's choice."""
    return services.runner.quote(ctx, services, agent=ROUTER, schema=route_schema(workable(services)))


async def run_flow(ctx: TaskContext, services: Services, plan: Plan) -> PatternResult:
    """Run a plan and return its result; failures are part of it. Raises only stops, parking and lost ownership."""
    place = replace(services, flow=plan.decision.flow or plan.decision.pattern)
    async with reserve_closing(ctx, place, plan.pattern) as closing:
        try:
            result = await plan.pattern.run(ctx, closing.work, EMPTY_HANDOFF)
        except LimitReachedError as error:
            result = PatternResult(output="", stop_reason=StopReason.LIMIT, notes=(str(error),))
        result = await closing.close(ctx, result)
    return merge_results((plan.took, result), output=result.output, stop_reason=result.stop_reason)


# ---------------------------------------------------------------- what a person chose


def explicit_decision(roster: Roster, choice: Choice) -> RouteDecision | None:
    """Return the decision that a person's explicit choice determines; None when the Router has to decide.

    Raises:
        UserError: it names a flow or agents that are not there or do not fit.
    """
    unknown = [agent for agent in choice.agents if agent not in roster.agents]
    if unknown:
        raise UserError(f"There is no agent {unknown[0]!r}. {instead_of(unknown[0], roster.agents, 'agents')}")
    if len(set(choice.agents)) != len(choice.agents):
        raise UserError("Name each agent once.")
    said = {"agents": choice.agents, "reason": "You chose it.", "chosen_by": "person"}
    if choice.flow is None:
        if not choice.agents:
            return None
        pattern = "router" if len(choice.agents) == 1 else "broadcast"
        return runnable_or_default(roster, RouteDecision.model_validate({**said, "pattern": pattern}))[0]
    if choice.flow not in roster.flows:
        raise UserError(f"There is no flow {choice.flow!r}. {instead_of(choice.flow, roster.flows, 'flows')}")
    if choice.agents and roster.flows[choice.flow].kind not in ("router", "broadcast"):
        raise UserError(f"{choice.flow} works with agents of its own. Leave out the names, or leave out the flow.")
    return runnable_or_default(roster, RouteDecision.model_validate({**said, "flow": choice.flow}))[0]
