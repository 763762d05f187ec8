"""What a roster's `step_usd` leaves room for: with less than a first turn and the answer cost, no step can begin."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from bot.clock import SystemClock
from bot.runs.context import payer_context
from bot.runs.engine_parts import NullEventSink
from patterns.agent import AgentRunner
from patterns.core.errors import RosterError
from patterns.core.holds import Fence, Payer
from patterns.core.money import format_usd
from patterns.core.tools import ToolRules
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import AgentSpec, Roster
from patterns.services import Services, open_services


@dataclass(frozen=True, slots=True)
class TightStep:
    """An agent whose `step_usd` is too low; `never_fits` where not even an empty request fits."""

    agent: str
    words: str
    never_fits: bool


def tight_steps(roster: Roster, env: Mapping[str, str]) -> Iterator[TightStep]:
    """Yield the agents whose steps are held to less than their first turn and an answer may cost."""
    client = LiteLLMClient(roster.models, env)
    for name, spec in roster.agents.items():
        if spec.step_nusd is None or not spec.tools:
            continue
        try:
            # Tools may be described shorter than they are priced, so what is certain leaves them out.
            least_nusd = 2 * _once_nusd(roster, client, name, spec, input_bytes_max=0, tools=())
            full_nusd = _once_nusd(roster, client, name, spec)
        except RosterError:
            continue  # a model without a price is told where models are
        given, full = format_usd(spec.step_nusd), format_usd(full_nusd)
        if spec.step_nusd < least_nusd:
            yield TightStep(name, _NEVER.format(given=given, least=format_usd(least_nusd), full=full), never_fits=True)
        elif spec.step_nusd < full_nusd:
            yield TightStep(name, _AT_TIMES.format(given=given, full=full), never_fits=False)


_NEVER = (
    "step_usd {given} is below {least}, which a first turn and an answer need at least, so no step can begin. Allow"
    " {full}."
)
_AT_TIMES = (
    "step_usd {given} is below {full}, which a first turn and an answer need where the input is as long as it can be,"
    " so a long request can be refused. Allow {full}, or lower input_bytes_max or max_output_tokens."
)


def price_services(roster: Roster, client: LiteLLMClient) -> Services:
    """Return services for prices alone, with every tool on: nothing is held, journalled or asked."""
    nowhere = cast("Any", None)
    return open_services(
        runner=AgentRunner(client),
        ledger=nowhere,
        journal=nowhere,
        decisions=nowhere,
        events=NullEventSink(),
        clock=SystemClock(),
        roster=roster,
        payer=Payer.of_channel("", ""),
        fence=Fence("quote", 0),
        tool_rules=ToolRules(enabled=None),
    )


def _once_nusd(roster: Roster, client: LiteLLMClient, agent: str, spec: AgentSpec, **changes: object) -> int:
    """Return what a step needs to begin: a turn, or with tools a first one, a call and the answer, without a cap."""
    free = spec.model_copy(update={"step_nusd": None, **changes})
    services = price_services(replace(roster, agents={**roster.agents, agent: free}), client)
    return services.runner.quote(payer_context(services.payer, run_id="quote"), services, agent=agent).once_nusd
