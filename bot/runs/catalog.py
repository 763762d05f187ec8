"""The roster as people see it in lists and forms, with each flow's worst-case price."""

import asyncio

import structlog

from bot.messages.list_views import AgentLine, Catalog, FlowLine
from bot.runs.engine import Engine
from patterns.core.ports import Payer
from patterns.roster.consistency import agents_in
from patterns.roster.schema import Flow

log = structlog.get_logger()

_ANYBODY = Payer.of_channel("", "")


class RosterCatalog:
    """The catalog of an engine; while litellm is being imported it has no prices."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._priced: Catalog | None = None
        self._unpriced = catalog_of(engine, priced=False)

    async def load(self, connected: asyncio.Event) -> None:
        """Import litellm and price the flows, both in a thread, once the bot is connected.

        Raises:
            RosterError: a flow cannot be priced.
            ImportError: litellm cannot be imported.
        """
        await connected.wait()
        begun_s = self._engine.clock.monotonic()
        await self._engine.client.warm()
        await asyncio.to_thread(self._price)
        log.info("models_loaded", seconds=round(self._engine.clock.monotonic() - begun_s, 1))

    def _price(self) -> None:
        self._priced = catalog_of(self._engine)

    def current(self) -> Catalog:
        """Return flows and agents, with prices once there are some."""
        if self._priced is None and self._engine.client.is_warm:
            self._price()
        return self._priced or self._unpriced


def catalog_of(engine: Engine, *, priced: bool = True) -> Catalog:
    """Return flows with the worst-case price of a short request, and agents with their models."""
    roster = engine.roster
    return Catalog(
        flows=tuple(
            FlowLine(
                name,
                flow.description,
                engine.quote_flow(_ANYBODY, name).worst_nusd if priced else None,
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
        default_flow=roster.router.default,
    )


def choices_of(flow: Flow) -> tuple[str, ...]:
    """Return the agents of a flow that a person can name: those a router picks from, and single voices."""
    if flow.router:
        return flow.router.agents
    voices = flow.broadcast.agents if flow.broadcast else ()
    return tuple(voice.agent for voice in voices if voice.agent)
