"""Authorization: who asks, where they are, and what the table in `permissions` says of it.

Everything that cannot be checked with Slack is refused. Ids in buttons, forms and blocks are claims: `is_claimed` has
membership of the place looked up, where Slack itself did not say that somebody stood there.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.commands.commands import Allow
from bot.commands.origin import ChannelKind, Origin
from bot.people.admins import Admins
from bot.people.channel_rules import Change, ChannelRules, RulesStore
from bot.people.directory import AccessError, Directory, LookupFailedError, name_of
from bot.people.permissions import READ_ANEW, Action, Role, Site, cell, role_of, site_of
from patterns.core.errors import UserError

__all__ = ["REFUSALS", "Access", "AccessError", "LookupFailedError", "Place"]

_GUESTS = frozenset({Role.GUEST, Role.SINGLE_GUEST})
_MEMBERS = frozenset({Role.MEMBER, Role.OWNER, Role.ADMIN})
_MAY_BE_KEPT_TO_SOME = frozenset({Action.ASK, Action.LOOK, Action.SEE_BUDGET})
"""What the channel's rule "who may ask here" is about."""
REFUSALS = {
    Action.CHANGE_ACCESS: "Only admins of this workspace and the owners of this channel's budget can change that.",
    Action.CHANGE_BUDGET: "Only admins of this workspace and the owners of this channel's budget can change that.",
    Action.CHANGE_WORKSPACE: "Only admins of this workspace can change that.",
    Action.SEE_AUDIT: "Only admins of this workspace and the owners of this channel's budget can read its log.",
    Action.SEE_BOOKS: "Only admins of this workspace see all its budgets. `budget` shows this channel's.",
    Action.CHANGE_TOOLS: "Only admins of this workspace can say which tools agents have in a channel.",
    Action.STOP: "Only the person who asked and admins can stop that.",
}
"""Why not, in the words for each action; others are refused by what is in the way."""


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation: who pays there, whether we can post in it, and the flow its admins chose.

    `sees_workspace` says whether the person who was admitted may read what is left of the whole workspace's month.
    """

    kind: ChannelKind
    can_post: bool
    name: str = ""
    flow: str = ""
    sees_workspace: bool = True


@dataclass(frozen=True, slots=True)
class _Standing:
    """Who somebody is in a place, and what is known of it."""

    channel: str
    role: Role
    site: Site
    person: Mapping[str, Any]
    conversation: Mapping[str, Any] | None
    rules: ChannelRules


class Access:
    """The only place that decides who may do what."""

    def __init__(self, directory: Directory, rules: RulesStore, *, admins: Admins) -> None:
        self.directory = directory
        self._rules = rules
        self._admins = admins

    async def admit(
        self,
        *,
        workspace: str,
        channel: str,
        user: str,
        action: Action = Action.ASK,
        is_claimed: bool = False,
        is_own: bool = True,
    ) -> Place:
        """Return the place where somebody may do it. Every door comes through here.

        `is_claimed` says that the channel was named by a button or a form, `is_own` that what they reach for is theirs.

        Raises:
            AccessError: they may not, or Slack could not be asked; the sentence is for them.
        """
        here = await self._standing(user, workspace=workspace, channel=channel, anew=action in READ_ANEW)
        if here.role is Role.NOBODY:
            raise AccessError("I only answer people with an active account in this workspace.")
        if why := _refusal(action, here, is_own=is_own):
            raise AccessError(why)
        if action in _MAY_BE_KEPT_TO_SOME and not _is_open_to(user, here):
            raise AccessError("Only some people may ask here. An admin changes that with `/agents settings`.")
        # What one asked oneself stays one's own, and money is an admin's to change in every channel.
        needs_no_place = (action is Action.READ_RUN and is_own) or (action in READ_ANEW and here.role is Role.ADMIN)
        is_claimed = is_claimed and not needs_no_place
        if not await self._is_there(user, here, workspace=workspace, action=action, is_claimed=is_claimed):
            raise AccessError("You are not in that conversation, so I cannot do this for you there.")
        return _place(here)

    async def admit_origin(self, origin: Origin, action: Action = Action.ASK, *, is_own: bool = True) -> Place:
        """Return the place where something was said or clicked, for whoever did; see `admit`."""
        return await self.admit(
            workspace=origin.workspace,
            channel=origin.channel,
            user=origin.user,
            action=action,
            is_claimed=origin.is_claimed,
            is_own=is_own,
        )

    async def role(self, user: str, *, workspace: str, channel: str = "", anew: bool = False) -> Role:
        """Return what somebody is in the workspace, and in the channel if one is named."""
        person = await self.directory.user(user, workspace=workspace, anew=anew)
        rules = await self._rules.rules(workspace=workspace, channel=channel) if channel else ChannelRules()
        return await self._role(user, person, rules, workspace=workspace)

    async def is_admin(self, user: str, *, workspace: str, anew: bool = False) -> bool:
        """Return whether somebody belongs here and administers: by Slack, by AGENTS_ADMINS or by the install."""
        return await self.role(user, workspace=workspace, anew=anew) is Role.ADMIN

    async def may(self, user: str, action: Action, *, workspace: str, channel: str, is_own: bool = True) -> bool:
        """Return whether `admit` would let somebody do it, in a place that their click only names."""
        try:
            await self.admit(
                workspace=workspace, channel=channel, user=user, action=action, is_claimed=True, is_own=is_own
            )
        except LookupFailedError:
            raise
        except AccessError:
            return False
        return True

    async def may_in_workspace(self, user: str, action: Action, *, workspace: str) -> bool:
        """Return whether somebody may do what concerns no single channel, wherever they are."""
        return cell(action, await self.role(user, workspace=workspace), Site.DM) == "yes"

    async def may_administer(self, user: str, *, workspace: str, channel: str) -> bool:
        """Return whether to offer somebody the levers of this place; pulling one asks Slack anew."""
        here = await self._standing(user, workspace=workspace, channel=channel)
        return cell(Action.CHANGE_BUDGET, here.role, here.site) == "yes"

    async def may_stop(self, user: str, *, asker: str, workspace: str, channel: str) -> bool:
        """Return True for the asker, even while Slack cannot be reached, and for admins of the channel."""
        if user == asker:
            return True
        here = await self._standing(user, workspace=workspace, channel=channel)
        return cell(Action.STOP, here.role, here.site) == "yes"

    async def may_decide(
        self, user: str, *, asker: str, workspace: str, channel: str, approvers: Collection[str] = ()
    ) -> bool:
        """Return True for those who may decide a review: the asker, the named approvers, the admins who can read it."""
        is_own = user == asker or user in approvers
        return await self.may(user, Action.DECIDE, workspace=workspace, channel=channel, is_own=is_own)

    # ------------------------------------------------------------ changing who may

    async def settings(self, *, workspace: str, channel: str, user: str, is_claimed: bool = False) -> ChannelRules:
        """Return how a channel behaves, for those who may change it.

        Raises:
            AccessError: not an admin.
        """
        await self.admit(
            workspace=workspace, channel=channel, user=user, action=Action.CHANGE_ACCESS, is_claimed=is_claimed
        )
        return await self._rules.rules(workspace=workspace, channel=channel)

    async def owners(self, *, workspace: str, channel: str) -> frozenset[str]:
        """Return the owners of a channel's budget."""
        return (await self._rules.rules(workspace=workspace, channel=channel)).owners

    async def change(
        self, change: Change, *, workspace: str, channel: str, user: str
    ) -> tuple[ChannelRules, ChannelRules]:
        """Change a channel's rules, with an entry in the audit log; return them before and after.

        Raises:
            AccessError: not an admin.
        """
        await self.settings(workspace=workspace, channel=channel, user=user)
        return await self._rules.change_rules(change, workspace=workspace, channel=channel, actor=user)

    async def allow(self, change: Allow, *, workspace: str, channel: str, user: str) -> str:
        """Open or close a channel to guests or other organisations; return a sentence with the old and new value.

        Raises:
            AccessError: not an admin.
        """
        kept, changed = await self.change(
            lambda rules: (
                replace(rules, guests=change.allowed)
                if change.who == "guests"
                else replace(rules, external=change.allowed)
            ),
            workspace=workspace,
            channel=channel,
            user=user,
        )
        whom = "guests" if change.who == "guests" else "people of other organisations"
        if changed == kept:
            raise UserError(f"Nothing changed: {whom} may {'' if change.allowed else 'not '}run agents here already.")
        was, now = ("yes" if getattr(rules, change.who) else "no" for rules in (kept, changed))
        name = await self.name(user, workspace=workspace)
        return f"{name} changed whether {whom} may run agents here from {was} to {now}."

    async def name(self, user: str, *, workspace: str) -> str:
        """Return a person's display name; raise LookupFailedError when Slack cannot be asked."""
        return name_of(await self.directory.user(user, workspace=workspace)) or user

    # ------------------------------------------------------------ looking

    async def _standing(self, user: str, *, workspace: str, channel: str, anew: bool = False) -> _Standing:
        person = await self.directory.user(user, workspace=workspace, anew=anew)
        conversation = await self.directory.channel(channel, workspace=workspace)
        rules = await self._rules.rules(workspace=workspace, channel=channel)
        role = await self._role(user, person, rules, workspace=workspace)
        return _Standing(channel, role, site_of(conversation), person, conversation, rules)

    async def _role(self, user: str, person: Mapping[str, Any], rules: ChannelRules, *, workspace: str) -> Role:
        return role_of(
            {"id": user, **person},
            workspace=workspace,
            is_named=user in await self._admins.of(workspace),
            is_owner=user in rules.owners,
        )

    async def _is_there(self, user: str, here: _Standing, *, workspace: str, action: Action, is_claimed: bool) -> bool:
        """Return whether somebody is in the place they reach for, or need not be: members may join public channels."""
        if here.conversation is None:
            return not is_claimed or action in {Action.ASK, Action.LOOK}  # nothing can be read or posted there
        whose = here.conversation.get("user") if here.site is Site.DM else None
        if whose is not None:
            return bool(whose == user)
        if not is_claimed or (here.site is Site.PUBLIC and here.role in _MEMBERS):
            return True
        return await self.directory.is_member(user, here.channel, workspace=workspace)


