"""Which tools are on where: off until an admin says so, for whom, and never before outsiders unless that is allowed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from bot.people.access import Access
from bot.people.channel_rules import Audience, Change, ChannelRules, RulesStore
from bot.people.directory import LookupFailedError
from bot.people.permissions import Action, Role, Site, site_of
from patterns.core.tools import ToolRules
from patterns.roster.roster import Roster
from patterns.roster.tool_schema import ToolSpec
from patterns.tools.resources import Offers
from storage.run_rows import RunRow
from storage.tool_grants import StandingGrant, ToolGrants

__all__ = ["ChannelTools", "Readers", "StandingGrant", "ToolsHere"]

log = structlog.get_logger()

_MEMBERS = frozenset({Role.MEMBER, Role.OWNER, Role.ADMIN})
_ADMINS = frozenset({Role.OWNER, Role.ADMIN})


class Readers(Protocol):
    """Who reads a conversation, as Slack says."""

    async def channel(self, channel: str, *, workspace: str) -> Mapping[str, Any] | None:
        """Return Slack's conversation object, None where we are no member; raise LookupFailedError when unreadable."""
        ...

    async def has_guests(self, channel: str, *, workspace: str) -> bool:
        """Return whether guests of the workspace are in a conversation; LookupFailedError when that cannot be said."""
        ...


@dataclass(frozen=True, slots=True)
class ToolsHere:
    """The tools of a conversation. `on` are usable now, by those whom the rules say for each.

    `outsiders` says why none is on, where guests or others read.
    """

    specs: tuple[ToolSpec, ...]
    rules: ChannelRules
    on: frozenset[str]
    outsiders: bool = False
    is_dm: bool = False
    grants: tuple[StandingGrant, ...] = ()
    offers: tuple[tuple[str, Offers], ...] = ()
    """What each server of which a tool is on has besides tools, as far as it answers."""


