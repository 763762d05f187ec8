"""The roster as people see it in lists and forms, with each flow's worst-case price."""

from bot.messages.list_views import AgentLine, Catalog, FlowLine
from bot.runs.engine import Engine
from patterns.core.ports import Payer
from patterns.roster.consistency import agents_in
from patterns.roster.schema import Flow

_ANYBODY = Payer.of_channel("", "")


def catalog_of(engine: Engine) -> Catalog:
    """Return flows with the worst-case price of a short request, and agents with their models."""
    roster = engine.roster
    return Catalog(
        flows=tuple(
            FlowLine(
                name,
                flow.description,
                engine.quote_flow(_ANYBODY, name).worst_nusd,
                agents=tuple(dict.fromkeys(agents_in(flow))),
                choices=choices_of(flow),
            )
            for name, flow in roster.flows.items()
        ),
        agents=tuple(
            AgentLine(name, agent.description, roster.models[agent.model].model)
            for name, agent in roster.agents.items()
        ),
        model_note=engine.model_note,
    )


def choices_of(flow: Flow) -> tuple[str, ...]:
    """Return the agents of a flow that a person can name: those a router picks from, and single voices."""
    if flow.router:
        return flow.router.agents
    voices = flow.broadcast.agents if flow.broadcast else ()
    return tuple(voice.agent for voice in voices if voice.agent)
