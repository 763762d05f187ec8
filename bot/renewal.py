"""Tokens that expire, of apps with token rotation, are renewed before they do, by one process at a time."""

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.settings import Settings
from patterns.ports import Clock
from storage.installations import Installation, Installations

log = structlog.get_logger()

BEFORE_US = 2 * 3_600_000_000
"""Slack's tokens live twelve hours. In the last two of them whoever needs one asks for the next."""
CLAIM_US = 40_000_000
"""Longer than Slack may take. Whoever dies with the answer in hand: Slack takes the same refresh token for a while."""
_FINAL = frozenset({"invalid_refresh_token", "token_revoked", "account_inactive"})


class Renewal:
    """Asks Slack for the next tokens of an install, as the app that SLACK_CLIENT_ID names."""

    def __init__(self, installations: Installations, client: AsyncWebClient, settings: Settings, clock: Clock) -> None:
        self._installations = installations
        self._client = client
        self._app = {"client_id": settings.slack_client_id, "client_secret": settings.slack_client_secret}
        self._clock = clock

    def has_expired(self, found: Installation) -> bool:
        """Whether Slack takes its token no more."""
        return 0 < found.expires_us <= self._clock.now_us()

    async def fresh(self, found: Installation) -> Installation | None:
        """The install with a token that lasts; as it was, while that cannot be had; None when it never will be."""
        if not found.expires_us or found.expires_us > self._clock.now_us() + BEFORE_US:
            return found
        if not await self._installations.claim_renewal(found, for_us=CLAIM_US):
            return await self._installations.find(found.id)  # another process is at it, or was
        try:
            answer = await self._client.oauth_v2_access(
                **self._app, grant_type="refresh_token", refresh_token=found.refresh_token
            )
        except SlackApiError as error:
            code = str(error.response.get("error"))
            log.warning("token not renewed", workspace=found.id, code=code)
            if code in _FINAL and self.has_expired(found):
                await self._installations.refused(found.id, found.token, code)
                return None
            return found
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("token not renewed", workspace=found.id, code=type(error).__name__)
            return found
        await self._installations.renewed(
            found,
            token=answer["access_token"],
            refresh_token=answer["refresh_token"],
            expires_us=self._clock.now_us() + int(answer["expires_in"]) * 1_000_000,
        )
        log.info("token renewed", workspace=found.id)
        return await self._installations.find(found.id)
