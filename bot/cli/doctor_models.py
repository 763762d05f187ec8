"""The doctor's look at the roster and its models: a line each, with address, key, price and answer."""

from collections.abc import AsyncIterator, Iterator, Mapping
from decimal import Decimal

import aiohttp

from bot.cli.doctor_calls import Called, call_each
from bot.cli.findings import Finding, fail, ok, warn
from bot.cli.step_limits import tight_steps
from bot.runs.configuration import read_roster
from bot.runs.model_selection import AUTO, ModelChoice, choose, needs_choice
from bot.settings import Settings
from patterns.core.errors import AgentsError, ModelError, RosterError, UserError
from patterns.core.money import NUSD_PER_USD, Price, format_usd
from patterns.models.addresses import Access
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import ModelSpec, Roster
from patterns.tools.web import search_states

_REFUSED_KEY = frozenset({401, 403})


async def model_findings(
    settings: Settings, session: aiohttp.ClientSession, *, calls: bool = False
) -> AsyncIterator[Finding]:
    """Yield what is found about the roster and each of its models; with `calls`, each is asked for one token."""
    try:
        named = read_roster(settings, None)
    except RosterError as error:
        for line in str(error).splitlines():
            yield fail("roster", line)
        return
    counts = f"{len(named.flows)} flows, {len(named.agents)} agents, {len(named.models)} models"
    yield ok("roster", f"{settings.roster_path}: {counts}.")
    choice = None
    if needs_choice(named.models):
        try:
            choice = await choose(settings)
        except UserError as error:
            yield fail("models", str(error))
            return
    roster = read_roster(settings, choice)
    chosen = {name for name, spec in named.models.items() if spec.model == AUTO}
    called: Mapping[str, Called] = {}
    if calls:
        try:
            called = await call_each(settings, choice)
        except AgentsError as error:
            yield fail("call", f"No model was called. {error}")
    checker = _Checker(settings, session, choice=choice, chosen=chosen, called=called)
    async with LiteLLMClient(roster.models, settings.env) as client:
        for name, spec in roster.models.items():
            yield await checker.finding(client, name, spec)
        for finding in _search_findings(roster, client):
            yield finding
    for tight in tight_steps(roster, settings.env):
        yield (fail if tight.never_fits else warn)(f"agent {tight.agent}", tight.words)


def _search_findings(roster: Roster, client: LiteLLMClient) -> Iterator[Finding]:
    try:
        for state in search_states(roster, client):
            yield (warn if state.refusal else ok)(f"tools {state.tool.partition('.')[0]}", state.sentence())
    except (RosterError, ModelError):
        return  # told with the models


class _Checker:
    """Checks one model after the other; each provider's list of models is asked for once."""

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        *,
        choice: ModelChoice | None,
        chosen: set[str],
        called: Mapping[str, Called],
    ) -> None:
        self._settings = settings
        self._session = session
        self._choice = choice
        self._chosen = chosen
        self._called = called
        self._asked: dict[str, Finding] = {}

    async def finding(self, client: LiteLLMClient, name: str, spec: ModelSpec) -> Finding:
        """Return the one line about a model: the first problem it has, else all there is to know."""
        subject = f"model {name} ({spec.model})"
        try:
            price, access = client.price(name), client.access(name)
        except RosterError as error:
            return fail(subject, str(error))
        if refusal := client.refusal(name):
            return fail(subject, refusal)
        if spec.api_key_env and not access.key:
            return fail(subject, f"{spec.api_key_env} is not set, and the roster names it as its key.")
        verdict = await self._verdict(client, name)
        if verdict.level != "ok":
            return Finding(verdict.level, subject, f"{verdict.text} It is reached {_way(access)}")
        by = f"chosen by {self._choice.name}" if name in self._chosen and self._choice else ""
        known = [part for part in (by, _way(access).rstrip("."), _price_words(price)) if part]
        return ok(subject, f"{verdict.text} {'; '.join(known)}.")

    async def _verdict(self, client: LiteLLMClient, name: str) -> Finding:
        if name in self._called:
            return _spoken(self._called[name])
        listing = client.listing(name)
        if listing is None:
            return warn("", "Its provider is reached through litellm; `agents doctor --call` tries it with one token.")
        url, headers = listing
        if url not in self._asked:
            self._asked[url] = await _reached(self._session, url, headers)
        return self._asked[url]


def _spoken(called: Called) -> Finding:
    if called.failure:
        return fail("", f"A call of one token failed: {called.failure}.")
    return ok("", f"Answered a call of one token in {called.seconds:.1f} s for {format_usd(called.cost_nusd)};")


def _way(access: Access) -> str:
    """Return where a model's address and key come from."""
    base = f"at {access.api_base or 'its own address'} ({access.base_from or 'the provider itself'})"
    return f"{base}, {f'with the key in {access.key_from}' if access.key_from else 'without a key'}."


def _price_words(price: Price) -> str:
    if price.is_free:
        return f"free ({price.source})"
    rates = [f"${Decimal(rate) / NUSD_PER_USD:f}" for rate in (price.input_nusd_per_mtok, price.output_nusd_per_mtok)]
    return f"{' in and '.join(rates)} out per million tokens ({price.source})"


async def _reached(session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> Finding:
    try:
        async with session.get(url, headers=headers, allow_redirects=False) as reply:
            status = reply.status
    except (aiohttp.ClientError, TimeoutError) as error:
        return fail("", f"{url} does not answer ({type(error).__name__}). Check the address and the network.")
    if status in _REFUSED_KEY:
        return fail("", f"{url} refuses our key (HTTP {status}). Renew it.")
    return ok("", "Answers")
