"""`agents doctor --call`: one token of every model of the roster, held and settled like every other call."""

from dataclasses import dataclass, replace

from bot.cli.shell import accept, owner, payer_for
from bot.runs.bootstrap import open_engine
from bot.runs.by_hand import DOCTOR, by_hand
from bot.runs.context import payer_context
from bot.runs.engine import Engine
from bot.runs.engine_parts import NullEventSink
from bot.runs.model_selection import ModelChoice
from bot.runs.orphaned_shell_runs import finish
from bot.runs.run_setup import Setup, keep_setup
from bot.settings import Settings
from patterns.agent import AgentRunner
from patterns.core.errors import AgentsError, RunLostError
from patterns.core.events import PatternResult, StopReason
from patterns.core.reasons import Reason
from patterns.core.tools import NOTHING_ON
from patterns.handoff import EMPTY_HANDOFF
from patterns.models.client import LiteLLMClient
from patterns.roster.prompts import prompt
from patterns.roster.roster import AgentSpec, Roster
from patterns.services import Services, open_services
from storage.run_rows import RunRow

CHANNEL = "terminal"
TIMEOUT_S = 30.0
_PROMPT = "inline-doctor"
_ASKED = "You are being tried out.\n=== user\nSay yes. {{ request }}"
_WORKED = frozenset({Reason.EMPTY, Reason.THINKING})
"""Reasons of failed steps that a single token has even when the model works."""


@dataclass(frozen=True, slots=True)
class Called:
    """What came of a model's call: in words what went wrong, or nothing."""

    failure: str
    seconds: float
    cost_nusd: int


async def call_each(settings: Settings, choice: ModelChoice | None) -> dict[str, Called]:
    """Return what each model of the roster did when asked for one token.

    Raises:
        AgentsError: the ledger cannot be opened.
    """
    async with open_engine(settings, choice) as engine:
        names = tuple(engine.roster.models)
        payer = await payer_for(engine, CHANNEL)
        run_id = await accept(engine, payer, f"doctor: {len(names)} models", by_hand(DOCTOR))
        run = await engine.store.claim(run_id, owner=owner(), lease_s=TIMEOUT_S * 3 * len(names))
        if run is None:
            raise RunLostError
        ending = StopReason.CANCELLED
        try:
            # Each by itself: a fallback that answers would hide the model that does not.
            alone = {name: replace(spec, fallback=()) for name, spec in engine.roster.models.items()}
            async with LiteLLMClient(alone, settings.env) as client:
                services = _services(engine, run, client, roster=_roster(engine.roster))
                await keep_setup(services, (), Setup.of(services.roster, client, client, NOTHING_ON))
                called = {name: await _call(services, run, name) for name in names}
            ending = StopReason.COMPLETED
            return called
        finally:
            await finish(engine, run, PatternResult(output="", stop_reason=ending))


async def _call(services: Services, run: RunRow, name: str) -> Called:
    ctx = payer_context(run.payer, run_id=run.id)
    started = services.clock.monotonic()
    try:
        step = await services.runner.step(ctx, services, agent=name, path=f"doctor/{name}", handoff=EMPTY_HANDOFF)
    except AgentsError as error:
        return Called(str(error).rstrip("."), 0.0, 0)
    failure = "" if step.outcome == "ok" or step.reason in _WORKED else Reason(step.reason).clause()
    return Called(failure, services.clock.monotonic() - started, step.cost_nusd)


def _roster(roster: Roster) -> Roster:
    """Return the roster with one agent for each model, called like it, and room for all of them."""
    agents = {
        name: AgentSpec(
            description="Says one token.", model=name, prompt=_PROMPT, max_output_tokens=1, timeout_s=TIMEOUT_S
        )
        for name in roster.models
    }
    limits = replace(roster.limits, steps=len(agents) * 3, run_s=TIMEOUT_S * 3 * len(agents))
    return replace(roster, agents=agents, limits=limits, prompts={_PROMPT: prompt(_PROMPT, _ASKED)})


def _services(engine: Engine, run: RunRow, client: LiteLLMClient, *, roster: Roster) -> Services:
    return open_services(
        runner=AgentRunner(client),
        ledger=engine.ledger,
        journal=engine.journal,
        decisions=engine.questions,
        events=NullEventSink(),
        clock=engine.clock,
        roster=roster,
        payer=run.payer,
        fence=run.fence,
    )
