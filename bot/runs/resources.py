"""Resources that a request brings: read once from the servers that are on where it works, and kept like attachments."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.runs.material import Attachments
from bot.runs.tool_rules import RunTools
from bot.runs.workspace_search import WithWorkspace
from patterns.core.context import Artifact
from patterns.core.errors import UserError
from patterns.core.invisible import without_invisible
from patterns.core.text import storable
from patterns.core.tools import ToolError, ToolRules
from patterns.roster.prompts import cut
from patterns.roster.roster import Roster
from patterns.tools.mcp.servers import ServerTools
from patterns.tools.resources import ADDRESS_CHARS, RESOURCES_MAX, Offers, scheme_of, server_of
from storage.execution.texts import RunTexts
from storage.run_rows import RESOURCES, RunRow

BYTES_MAX = 100_000
"""Bytes of one resource that agents can see; the rest is cut with a mark."""
READ_S, LIST_S = 20.0, 10.0
_SHOWN_CHARS = 60
NOBODY_HAS_IT = "no server that is on here has it"
_INSTEAD = "Ask again without it, or with an address that `tools` lists."
SOON_S = 2.0
"""Seconds that somebody who only looks waits for a server."""


@dataclass(frozen=True)
class ResourceReader:
    """Reads the resources of runs. Only servers of which a tool is on there are asked for them."""

    tools: RunTools

    async def read(self, run: RunRow, roster: Roster, *, on_purpose: Collection[str] = ()) -> Attachments:
        """Return what a request brings as material, and in sentences what could not be read.

        An address that nobody has is refused where it is of a server's kind, or named `on_purpose`: any other one in
        a sentence is an ordinary word.
        """
        named = [str(uri) for uri in run.options.get(RESOURCES, ())]
        if not named:
            return Attachments()
        wanted, refused = _bounded(named)
        box, rules = await self.tools.of(run, roster)
        box = box.servers if isinstance(box, WithWorkspace) else box
        if not isinstance(box, ServerTools):
            return sum((_nobody_has(uri, is_meant=uri in on_purpose) for uri in wanted), refused)
        on, schemes = servers_on(rules, roster), set(map(scheme_of, wanted))
        alike = (name for name in servers_on(ToolRules(enabled=None), roster) if name.casefold() in schemes)
        names = tuple(dict.fromkeys((*on, *alike)))
        offers = dict(zip(names, await asyncio.gather(*(_offers(box, name) for name in names)), strict=True))
        found = refused
        for uri in wanted:
            server = server_of(uri, {name: offers[name] for name in on})
            is_meant = uri in on_purpose or any(one.is_kind_of(uri, name) for name, one in offers.items())
            found += await _read(box, server, uri) if server else _nobody_has(uri, is_meant=is_meant)
        return found

    async def offers_of(self, on: frozenset[str], roster: Roster) -> tuple[tuple[str, Offers], ...]:
        """Return what the servers of some tools have besides, as far as they answer soon."""
        box = self.tools.servers.toolbox(roster.servers)
        names = servers_on(ToolRules(enabled=on), roster)
        found = await asyncio.gather(*(_offers(box, name, soon_s=SOON_S) for name in names))
        return tuple(zip(names, found, strict=True))


def servers_on(rules: ToolRules, roster: Roster) -> tuple[str, ...]:
    """Return the servers of which at least one tool is on."""
    return tuple(
        name
        for name, entry in roster.servers.items()
        if (entry.mcp or entry.python) and any(rules.allows(f"{name}.{tool}") for tool in entry.names)
    )


def brings_private(run: RunRow, rules: ToolRules, roster: Roster) -> bool:
    """Return whether a resource of a run can be private: it brings some, and a server that is on is."""
    return bool(run.options.get(RESOURCES)) and any(roster.servers[name].private for name in servers_on(rules, roster))


async def _offers(box: ServerTools, server: str, *, soon_s: float = LIST_S) -> Offers:
    try:
        async with asyncio.timeout(soon_s):
            return await box.offers(server)
    except (ToolError, TimeoutError):
        return Offers(is_known=False)


def _bounded(named: Sequence[str]) -> tuple[list[str], Attachments]:
    """Return the addresses that are read, and in sentences which are too long or too many."""
    short = [uri for uri in named if len(uri) <= ADDRESS_CHARS]
    long = [f"{uri[:_SHOWN_CHARS]}… was left out: its address is too long." for uri in named if uri not in short]
    more = [f"{uri} was left out: a request brings {RESOURCES_MAX} at most." for uri in short[RESOURCES_MAX:]]
    return short[:RESOURCES_MAX], Attachments(left_out=(*long, *more))


def check_came(run: RunRow, texts: RunTexts) -> None:
    """Check that what a request names was read; its own attachments come first, and one that names addresses has some.

    Raises:
        UserError: nobody has it, or it could not be read.
    """
    if not run.options.get(RESOURCES) or not texts.attachments:
        return
    refused = Attachments.model_validate_json(texts.attachments[0]).refused
    if refused:
        raise UserError(" ".join(["Nothing was spent.", *refused, _INSTEAD]))


def _nobody_has(uri: str, *, is_meant: bool) -> Attachments:
    """Return the refusal of an address that is meant for a server; any other one is an ordinary word."""
    if is_meant:
        return Attachments(refused=(f"{uri}: {NOBODY_HAS_IT}.",))
    return Attachments(left_out=(f"{uri} was left out: {NOBODY_HAS_IT}.",))


async def _read(box: ServerTools, server: str, uri: str) -> Attachments:
    try:
        text = await box.read(server, uri, timeout_s=READ_S)
    except ToolError as error:
        return Attachments(refused=(f"{uri}: {error}.",))
    shown = cut(without_invisible(storable(text)), BYTES_MAX)
    artifact = Artifact(name=uri, media_type="text/plain", text=shown, note=f"from the server {server}")
    return Attachments(artifacts=(artifact,), read=(uri,))
