"""Turn a request into a plan and run it: the choice, the pattern tree, its price.

`resolve` fixes the plan (journalled, so that a resumed run takes the same one), `run_flow` runs it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from patterns.broadcast import Broadcast
from patterns.closing import closing_quote, reserve_closing
from patterns.core.context import TaskContext
from patterns.core.errors import LimitReachedError, UserError
from patterns.core.events import Noted, PatternResult, Planned, StopReason
from patterns.core.quotes import PriceEstimate, Quote
from patterns.core.step_record import StepRecord
from patterns.handoff import EMPTY_HANDOFF
from patterns.pattern import Pattern, Solo, merge_results
from patterns.pipeline import Pipeline
from patterns.roster.consistency import ROUTER, node_mistakes
from patterns.roster.roster import Roster
from patterns.roster.schema import PATTERNS, BroadcastNode, Node, RouterNode, Stage, SupervisorNode
from patterns.roster.suggestions import instead_of
from patterns.router import RouteDecision, Router, decide, route_schema
from patterns.services import Services
from patterns.supervisor import Supervisor
from patterns.taken_over import quote_rest
from patterns.tools.able import workable

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


# ---------------------------------------------------------------- trees


def flow_tree(roster: Roster, decision: RouteDecision) -> Node:
    """Return the roster's flow narrowed to the named agents, or the pattern composed from them."""
    if not decision.flow:
        return _composed(roster, decision.pattern, decision.agents)
    flow = roster.flows[decision.flow]
    if decision.agents and flow.router:
        return Node(router=RouterNode(agents=decision.agents))
    if decision.agents and flow.broadcast:
        voices = tuple(Node(agent=agent) for agent in decision.agents)
        policy = flow.broadcast.on_failure
        fewer = policy.model_copy(update={"quorum": min(policy.quorum, len(voices))})
        return Node(broadcast=flow.broadcast.model_copy(update={"agents": voices, "on_failure": fewer}))
    return flow


def _composed(roster: Roster, pattern: str, agents: tuple[str, ...]) -> Node:
    if pattern == "pipeline":
        return Node(pipeline=tuple(Stage(agent=agent) for agent in agents))
    if pattern == "broadcast":
        synthesizer = roster.router.synthesizer
        voices = tuple(Node(agent=agent) for agent in agents)
        collect = "synthesis" if synthesizer else "list"
        return Node(broadcast=BroadcastNode(agents=voices, synthesizer=synthesizer, collect=collect))
    if pattern == "supervisor":
        return Node(supervisor=SupervisorNode(worker=Node(agent=agents[0]), reviewer=agents[1]))
    return Node(router=RouterNode(agents=agents))


AGENTS_OF: Mapping[str, tuple[int, int | None]] = {
    "router": (1, None),
    "pipeline": (2, None),
    "broadcast": (2, None),
    "supervisor": (2, 2),
}
"""How many agents a composed pattern needs, and takes at most."""


def runnable_or_default(roster: Roster, decision: RouteDecision) -> tuple[RouteDecision, str]:
    """Return the decision if its tree can run, else the default flow with a sentence that says so.

    What the Router says was validated against a schema of the roster's names; this does not rely on it.

    Raises:
        UserError: a person chose agents that cannot work together.
    """
    if _can_run(roster, decision):
        return decision, ""
    if decision.chosen_by == "person":
        raise UserError(f"{', '.join(decision.agents)} cannot work together like that. Try fewer agents, or a flow.")
    who = ", ".join(decision.agents) or "no agent"
    what = f"{decision.flow or decision.pattern} of {who}"
    note = f"The Router wanted {what}, which cannot work, so this is the default flow."
    return RouteDecision(flow=roster.router.default, confidence=0.0, chosen_by="default", reason=note), note


def _can_run(roster: Roster, decision: RouteDecision) -> bool:
    if decision.flow and not decision.agents:
        return decision.flow in roster.flows
    composable = AGENTS_OF if decision.chosen_by == "person" else roster.router.patterns
    if decision.flow not in roster.flows if decision.flow else decision.pattern not in composable:
        return False
    fewest, most = (0, None) if decision.flow else AGENTS_OF[decision.pattern]
    count = len(decision.agents)
    return fewest <= count <= (most or count) and not node_mistakes(roster, roster.prompts, flow_tree(roster, decision))


def build_pattern(node: Node) -> Pattern:
    """Return the pattern of a roster node, with everything nested in it."""
    if node.router:
        agents = node.router.agents
        return Router(agents, chosen=agents[0] if len(agents) == 1 else None)
    if node.pipeline:
        return Pipeline(
            tuple(build_pattern(stage) for stage in node.pipeline), tuple(stage.share for stage in node.pipeline)
        )
    if node.broadcast:
        fan = node.broadcast
        synthesizer = fan.synthesizer if fan.collect == "synthesis" else None
        return Broadcast(tuple(build_pattern(voice) for voice in fan.agents), synthesizer, fan.on_failure)
    if node.supervisor:
        team = node.supervisor
        return Supervisor(
            worker=build_pattern(team.worker),
            reviewer=team.reviewer,
            rounds=team.rounds,
            acceptance=team.acceptance,
            human=team.human,
            deadline_s=team.deadline_s,
            reminder_s=team.reminder_s,
            approvers=team.approvers,
        )
    return Solo(node.agent or "")


def kind_of(roster: Roster, decision: RouteDecision) -> str:
    """Return the pattern of a decision, one of PATTERNS or `agent`."""
    return flow_tree(roster, decision).kind if decision.flow or decision.pattern in PATTERNS else "agent"
