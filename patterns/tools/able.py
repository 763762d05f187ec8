"""Who can work with the models that answer here: one that cannot use tools is not asked for what needs them."""

from dataclasses import replace

from patterns.roster.roster import Roster
from patterns.roster.schema import Node, children
from patterns.services import Services
from patterns.tools.offer import allowed_tools


def is_able(services: Services, agent: str) -> bool:
    """Return whether an agent's model can use the tools that it has here; a search is part of a model's own call."""
    model = services.roster.models[services.roster.agent(agent).model]
    return model.uses_tools or all(spec.search for spec in allowed_tools(services, agent))


def can_work(services: Services, node: Node) -> bool:
    """Return whether everybody in a tree is able to do their work; of those to choose from, one is enough."""
    needed = [node.agent] if node.agent else []
    if node.broadcast and node.broadcast.synthesizer:
        needed.append(node.broadcast.synthesizer)
    if node.supervisor:
        needed.append(node.supervisor.reviewer)
    if node.router and not any(is_able(services, agent) for agent in node.router.agents):
        return False
    return all(is_able(services, agent) for agent in needed) and all(
        can_work(services, child) for _, child in children(node)
    )


def workable(services: Services) -> Roster:
    """Return the roster with the flows and agents that can work here, one of them its default; all if no flow can."""
    roster = services.roster
    if all(model.uses_tools for model in roster.models.values()):
        return roster
    flows = {name: flow for name, flow in roster.flows.items() if can_work(services, flow)}
    if not flows:
        return roster
    default = roster.router.default if roster.router.default in flows else next(iter(flows))
    return replace(
        roster,
        flows=flows,
        agents={name: agent for name, agent in roster.agents.items() if is_able(services, name)},
        router=roster.router.model_copy(update={"default": default}),
    )
