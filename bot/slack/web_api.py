"""The Web API of one workspace: calls wait for the rate limit, use the current token, and raise typed errors.

Slack's own retry handlers stay off, because they repeat even calls that must not arrive twice.
"""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.errors import SlackError
from bot.slack.rate_limiter import POSTS, TIERS, Rate, RateLimiter, Turn
from bot.slack.turns import Rank
from patterns.core.ports import Clock
from patterns.core.text import storable_json

log = structlog.get_logger(__name__)

RETRY_AFTER_MAX_S = 3600.0
"""The longest wait that we believe: a broken proxy's word must not silence a bot for days."""
ATTEMPTS = 6
"""Attempts before Slack counts as unreachable."""
READS = frozenset(
    {
        "chat.getPermalink",
        "conversations.history",
        "conversations.info",
        "conversations.members",
        "conversations.replies",
        "files.info",
        "files.getUploadURLExternal",
        "users.info",
    }
)
"""Methods that do not read a JSON body."""
_RETRIED = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"})


class ResponseLostError(Exception):
    """The request may or may not have arrived."""


class Tokens(Protocol):
    """The bot tokens of workspaces."""

    async def token(self, workspace: str) -> str:
        """Return the current bot token; raise SlackError when the app is not installed there."""
        ...

    async def refused(self, workspace: str, token: str, code: str) -> bool:
        """Handle a token that Slack rejected with `code`; return True when there is a newer one."""
        ...


class SlackMethods:
    """The Web API methods of one workspace."""

    def __init__(
        self, workspace: str, client: AsyncWebClient, clock: Clock, tokens: Tokens, limiter: RateLimiter
    ) -> None:
        self._workspace = workspace
        self._client = client
        self._clock = clock
        self._tokens = tokens
        self._limiter = limiter

    async def token(self) -> str:
        """Return the workspace's bot token, for downloads outside the Web API."""
        return await self._tokens.token(self._workspace)

    async def open_dm(self, user: str) -> str:
        """Return the channel id of our direct messages with a person."""
        answer = await self.call("conversations.open", users=user)
        return str(answer["channel"]["id"])

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - Slack's own arguments
        """Call a method that may be repeated without harm (`views.open`, `users.info`), rate-limited and retried."""
        for attempt in range(ATTEMPTS):
            try:
                return await self.once(method, arguments)
            except ResponseLostError:
                await self._clock.sleep(min(2.0**attempt, 8.0))
        raise SlackError("unreachable", code="connection", method=method)

    async def send(self, method: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - Slack's own arguments
        """Call a method that must not be repeated when its response is lost."""
        try:
            return await self.once(method, arguments)
        except ResponseLostError:
            raise SlackError("unreachable", code="connection", method=method) from None

    async def has_room(self, method: str) -> bool:
        """Take a slot for an optional call; return False while calls that matter need all slots."""
        return await self._limiter.take_spare(self._rates(method, {}))

    def is_crowded(self, channel: str) -> bool:
        """Return whether posts in that channel, or edits, wait for Slack's rate limit."""
        rates = self._rates("chat.postMessage", {"channel": channel}) | self._rates("chat.update", {})
        return self._limiter.is_waited_for(rates)

    async def once(
        self,
        method: str,
        arguments: Mapping[str, Any],
        *,
        has_turn: bool = False,
        rank: Rank = Rank.USUAL,
        turn: Turn | None = None,
    ) -> Mapping[str, Any]:
        """Make one call: wait for a slot unless `has_turn`, obey Retry-After, return Slack's response.

        `turn` is what was taken of its turn already.

        Raises:
            ResponseLostError: it may or may not have arrived.
        """
        rates = self._rates(method, arguments)
        for attempt in range(ATTEMPTS):
            if attempt or not has_turn:
                await self._limiter.wait(rates, rank=rank, turn=None if attempt else turn)
            # Read each time: another process may have renewed or removed it.
            token = await self.token()
            said = {**arguments, "token": token}
            try:
                sent = {"params": said} if method in READS else {"json": said}
                answer = await self._client.api_call(method, http_verb="GET" if method in READS else "POST", **sent)
                return dict(storable_json(answer.data)) if isinstance(answer.data, dict) else {}
            except SlackApiError as error:
                status, code, headers = read_refusal(error)
                if status == 429:  # noqa: PLR2004 - HTTP
                    await self._held_back(rates, retry_after_s(headers), method)
                    if has_turn:
                        break  # an optional call is not worth the wait
                    continue
                if status >= 500 or code in _RETRIED:  # noqa: PLR2004 - HTTP
                    raise ResponseLostError from error
                refusal = SlackError.of(code, method)
                if refusal.kind == "revoked" and await self._tokens.refused(self._workspace, token, code):
                    continue
                raise refusal from error
            except aiohttp.ClientConnectorError:
                await self._clock.sleep(1)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise ResponseLostError from error
        raise SlackError("unreachable", code="ratelimited", method=method)

    async def _held_back(self, rates: Mapping[str, Rate], seconds: float, method: str) -> None:
        log.info("slack_rate_limited", method=method, retry_after_s=seconds)
        await self._limiter.hold_back(rates, seconds)
        if not rates:
            await self._clock.sleep(seconds)

    @staticmethod
    def _rates(method: str, arguments: Mapping[str, Any]) -> dict[str, Rate]:
        posts = {f"posts:{arguments.get('channel')}": POSTS} if method == "chat.postMessage" else {}
        return posts | ({method: TIERS[method]} if method in TIERS else {})


def retry_after_s(headers: Mapping[str, str], *, default_s: float = 1.0) -> float:
    """Return how many seconds Slack wants us to wait; `default_s` where its word cannot be read."""
    try:
        wait_s = float(headers.get("Retry-After", default_s))
    except ValueError:
        return default_s
    return min(max(wait_s, 0.0), RETRY_AFTER_MAX_S) if math.isfinite(wait_s) else default_s


def read_refusal(error: SlackApiError) -> tuple[int, str, Mapping[str, str]]:
    """Return status, error code and headers of a refusal, whatever shape the SDK gave it."""
    answer = error.response
    status = getattr(answer, "status_code", None) or getattr(answer, "status", None) or 0
    data = getattr(answer, "data", None)
    code = str(data.get("error", "unreadable")) if isinstance(data, dict) else "unreadable"
    return int(status) if data else max(int(status), 500), code, getattr(answer, "headers", {})