@dataclass(frozen=True, slots=True)
class ChannelTools:
    """Says which tools a run has, and lets admins change it. `roster` returns the current one.

    `offers_of` asks the servers of some tools what they have besides.
    """

    access: Access
    directory: Readers
    rules: RulesStore
    grants: ToolGrants
    roster: Callable[[], Roster]
    offers_of: Callable[[frozenset[str], Roster], Awaitable[tuple[tuple[str, Offers], ...]]]

    async def rules_for(self, run: RunRow) -> ToolRules:
        """Return what is allowed where a run works, for whoever asked; read once per execution.

        What cannot be checked with Slack is off.
        """
        place = {"workspace": run.workspace, "channel": run.channel}
        try:
            conversation = await self.directory.channel(run.channel, workspace=run.workspace)
            if conversation is None:
                return ToolRules(is_private=True)
            site = site_of(conversation)
            # Asked together, they are one trip to the database.
            rules, role = await asyncio.gather(
                self.rules.rules(**place), self.access.role(run.user, workspace=run.workspace, channel=run.channel)
            )
            enabled = await self._enabled(run.user, role, site, rules, **place)
        except LookupFailedError as error:
            log.warning("tools_not_checked", run=run.id, error=str(error))
            return ToolRules(is_private=True)
        standing = await self.grants.standing(**place) if enabled and site is not Site.DM else []
        return ToolRules(
            enabled=enabled,
            is_private=site in (Site.DM, Site.PRIVATE) or bool(conversation.get("is_private")),
            grants=tuple(one.grant for one in standing),
        )

    async def here(self, *, workspace: str, channel: str, user: str) -> ToolsHere:
        """Return the tools of a conversation for whoever looks, and what admins have said about them."""
        place = {"workspace": workspace, "channel": channel}
        site = site_of(await self.directory.channel(channel, workspace=workspace))
        specs = tuple(_own(self.roster().tools))
        role = await self.access.role(user, workspace=workspace, channel=channel)
        rules = await self.rules.rules(**place)
        if site is Site.DM:
            on = frozenset(spec.name for spec in _in_dm(specs, user, role))
            return ToolsHere(specs, rules, on, is_dm=True, offers=await self.offers_of(on, self.roster()))
        outsiders = await self._is_read_by_outsiders(site, **place)
        on = rules.tools_on & {spec.name for spec in specs}
        on = on & _before_outsiders(specs, rules) if outsiders else on
        grants = tuple(await self.grants.standing(**place))
        offers = await self.offers_of(on, self.roster())
        return ToolsHere(specs, rules, on, outsiders=outsiders, grants=grants, offers=offers)

    async def change(
        self, change: Change, *, workspace: str, channel: str, user: str
    ) -> tuple[ChannelRules, ChannelRules]:
        """Change which tools a channel has, with an entry in the audit log; return its rules before and after.

        Raises:
            AccessError: not an admin.
        """
        await self.require_admin(workspace=workspace, channel=channel, user=user)
        return await self.rules.change_rules(change, workspace=workspace, channel=channel, actor=user)

    async def revoke(self, grant_id: str, *, workspace: str, channel: str, user: str) -> StandingGrant | None:
        """Have a tool ask again in a channel; return the approval that is taken back, None where there is none.

        Raises:
            AccessError: not an admin.
        """
        await self.require_admin(workspace=workspace, channel=channel, user=user)
        return await self.grants.revoke(grant_id, workspace=workspace, channel=channel, by=user)

    async def require_admin(self, *, workspace: str, channel: str, user: str) -> None:
        """Check that somebody may change which tools a channel has; raise AccessError."""
        await self.access.admit(
            workspace=workspace, channel=channel, user=user, action=Action.CHANGE_TOOLS, is_claimed=True
        )

    async def _enabled(
        self, user: str, role: Role, site: Site, rules: ChannelRules, *, workspace: str, channel: str
    ) -> frozenset[str]:
        specs = list(_own(self.roster().tools))
        if site is Site.DM:
            return frozenset(spec.name for spec in _in_dm(specs, user, role))
        named = (spec.name for spec in specs if spec.name in rules.tools_on)
        enabled = frozenset(tool for tool in named if _is_for(user, role, rules.audience_of(tool)))
        if not enabled:
            return frozenset()
        outside = enabled & _before_outsiders(specs, rules)
        if outside == enabled:
            return enabled
        return outside if await self._is_read_by_outsiders(site, workspace=workspace, channel=channel) else enabled

    async def _is_read_by_outsiders(self, site: Site, *, workspace: str, channel: str) -> bool:
        """Return whether guests or people of other organisations read a channel, or may, as far as can be known."""
        if site is Site.SHARED:
            return True
        try:
            return await self.directory.has_guests(channel, workspace=workspace)
        except LookupFailedError:
            log.info("guests_not_counted", channel=channel)
            return True


def _own(tools: Mapping[str, ToolSpec]) -> Iterable[ToolSpec]:
    """Return the tools that have to be switched on: dates and arithmetic are on everywhere."""
    return (spec for spec in tools.values() if not spec.is_built_in)


def _before_outsiders(specs: Iterable[ToolSpec], rules: ChannelRules) -> frozenset[str]:
    """Return the tools that may be on where outsiders read: none until that is allowed, a search of Slack never."""
    return frozenset(spec.name for spec in specs if rules.tools_outside and not spec.workspace_results)


def _in_dm(specs: Iterable[ToolSpec], user: str, role: Role) -> Iterable[ToolSpec]:
    """Return the tools that somebody has in their direct messages: of those that ask, what they may decide alone."""
    if role not in _MEMBERS:
        return
    for spec in specs:
        alone: dict[str, Any] = {"asker": True, "owner": role is Role.ADMIN, "named": user in spec.approvers}
        if spec.dm and (not spec.asks or alone.get(spec.approve_by, False)):
            yield spec


def _is_for(user: str, role: Role, audience: Audience) -> bool:
    """Return whether somebody's requests have what an audience has."""
    if audience.who == "everyone" or role in _ADMINS:
        return True
    if audience.who == "members":
        return role is Role.MEMBER
    return audience.who == "named" and user in audience.people
