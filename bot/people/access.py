"""Authorization: who may run, stop, decide and administer. What cannot be checked with Slack is refused.

Guests, people of other organisations and externally shared channels are refused until an admin allows them there.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.commands import Allow
from bot.commands.origin import ChannelKind
from bot.people.admins import Admins
from bot.slack.errors import SlackError
from bot.slack.web_api import Tokens
from patterns.core.errors import UserError

USER_TTL_S = 300.0
CHANNEL_TTL_S = 60.0
LOOKUP_TIMEOUT_S = 10.0
CACHE_ENTRIES = 10_000
_OUTSIDE = frozenset({"channel_not_found", "not_in_channel"})


class AccessError(UserError):
    """You cannot do this here. Ask an admin of this workspace."""


class LookupFailedError(AccessError):
    """I could not check with Slack who is asking, so nothing was started. Please try again in a minute."""


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation: who pays there, whether we can post in it, and the flow its admins chose."""

    kind: ChannelKind
    can_post: bool
    name: str = ""
    flow: str = ""


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """How one channel behaves, as its admins set it, and who owns its budget besides them.

    `people` counts where `who` is `named`. `flow` runs where none is named; empty lets the Router choose. `replies`
    says which replies without a mention continue a thread of ours: the asker's, none, or all.
    """

    guests: bool = False
    external: bool = False
    owners: frozenset[str] = frozenset()
    who: Literal["everyone", "admins", "named"] = "everyone"
    people: frozenset[str] = frozenset()
    flow: str = ""
    replies: Literal["asker", "tagged", "free"] = "asker"
    quiet: bool = False


class RulesStore(Protocol):
    """The store of channel rules."""

    async def rules(self, *, workspace: str, channel: str) -> ChannelRules:
        """Return the channel's rules; the closed defaults when none were set."""
        ...

    async def save_rules(self, rules: ChannelRules, *, workspace: str, channel: str, actor: str) -> None:
        """Replace the channel's rules, with an entry in the audit log."""
        ...


class Directory(Protocol):
    """Slack's directory of people and conversations."""

    async def user(self, user: str, *, workspace: str) -> Mapping[str, Any]:
        """Return Slack's user object; raise LookupFailedError when it cannot be read."""
        ...

    async def channel(self, channel: str, *, workspace: str) -> Mapping[str, Any] | None:
        """Return Slack's conversation object, None where we are no member; raise LookupFailedError when unreadable."""
        ...

    async def direct_messages(self, user: str, *, workspace: str) -> str:
        """Return the id of our direct messages with a person; raise LookupFailedError when they cannot be opened."""
        ...


