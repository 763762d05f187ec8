"""Token rotation: expiring bot tokens are renewed before they expire, by one process at a time."""

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.settings import Settings
from bot.slack.web_api import read_refusal
from patterns.core.ports import Clock
from patterns.core.tasks import run_to_completion
from storage.installations import Installation, Installations

log = structlog.get_logger()

BEFORE_US = 2 * 3_600_000_000
"""Slack's tokens live twelve hours. From two hours before the end, the next use renews it."""
LEASE_US = 40_000_000
"""Longer than Slack may take. After a crash with the response in hand the same refresh token works for a while."""
OTHERS_S, LOOK_S = 10.0, 0.2
"""Seconds to wait for another process that is renewing the token, and seconds between two looks."""
_FINAL = frozenset({"invalid_refresh_token", "token_revoked", "account_inactive"})


class TokenRotation:
    """Renews the tokens of installs, as the app of SLACK_CLIENT_ID."""

    def __init__(self, installations: Installations, client: AsyncWebClient, settings: Settings, clock: Clock) -> None:
        self._installations = installations
        self._client = client
        self._app = {
            "client_id": settings.slack_client_id,
            "client_secret": settings.slack_client_secret.get_secret_value(),
        }
        self._clock = clock

    def has_expired(self, found: Installation) -> bool:
        """Return True when the install's token has expired."""
        return 0 < found.expires_us <= self._clock.now_us()

    async def fresh(self, found: Installation) -> Installation | None:
        """Return the install with a valid token; unchanged while Slack is away; None when it can never be renewed."""
        if not found.expires_us or found.expires_us > self._clock.now_us() + BEFORE_US:
            return found
        # The caller may be cancelled; the refresh token is good once, so Slack's response has to be stored.
        if await self._installations.claim_renewal(found, for_us=LEASE_US):
            return await run_to_completion(self._renew(found))
        return await self._renewed_by_others(found)

    async def _renewed_by_others(self, found: Installation) -> Installation | None:
        """Wait for another process that is renewing the token; return at once while the old one still works."""
        end_s = self._clock.monotonic() + OTHERS_S
        now = await self._installations.find(found.id)
        while now is not None and self.has_expired(now) and self._clock.monotonic() < end_s:
            await self._clock.sleep(LOOK_S)
            now = await self._installations.find(found.id)
        return now

    async def _renew(self, found: Installation) -> Installation | None:
        try:
            answer = await self._client.oauth_v2_access(
                **self._app, grant_type="refresh_token", refresh_token=found.refresh_token
            )
        except SlackApiError as error:
            _status, code, _headers = read_refusal(error)
            log.warning("token_not_renewed", workspace=found.id, code=code)
            if code in _FINAL and self.has_expired(found):
                await self._installations.remove_refused(found.id, found.token, code)
                return None
            return found
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("token_not_renewed", workspace=found.id, code=type(error).__name__)
            return found
        await self._installations.store_renewal(
            found,
            token=answer["access_token"],
            refresh_token=answer["refresh_token"],
            expires_us=self._clock.now_us() + int(answer["expires_in"]) * 1_000_000,
        )
        log.info("token_renewed", workspace=found.id)
        return await self._installations.find(found.id)
