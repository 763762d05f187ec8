"""`agents roster show --diagram`: the flows of a roster, drawn with the limits of their agents and their prices."""

from collections.abc import Iterator
from pathlib import Path

from bot.cli.step_limits import price_services
from bot.messages.flow_diagram import flow_diagram, limits_line
from bot.messages.mrkdwn import clean
from bot.messages.price_text import price_told
from bot.runs.context import payer_context
from bot.runs.model_selection import apply_choice, provider_choice
from bot.settings import environment
from patterns.core.errors import RosterError
from patterns.core.quotes import PriceEstimate
from patterns.estimate import estimate
from patterns.flow import Choice
from patterns.models.client import LiteLLMClient
from patterns.roster.reading import read_roster_file
from patterns.services import Services


def drawn(path: Path) -> Iterator[str]:
    """Yield the lines of every flow: name, price and purpose, then its diagram.

    Raises:
        RosterError: the roster has mistakes.
    """
    env = environment()
    roster = read_roster_file(path, env=env)
    choice = provider_choice(env)
    if choice is not None:
        roster = roster.with_models(apply_choice(roster.models, choice))
    services = price_services(roster, LiteLLMClient(roster.models, env))
    for name, flow in roster.flows.items():
        price = _price(services, name)
        yield f"{name} · {price_told(price) if price else 'its price is not known here'}"
        yield clean(" ".join(flow.description.split()))
        yield from (clean(line) for line in flow_diagram(roster, flow))
        yield ""
    yield limits_line(roster.limits)


def _price(services: Services, flow: str) -> PriceEstimate | None:
    """Return what a flow costs; None where a model has no price, such as one that is chosen by keys not set here."""
    ctx = payer_context(services.payer, run_id="quote")
    try:
        return estimate(ctx, services, Choice(flow=flow)).price
    except RosterError:
        return None
