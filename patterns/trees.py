"""The trees of patterns: what the roster, a person or the Router names becomes nodes, and the nodes become patterns."""

from collections.abc import Mapping

from patterns.broadcast import Broadcast
from patterns.core.errors import UserError
from patterns.pattern import Pattern, Solo
from patterns.pipeline import Pipeline
from patterns.roster.consistency import node_mistakes
from patterns.roster.roster import Roster
from patterns.roster.schema import PATTERNS, BroadcastNode, Node, RouterNode, Stage, SupervisorNode
from patterns.router import RouteDecision, Router
from patterns.supervisor import Supervisor

AGENTS_OF: Mapping[str, tuple[int, int | None]] = {
    "router": (1, None),
    "pipeline": (2, None),
    "broadcast": (2, None),
    "supervisor": (2, 2),
}
"""How many agents a composed pattern needs, and takes at most."""


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