class SlackDirectory:
    """The directory over the Web API; people are cached for five minutes, conversations for one."""

    def __init__(
        self, client: AsyncWebClient, tokens: Tokens, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._monotonic = monotonic
        self._cache: dict[tuple[str, str, str], tuple[float, Mapping[str, Any]]] = {}

    async def user(self, user: str, *, workspace: str) -> Mapping[str, Any]:
        """Return Slack's user object, cached; raise LookupFailedError when it cannot be read."""
        return _had(await self._found("user", user, workspace=workspace))

    async def channel(self, channel: str, *, workspace: str) -> Mapping[str, Any] | None:
        """Return Slack's conversation object, cached. None is not cached, so that an invitation counts at once."""
        return await self._found("channel", channel, workspace=workspace)

    async def direct_messages(self, user: str, *, workspace: str) -> str:
        """Return the id of our direct messages with a person, cached."""
        return str(_had(await self._found("dm", user, workspace=workspace))["id"])

    async def _found(
        self, what: Literal["user", "channel", "dm"], name: str, *, workspace: str, again: bool = False
    ) -> Mapping[str, Any] | None:
        key = (workspace, what, name)
        known = self._cache.get(key)
        if known is not None and known[0] > self._monotonic():
            return known[1]
        try:
            token = await self._tokens.token(workspace)
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                found = await self._asked(what, name, token=token)
        except SlackApiError as error:
            code = str(error.response.get("error"))
            if code in _OUTSIDE:
                return None
            is_revoked = SlackError.of(code, what).kind == "revoked"
            if is_revoked and await self._tokens.refused(workspace, token, code) and not again:
                return await self._found(what, name, workspace=workspace, again=True)
            raise LookupFailedError from error
        except (SlackError, aiohttp.ClientError, TimeoutError, KeyError) as error:
            raise LookupFailedError from error
        self._cache.pop(key, None)
        if len(self._cache) >= CACHE_ENTRIES:
            del self._cache[next(iter(self._cache))]
        self._cache[key] = (self._monotonic() + (CHANNEL_TTL_S if what == "channel" else USER_TTL_S), found)
        return found

    async def _asked(self, what: Literal["user", "channel", "dm"], name: str, *, token: str) -> Mapping[str, Any]:
        found: Mapping[str, Any]
        match what:
            case "user":
                found = (await self._client.users_info(user=name, token=token))["user"]
            case "channel":
                found = (await self._client.conversations_info(channel=name, token=token))["channel"]
            case "dm":
                found = (await self._client.conversations_open(users=name, token=token))["channel"]
        return found


def _had(found: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if found is None:
        raise LookupFailedError
    return found


class Access:
    """The only place that decides who may do what."""

    def __init__(self, directory: Directory, rules: RulesStore, *, admins: Admins) -> None:
        self.directory = directory
        self._rules = rules
        self._admins = admins

    async def admit(self, *, workspace: str, channel: str, user: str) -> Place:
        """Return the conversation in which a person may have agents run.

        Raises:
            AccessError: they may not, or Slack could not be asked; the sentence is for them.
        """
        person = await self.directory.user(user, workspace=workspace)
        if person.get("deleted") or person.get("is_bot") or person.get("is_workflow_bot") or user == "USLACKBOT":
            raise AccessError("I only answer people with an active account in this workspace.")
        conversation = await self.directory.channel(channel, workspace=workspace)
        rules = await self._rules.rules(workspace=workspace, channel=channel)
        if _is_stranger(person, workspace) and not rules.external:
            raise AccessError(
                "I only work for members of this organisation. An admin can open this channel with "
                "`/agents allow external`."
            )
        if (person.get("is_restricted") or person.get("is_ultra_restricted")) and not rules.guests:
            raise AccessError(
                "Guests can only ask where an admin allowed it: in a channel, with `/agents allow guests`."
            )
        if not await self._is_open_to(user, rules, workspace=workspace):
            raise AccessError("Only some people may ask here. An admin changes that with `/agents settings`.")
        if conversation is None:
            return Place("channel", can_post=False, flow=rules.flow)
        if conversation.get("is_archived"):
            raise AccessError("This channel is archived. Ask me in another one or in our direct messages.")
        if _is_shared(conversation) and not rules.external:
            raise AccessError(
                "This channel is shared with another organisation, so I stay quiet here. An admin can open it with "
                "`/agents allow external`."
            )
        if conversation.get("is_im"):
            return Place("dm", can_post=True)
        # Slack always says whether we are a member; where it does not, the post will fail plainly.
        can_post = bool(conversation.get("is_member", True))
        return Place("channel", can_post=can_post, name=str(conversation.get("name") or ""), flow=rules.flow)

    async def _is_open_to(self, user: str, rules: ChannelRules, *, workspace: str) -> bool:
        if rules.who == "everyone" or user in rules.owners or (rules.who == "named" and user in rules.people):
            return True
        return await self.is_admin(user, workspace=workspace)

    async def is_admin(self, user: str, *, workspace: str) -> bool:
        """Return True for Slack's admins and owners, those of AGENTS_ADMINS, and the installer of the app."""
        if user in await self._admins.of(workspace):
            return True
        person = await self.directory.user(user, workspace=workspace)
        return not person.get("deleted") and any(
            person.get(f"is_{role}") for role in ("admin", "owner", "primary_owner")
        )

    async def may_administer(self, user: str, *, workspace: str, channel: str) -> bool:
        """Return True for admins, and for owners of the channel's budget."""
        rules = await self._rules.rules(workspace=workspace, channel=channel)
        return user in rules.owners or await self.is_admin(user, workspace=workspace)

    async def may_stop(self, user: str, *, asker: str, workspace: str, channel: str) -> bool:
        """Return True for the asker, even while Slack cannot be reached, and for admins of the channel."""
        return user == asker or await self.may_administer(user, workspace=workspace, channel=channel)

    async def may_decide(
        self, user: str, *, asker: str, workspace: str, channel: str, approvers: Collection[str] = ()
    ) -> bool:
        """Return True for those who may decide a review: the asker, the named approvers, the channel's admins."""
        return user in approvers or await self.may_stop(user, asker=asker, workspace=workspace, channel=channel)

    async def settings(self, *, workspace: str, channel: str, user: str) -> ChannelRules:
        """Return how a channel behaves, for those who may change it.

        Raises:
            AccessError: not an admin.
        """
        if not await self.may_administer(user, workspace=workspace, channel=channel):
            raise AccessError("Only an admin of this workspace or an owner of this channel's budget can change that.")
        return await self._rules.rules(workspace=workspace, channel=channel)

    async def change(self, rules: ChannelRules, *, workspace: str, channel: str, user: str) -> None:
        """Replace a channel's rules, with an entry in the audit log; raise AccessError for others than admins."""
        await self.settings(workspace=workspace, channel=channel, user=user)
        await self._rules.save_rules(rules, workspace=workspace, channel=channel, actor=user)

    async def allow(self, change: Allow, *, workspace: str, channel: str, user: str) -> str:
        """Open or close a channel to guests or other organisations; return a sentence with the old and new value.

        Raises:
            AccessError: not an admin.
        """
        rules = await self.settings(workspace=workspace, channel=channel, user=user)
        changed = (
            replace(rules, guests=change.allowed) if change.who == "guests" else replace(rules, external=change.allowed)
        )
        await self._rules.save_rules(changed, workspace=workspace, channel=channel, actor=user)
        whom = "guests" if change.who == "guests" else "people of other organisations"
        was, now = ("yes" if getattr(kept, change.who) else "no" for kept in (rules, changed))
        name = await self.name(user, workspace=workspace)
        return f"{name} changed whether {whom} may run agents here from {was} to {now}."

    async def name(self, user: str, *, workspace: str) -> str:
        """Return a person's display name; raise LookupFailedError when Slack cannot be asked."""
        return name_of(await self.directory.user(user, workspace=workspace)) or user


def name_of(person: Mapping[str, Any]) -> str:
    """Return the display name in Slack's user object; empty where there is none."""
    profile = person.get("profile") or {}
    return str(profile.get("display_name") or person.get("real_name") or person.get("name") or "")


def _is_stranger(person: Mapping[str, Any], workspace: str) -> bool:
    if person.get("is_stranger"):
        return True
    home = person.get("team_id") or workspace
    organisation = person.get("enterprise_user") or {}
    return workspace not in {home, organisation.get("enterprise_id"), *(organisation.get("teams") or ())}


def _is_shared(conversation: Mapping[str, Any]) -> bool:
    return bool(conversation.get("is_ext_shared") or conversation.get("is_pending_ext_shared"))