def _refusal(action: Action, here: _Standing, *, is_own: bool) -> str:
    """Return why the table says no; empty when it says yes."""
    written = cell(action, here.role, here.site)
    if written == "no":
        if here.role is Role.OUTSIDER and action not in REFUSALS:
            return "I only work for members of this organisation, except in channels that an admin has opened."
        if here.role in _GUESTS and action not in REFUSALS:
            return "Guests can only ask where an admin allowed it: in a channel, with `/agents allow guests`."
        return REFUSALS.get(action, "That is not possible here.")
    if "own" in written and not is_own:
        return REFUSALS.get(action, "That belongs to somebody else.")
    return _closed(here) if "opened" in written else _archived(here)


def _closed(here: _Standing) -> str:
    """Return what an admin has not opened here; empty when everything is."""
    if here.role is Role.OUTSIDER and not here.rules.external:
        return (
            "I only work for members of this organisation. An admin can open this channel with "
            "`/agents allow external`."
        )
    if here.role in _GUESTS and not here.rules.guests:
        return "Guests can only ask where an admin allowed it: in a channel, with `/agents allow guests`."
    if here.site is Site.SHARED and not here.rules.external:
        return (
            "This channel is shared with another organisation, so I stay quiet here. An admin can open it with "
            "`/agents allow external`."
        )
    return _archived(here)


def _archived(here: _Standing) -> str:
    if (here.conversation or {}).get("is_archived"):
        return "This channel is archived. Ask me in another one or in our direct messages."
    return ""


def _is_open_to(user: str, here: _Standing) -> bool:
    rules = here.rules
    is_named = rules.who == "named" and user in rules.people
    return rules.who == "everyone" or is_named or here.role in {Role.OWNER, Role.ADMIN}


def _place(here: _Standing) -> Place:
    sees_workspace = cell(Action.SEE_WORKSPACE, here.role, here.site) == "yes"
    conversation = here.conversation
    if conversation is None:
        return Place("channel", can_post=False, flow=here.rules.flow, sees_workspace=sees_workspace)
    if here.site is Site.DM:
        return Place("dm", can_post=True, sees_workspace=sees_workspace)
    # Slack always says whether we are a member; where it does not, posting itself will tell.
    can_post = bool(conversation.get("is_member", True))
    name = str(conversation.get("name") or "")
    return Place("channel", can_post=can_post, name=name, flow=here.rules.flow, sees_workspace=sees_workspace)
