"""The tools of a conversation as one person sees them."""

from bot.commands.origin import Origin
from bot.listeners.services import ListenerServices
from bot.messages.run_text import date_and_time
from bot.messages.tool_views import GrantLine, OffersLine, ToolLine, ToolsView
from bot.people.channel_tools import StandingGrant
from bot.people.permissions import Action
from bot.people.tools_form import for_whom
from patterns.core.errors import AgentsError
from patterns.tools.resources import Offers


async def tools_view(services: ListenerServices, origin: Origin) -> ToolsView:
    """Return the tools of a conversation: to its admins all of the roster's and the levers, to others those on."""
    await services.access.admit_origin(origin, Action.LOOK)
    here = await services.tools.here(workspace=origin.workspace, channel=origin.channel, user=origin.user)
    may_change = not here.is_dm and await services.access.is_admin(origin.user, workspace=origin.workspace)
    lines = [
        ToolLine(
            spec.name,
            is_on=spec.name in here.on,
            reads_only=spec.read_only,
            asks=spec.asks,
            price_nusd=spec.price_nusd,
            is_allowed=spec.name in here.rules.tools_on,
            whom=for_whom(here.rules, spec.name) if spec.name in here.rules.tools_whom else "",
        )
        for spec in here.specs
    ]
    place = await services.access.directory.channel(origin.channel, workspace=origin.workspace)
    name = str((place or {}).get("name") or "")
    return ToolsView(
        origin.channel,
        f"#{name}" if name else "this channel",
        tuple(lines),
        for_whom=for_whom(here.rules),
        is_dm=here.is_dm,
        outsiders=here.outsiders,
        outsiders_allowed=here.rules.tools_outside,
        grants=tuple([await _grant_line(services, one, origin.workspace) for one in here.grants]),
        may_change=may_change,
        offers=tuple(_offers_line(name, one) for name, one in here.offers),
    )


def _offers_line(server: str, offers: Offers) -> OffersLine:
    return OffersLine(server, tuple(uri for uri, _ in (*offers.resources, *offers.templates)), offers.prompts)


async def _grant_line(services: ListenerServices, standing: StandingGrant, workspace: str) -> GrantLine:
    grant = standing.grant
    try:
        name = await services.access.name(grant.given_by, workspace=workspace)
    except AgentsError:
        name = grant.given_by
    return GrantLine(grant.id, grant.tool, name, date_and_time(standing.expires_us))
