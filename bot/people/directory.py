"""What Slack says about people and conversations, remembered for a short while."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.errors import SlackError
from bot.slack.web_api import Tokens
from patterns.core.errors import UserError

USER_TTL_S = 300.0
CHANNEL_TTL_S = 60.0
LOOKUP_TIMEOUT_S = 10.0
CACHE_ENTRIES = 10_000
MEMBERS_PAGE = 1000
MEMBER_PAGES_MAX = 20
_OUTSIDE = frozenset({"channel_not_found", "not_in_channel"})
_What = Literal["user", "channel", "dm", "member", "members", "guests"]
_SOON_STALE = frozenset({"channel", "members"})


class AccessError(UserError):
    """You cannot do this here. Ask an admin of this workspace."""


class LookupFailedError(AccessError):
    """I could not check with Slack who is asking, so nothing was started. Please try again in a minute."""


class Directory(Protocol):
    """Slack's directory of people and conversations."""

    async def user(self, user: str, *, workspace: str, anew: bool = False) -> Mapping[str, Any]:
        """Return Slack's user object, asked for `anew` or remembered; LookupFailedError when it cannot be had."""
        ...

    async def channel(self, channel: str, *, workspace: str) -> Mapping[str, Any] | None:
        """Return Slack's conversation object, None where we are no member; raise LookupFailedError when unreadable."""
        ...

    async def is_member(self, user: str, channel: str, *, workspace: str) -> bool:
        """Return whether somebody is in a conversation that we see; LookupFailedError when Slack cannot be asked."""
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

    async def user(self, user: str, *, workspace: str, anew: bool = False) -> Mapping[str, Any]:
        """Return Slack's user object, cached; raise LookupFailedError when it cannot be read."""
        if anew:
            self._cache.pop((workspace, "user", user), None)
        return _had(await self._found("user", user, workspace=workspace))

    async def channel(self, channel: str, *, workspace: str) -> Mapping[str, Any] | None:
        """Return Slack's conversation object, cached. None is not cached, so that an invitation counts at once."""
        return await self._found("channel", channel, workspace=workspace)

    async def is_member(self, user: str, channel: str, *, workspace: str) -> bool:
        """Return whether somebody is in a conversation; never cached: who left must not see into it any longer."""
        return await self._found("member", f"{channel} {user}", workspace=workspace) is not None

    async def has_guests(self, channel: str, *, workspace: str) -> bool:
        """Return whether guests are in a conversation: who is in it is cached for one minute, who is a guest for five.

        Raises:
            LookupFailedError: Slack cannot be asked, or there are too many people to look through.
        """
        members = await self._found("members", channel, workspace=workspace)
        if members is None:
            raise LookupFailedError
        guests = _had(await self._found("guests", workspace, workspace=workspace))
        return not guests["ids"].isdisjoint(members["ids"])

    async def direct_messages(self, user: str, *, workspace: str) -> str:
        """Return the id of our direct messages with a person, cached."""
        return str(_had(await self._found("dm", user, workspace=workspace))["id"])

    async def _found(self, what: _What, name: str, *, workspace: str, again: bool = False) -> Mapping[str, Any] | None:
        key = (workspace, what, name)
        known = self._cache.get(key)
        if known is not None and known[0] > self._monotonic():
            return known[1]
        try:
            token = await self._tokens.token(workspace)
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                found = await self._asked(what, name, token=token)
            if found is None:
                return None
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
        if what == "member":
            return found  # whoever left a private conversation must not see into it a moment longer
        if len(self._cache) >= CACHE_ENTRIES:
            del self._cache[next(iter(self._cache))]
        self._cache[key] = (self._monotonic() + (CHANNEL_TTL_S if what in _SOON_STALE else USER_TTL_S), found)
        return found

    async def _asked(self, what: _What, name: str, *, token: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any]
        match what:
            case "user":
                found = (await self._client.users_info(user=name, token=token))["user"]
            case "channel":
                found = (await self._client.conversations_info(channel=name, token=token))["channel"]
            case "dm":
                found = (await self._client.conversations_open(users=name, token=token))["channel"]
            case "member":
                channel, _, user = name.partition(" ")
                return {"id": user} if await self._is_among(user, channel, token=token) else None
            case "members":
                pages = self._pages(self._client.conversations_members, channel=name, token=token)
                found = {"ids": frozenset([one async for page in pages for one in page])}
            case "guests":
                pages = self._pages(self._client.users_list, token=token)
                found = {"ids": frozenset([one["id"] async for page in pages for one in page if _is_guest(one)])}
        return found

    async def _is_among(self, user: str, channel: str, *, token: str) -> bool:
        async for page in self._pages(self._client.conversations_members, channel=channel, token=token):
            if user in page:
                return True
        return False

    @staticmethod
    async def _pages(method: Callable[..., Awaitable[Any]], **asked: str) -> AsyncIterator[list[Any]]:
        """Yield the members that a method lists, page by page; raise LookupFailedError where there are too many."""
        cursor = ""
        for _ in range(MEMBER_PAGES_MAX):
            page = await method(limit=MEMBERS_PAGE, **asked, **({"cursor": cursor} if cursor else {}))
            yield page["members"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return
        raise LookupFailedError


def _is_guest(person: Mapping[str, Any]) -> bool:
    return not person.get("deleted") and bool(person.get("is_restricted") or person.get("is_ultra_restricted"))


def _had(found: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if found is None:
        raise LookupFailedError
    return found


def name_of(person: Mapping[str, Any]) -> str:
    """Return the display name in Slack's user object; empty where there is none."""
    profile = person.get("profile") or {}
    return str(profile.get("display_name") or person.get("real_name") or person.get("name") or "")
