"""The scopes that Slack granted a workspace's token, as Slack itself says with every answer."""

import asyncio
import time
from collections.abc import Callable

import aiohttp
import structlog
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.errors import SlackError
from bot.slack.web_api import Tokens

log = structlog.get_logger()

TTL_S = 60.0
"""For so long an answer is remembered: an admin who reinstalls the app looks again within minutes."""
TIMEOUT_S = 5.0
_HEADER = "x-oauth-scopes"


class GrantedScopes:
    """Asks `auth.test`, whose response headers name the token's scopes."""

    def __init__(
        self, client: AsyncWebClient, tokens: Tokens, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    async def of(self, workspace: str) -> frozenset[str] | None:
        """Return a workspace's scopes; None where Slack does not say, or cannot be asked now."""
        asked_at, known = self._known.get(workspace, (0.0, frozenset()))
        if known and self._monotonic() - asked_at < TTL_S:
            return known
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._client.auth_test(token=await self._tokens.token(workspace))
        except (SlackClientError, SlackError, aiohttp.ClientError, TimeoutError) as error:
            log.info("scopes_not_read", workspace=workspace, error=type(error).__name__)
            return None
        said = {name.lower(): value for name, value in answer.headers.items()}.get(_HEADER, "")
        found = frozenset(scope.strip() for scope in str(said).split(",") if scope.strip())
        if not found:
            return None
        self._known[workspace] = (self._monotonic(), found)
        return found
