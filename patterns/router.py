"""Router: one request, one flow or one specialist, chosen by intent.

When to use it: many kinds of requests arrive in one place. It never does the work itself. How it fails: when it is
unsure, unreadable or unreachable, it takes the default and says so; names that are not in the roster do not parse, and
a person's own choice is never overruled. What it costs: one short step of a small model, none when there is no choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from patterns.core.context import Frozen, TaskContext
from patterns.core.events import Noted, PatternResult, Routed
from patterns.core.quotes import Quote
from patterns.handoff import EMPTY_HANDOFF, Handoff
from patterns.pattern import AgentOutcome, Solo, merge_results, run_agent
from patterns.roster.consistency import ROUTER
from patterns.roster.roster import Roster
from patterns.roster.schema import Flow
from patterns.services import Services, join
from patterns.tools.able import is_able, workable

REASON_CHARS = 300
ROUTE = "route"
"""Where the choice of a flow stands in the journal, and the flow it is billed as."""

COMPOSED = {
    "router": "one answers",
    "pipeline": "they work in order, each on what the one before handed on",
    "broadcast": "they answer side by side and are brought together",
    "supervisor": "the first writes, the second reviews, until it is good",
}
"""What the Router may compose from agents itself when no flow of the roster fits."""


class RouteDecision(Frozen):
    """What runs: a flow of the roster, or a pattern over agents; with the reason, the confidence and who chose it."""

    flow: str = ""
    pattern: str = ""
    agents: tuple[str, ...] = ()
    confidence: float = 1.0
    reason: str = ""
    chosen_by: Literal["person", "router", "default"] = "router"

    @property
    def routed(self) -> Routed:
        """Return the decision as an event."""
        name = self.flow or self.pattern
        return Routed(name, self.agents, self.confidence, self.reason, self.chosen_by)


@dataclass(frozen=True, slots=True)
class Routing:
    """A decision with the result of the routing step."""

    decision: RouteDecision
    took: PatternResult


async def decide(ctx: TaskContext, services: Services) -> Routing:
    """Ask the Router for a flow, or a pattern with agents; return the default flow when it fails or is unsure."""
    roster = workable(services)
    handoff = Handoff(flows=flows_text(roster), agents=agents_text(roster, roster.agents))
    place = replace(services.child(ROUTE), flow=ROUTE)
    said = await run_agent(ctx, place, agent=ROUTER, handoff=handoff, schema=route_schema(roster))
    default = RouteDecision(flow=roster.router.default, confidence=0.0, chosen_by="default")
    chosen = _read(roster, said.data) if said.data else default
    if said.data is None or chosen.confidence < roster.router.min_confidence:
        why = f"{_why_default(said, chosen.confidence)}, so this is the default flow."
        chosen = default.model_copy(update={"reason": why, "confidence": chosen.confidence})
    return Routing(chosen, said.result)


def _why_default(said: AgentOutcome, confidence: float) -> str:
    if said.data is None:
        return f"The Router could not choose ({said.result.missing[0].reason})"
    return f"The Router was not sure ({confidence:.2f})"


def _read(roster: Roster, data: Mapping[str, Any]) -> RouteDecision:
    name, agents = data["flow"], tuple(dict.fromkeys(data["agents"]))[: roster.router.agents_max]
    confidence, reason = float(data["confidence"]), data["reason"][:REASON_CHARS]
    if name not in roster.flows:
        return RouteDecision(pattern=name, agents=agents, confidence=confidence, reason=reason)
    allowed = roster.flows[name].router.agents if roster.flows[name].router else ()  # type: ignore[union-attr]
    fitting = tuple(agent for agent in agents if agent in allowed and agent in roster.agents)[:1]
    return RouteDecision(flow=name, agents=fitting, confidence=confidence, reason=reason)


def route_schema(roster: Roster) -> dict[str, Any]:
    """Return the JSON Schema of a routing answer, which admits only names of this roster."""
    composed = [name for name in roster.router.patterns if name not in roster.flows]
    agents = {"type": "array", "items": {"type": "string", "enum": list(roster.agents)}}
    return _object(
        flow={"type": "string", "enum": [*roster.flows, *composed]},
        agents={**agents, "maxItems": roster.router.agents_max},
        confidence={"type": "number", "minimum": 0, "maximum": 1},
        reason={"type": "string"},
    )


def _choice_schema(agents: Sequence[str]) -> dict[str, Any]:
    return _object(
        agent={"type": "string", "enum": list(agents)},
        confidence={"type": "number", "minimum": 0, "maximum": 1},
        reason={"type": "string"},
    )


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def flows_text(roster: Roster) -> str:
    """Return the flows as the Router sees them, then the patterns it may compose."""
    lines = [line for name, flow in roster.flows.items() for line in _flow_lines(name, flow)]
    composed = [pattern for pattern in roster.router.patterns if pattern not in roster.flows]
    if composed:
        lines.append(f"Only if none of these fits, with at most {roster.router.agents_max} agents that you name:")
    lines += [f"- {pattern}: {COMPOSED[pattern]}" for pattern in composed]
    return "\n".join(lines)


def _flow_lines(name: str, flow: Flow) -> list[str]:
    choice = f" Agents to choose from: {', '.join(flow.router.agents)}." if flow.router else ""
    examples = [f"  e.g. {' | '.join(flow.examples)}"] if flow.examples else []
    return [f"- {name}: {flow.description}{choice}", *examples]


def agents_text(roster: Roster, names: Sequence[str] | Mapping[str, Any]) -> str:
    """Return the agents with their descriptions, a line each."""
    return "\n".join(f"- {name}: {roster.agents[name].description}" for name in names)


@dataclass(frozen=True, slots=True)
class Router:
    """Hands the request to one of its agents; `chosen` names it when it is known already."""

    agents: tuple[str, ...]
    chosen: str | None = None

    @property
    def label(self) -> str:
        """Return the agent that is known to answer, or all candidates."""
        return self.chosen or " or ".join(self.agents)

    async def run(self, ctx: TaskContext, services: Services, handoff: Handoff = EMPTY_HANDOFF) -> PatternResult:
        """Choose an agent, run it, and return its answer with the cost of both."""
        inner = services.nested("router")
        agents = self._able(services)
        if len(agents) == 1:
            return await Solo(agents[0]).run(ctx, inner, handoff)
        chosen, took = await self._choose(ctx, inner, handoff, agents)
        answer = await Solo(chosen).run(ctx, inner, handoff)
        return merge_results((took, answer), output=answer.output, stop_reason=answer.stop_reason)

    def _able(self, services: Services) -> tuple[str, ...]:
        """Return the agent that is known to answer, or those who can answer here; all of them where nobody can."""
        if self.chosen is not None:
            return (self.chosen,)
        return tuple(agent for agent in self.agents if is_able(services, agent)) or self.agents

    async def _choose(
        self, ctx: TaskContext, inner: Services, handoff: Handoff, agents: tuple[str, ...]
    ) -> tuple[str, PatternResult]:
        """Return the agent, and what choosing took, with the reason as a note when it is the default."""
        given = handoff.model_copy(update={"agents": agents_text(inner.roster, agents)})
        said = await run_agent(ctx, inner.child("choice"), agent=ROUTER, handoff=given, schema=_choice_schema(agents))
        data = said.data or {"agent": agents[0], "confidence": 0.0, "reason": "The Router could not choose."}
        sure = data["confidence"] >= inner.roster.router.min_confidence
        wanted = data["agent"] if sure else agents[0]
        kept = await inner.record_decision(inner.at("decision"), {"agent": wanted})
        chosen = str(kept.data["agent"])
        chosen_by = "router" if sure else "default"
        inner.emit(Routed(chosen, (chosen,), data["confidence"], data["reason"][:REASON_CHARS], chosen_by))
        notes = () if sure else (f"{_why_default(said, data['confidence'])}, so {chosen} took this, the first agent.",)
        for note in notes:
            inner.emit(Noted(inner.at("decision"), note))
        return chosen, said.result.model_copy(update={"missing": (), "notes": notes})

    def quote(self, ctx: TaskContext, services: Services) -> Quote:
        """Return the price of the dearest agent, typically of the mean one, plus the choice where there is one."""
        agents = self._able(services)
        quotes = [services.runner.quote(ctx, services, agent=agent) for agent in agents]
        typical_nusd = sum(quote.typical_nusd for quote in quotes) // len(quotes)
        dearest = Quote(
            max(quote.once_nusd for quote in quotes), max(quote.worst_nusd for quote in quotes), typical_nusd
        )
        if len(agents) == 1:
            return dearest
        return dearest + services.runner.quote(ctx, services, agent=ROUTER, schema=_choice_schema(agents))

    def plan(self, path: str) -> tuple[tuple[str, str], ...]:
        """Return the choice where there is one, else the agent's step."""
        if self.chosen is not None or len(self.agents) == 1:
            return Solo(self.chosen or self.agents[0]).plan(join(path, "router"))
        return ((join(path, "router", "choice", ROUTER), "choose"),)
