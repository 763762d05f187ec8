"""The roster as people see it in lists and forms, and what each flow costs where they ask."""

import asyncio
from dataclasses import replace

import structlog

from bot.messages.flow_diagram import flow_diagram, limits_line
from bot.messages.list_views import AgentLine, Catalog, FlowLine
from bot.runs.engine import Engine
from patterns.core.holds import Payer
from patterns.roster.consistency import agents_in
from patterns.roster.schema import Flow

log = structlog.get_logger()


class RosterCatalog:
    """The catalog of an engine, and the import that its prices need."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._catalog = catalog_of(engine)

    async def load(self, connected: asyncio.Event) -> None:
        """Import litellm and price the flows, both in a thread, once the bot is connected.

        Raises:
            RosterError: a flow cannot be priced.
            ImportError: litellm cannot be imported.
        """
        await connected.wait()
        begun_s = self._engine.clock.monotonic()
        await self._engine.client.warm()
        await asyncio.to_thread(self._engine.check_prices)
        log.info("models_loaded", seconds=round(self._engine.clock.monotonic() - begun_s, 1))

    def current(self) -> Catalog:
        """Return flows and agents; what a flow costs depends on who asks where (`priced_flows`)."""
        return self._catalog


def catalog_of(engine: Engine) -> Catalog:
    """Return the flows, without prices, and the agents with their models."""
    roster = engine.roster
    return Catalog(
        flows=tuple(
            FlowLine(
                name,
                flow.description,
                agents=tuple(dict.fromkeys(agents_in(flow))),
                choices=choices_of(flow),
                diagram=flow_diagram(roster, flow),
                example=next(iter(flow.examples), ""),
            )
            for name, flow in roster.flows.items()
        ),
        agents=tuple(
            AgentLine(name, agent.description, roster.models[agent.model].model)
            for name, agent in roster.agents.items()
        ),
        model_note=engine.model_note,
        limits=limits_line(roster.limits),
        default_flow=roster.router.default,
        acts=any(not spec.read_only for agent in roster.agents for spec in roster.tools_of(agent)),
    )


async def priced_flows(engine: Engine, payer: Payer) -> tuple[FlowLine, ...]:
    """Return the flows with what each costs where this is paid.

    One that may not be used there has no price, and none has one while litellm is still being imported.
    """
    flows = catalog_of(engine).flows
    if not engine.client.is_warm:
        return flows
    plans = await engine.quote_flows(payer, [flow.name for flow in flows])
    return tuple(replace(flow, price=plan.price if plan else None) for flow, plan in zip(flows, plans, strict=True))


def choices_of(flow: Flow) -> tuple[str, ...]:
    """Return the agents of a flow that a person can name: those a router picks from, and single voices."""
    if flow.router:
        return flow.router.agents
    voices = flow.broadcast.agents if flow.broadcast else ()
    return tuple(voice.agent for voice in voices if voice.agent)
