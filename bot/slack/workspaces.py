"""Slack clients by workspace: every call names its workspace and uses that workspace's token."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.client import SlackClient
from bot.slack.errors import SlackError
from bot.slack.rate_limiter import RateLimiter, SharedSlots
from bot.slack.token_rotation import TokenRotation
from bot.slack.web_api import Tokens
from patterns.core.errors import StorageError
from patterns.core.ports import Clock
from storage.installations import Installation, Installations
from storage.outbox import Outbox

log = structlog.get_logger()

REQUEST_TIMEOUT_S = 30
_REVOKED = frozenset({"token_revoked", "account_inactive", "token_expired"})
"""Final codes; `invalid_auth` is not one, because Slack also says it to an address outside the app's allowlist."""


@asynccontextmanager
async def slack_session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open the HTTP connections of one process to Slack."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)) as session:
        yield session


def slack_client(session: aiohttp.ClientSession, base_url: str) -> AsyncWebClient:
    """Return a Web API client without a token: each call brings its workspace's. The SDK's retries are off."""
    return AsyncWebClient(base_url=base_url, session=session, retry_handlers=[])


class OneToken:
    """The port `Tokens` with the one SLACK_BOT_TOKEN."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._was_refused = False

    async def token(self, workspace: str) -> str:  # noqa: ARG002 - there is only one
        """Return the one token."""
        return self._token

    async def refused(self, workspace: str, token: str, code: str) -> bool:  # noqa: ARG002 - there is only one
        """Log the rejection once for the operator; return False, because there is no newer token."""
        if not self._was_refused:
            self._was_refused = True
            log.error("bot_token_rejected", code=code, advice="reinstall the app, renew SLACK_BOT_TOKEN and restart")
        return False


class InstalledTokens:
    """The port `Tokens` over installations: every workspace has its own."""

    def __init__(self, installations: Installations, renewal: TokenRotation) -> None:
        self.installations = installations
        self._renewal = renewal

    async def find(self, workspace: str, *, organisation: str = "") -> Installation | None:
        """Return the install that speaks in a workspace, its token renewed in time; None when there is none.

        Raises:
            StorageError: its token cannot be decrypted.
        """
        found = await self.installations.find(workspace, organisation=organisation)
        return await self._renewal.fresh(found) if found is not None else None

    async def token(self, workspace: str) -> str:
        """Return the workspace's current bot token."""
        try:
            found = await self.find(workspace)
        except StorageError as error:
            # Callers retry later, as when Slack is away; the operator can fix it.
            log.exception("token_unreadable", workspace=workspace)
            raise SlackError("unreachable", code="no_token", method="") from error
        if found is None:
            raise SlackError("uninstalled", code="not_installed", method="")
        if self._renewal.has_expired(found):
            raise SlackError("unreachable", code="token_expired", method="")
        return found.token

    async def refused(self, workspace: str, token: str, code: str) -> bool:
        """Renew an expired token; forget a revoked one, which is logged once. Return True when there is a newer one."""
        found = await self.installations.find(workspace)
        if found is not None and found.token != token:
            return True
        if found is not None and found.refresh_token and code == "token_expired":
            await self.installations.expire_token(found)
            return True
        if code in _REVOKED and await self.installations.remove_refused(workspace, token, code):
            log.error("workspace_token_rejected", workspace=workspace, advice="install the app there again")
        return False


class Slack:
    """The outbound clients, one per process and workspace; `shared` is the rate limit of all processes together."""

    def __init__(
        self, client: AsyncWebClient, outbox: Outbox, clock: Clock, tokens: Tokens, shared: SharedSlots | None = None
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._clock = clock
        self._tokens = tokens
        self._shared = shared
        self._known: dict[str, SlackClient] = {}

    def of(self, workspace: str) -> SlackClient:
        """Return the client of that workspace."""
        if workspace not in self._known:
            limiter = RateLimiter(self._clock, workspace=workspace, shared=self._shared)
            self._known[workspace] = SlackClient(
                workspace, self._client, self._outbox, self._clock, self._tokens, limiter
            )
        return self._known[workspace]
