"""Installing by link: `/slack/install` sends people to Slack, `/slack/oauth_redirect` stores what Slack returns.

The OAuth steps are Bolt's; the state, the store and the pages are ours, so that any web process can take any step.
"""

import logging
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import structlog
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from slack_bolt.oauth.async_callback_options import AsyncCallbackOptions, AsyncFailureArgs, AsyncSuccessArgs
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackClientError
from slack_sdk.oauth.installation_store import Installation as SlackInstallation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from bot.manifest import INSTALL_PATH, REDIRECT_PATH, render
from bot.settings import Settings
from bot.slack.workspaces import slack_client, slack_session
from patterns.core.errors import AgentsError, UserError
from patterns.core.ports import Clock
from storage.installations import Installation, Installations
from storage.oauth_states import STATE_TTL_S, OAuthStates

log = structlog.get_logger()

_HEADERS = {
    "Content-Type": ["text/html; charset=utf-8"],
    "Cache-Control": ["no-store"],
    "Content-Security-Policy": ["default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"],
    # The page's address holds Slack's code.
    "Referrer-Policy": ["no-referrer"],
}
_AGAIN = "Start again with the button below."
_REASONS = {
    "access_denied": f"You did not allow it, so nothing was installed. {_AGAIN}",
    "invalid_browser": f"This began in another browser, or cookies are off. {_AGAIN}",
    "invalid_state": f"This link was used before or is older than ten minutes. {_AGAIN}",
    "missing_code": f"Slack did not say what was allowed. {_AGAIN}",
    "invalid_code": f"Slack did not confirm the install. {_AGAIN}",
    "database": "The install could not be kept just now. Wait a minute, then start again.",
    "unreachable": "Slack could not be asked whether you allowed it. Wait a minute, then start again.",
}


class _Store(AsyncInstallationStore):
    """Bolt's installation store over ours."""

    def __init__(self, installations: Installations, clock: Clock, settings: Settings) -> None:
        self._installations = installations
        self._clock = clock
        self._settings = settings

    async def async_save(self, installation: SlackInstallation) -> None:
        """Store an install.

        Raises:
            UserError: it brings no bot token, or the operator does not admit the workspace.
        """
        if not installation.bot_token:
            raise UserError("Slack gave no bot token. The operator has to update the app to `agents manifest --url`.")
        team_id = "" if installation.is_enterprise_install else installation.team_id or ""
        if not self._settings.admits(team_id, installation.enterprise_id or ""):
            await revoke(installation.bot_token, self._settings)
            log.warning(
                "install_refused", reason="not in AGENTS_WORKSPACES", workspace=team_id or installation.enterprise_id
            )
            raise UserError(
                "This deployment serves only workspaces that its operator has named, and this is none of them."
            )
        made = Installation(
            enterprise_id=installation.enterprise_id or "",
            team_id=team_id,
            name=(installation.team_name if team_id else installation.enterprise_name) or "",
            bot_id=installation.bot_id or "",
            bot_user_id=installation.bot_user_id or "",
            scopes=",".join(installation.bot_scopes or ()),
            installer=installation.user_id or "",
            installed_us=self._clock.now_us(),
            token=installation.bot_token,
            refresh_token=installation.bot_refresh_token or "",
            expires_us=int((installation.bot_token_expires_at or 0) * 1_000_000),
        )
        await self._installations.save(made)
        log.info("app_installed", workspace=made.id, installer=made.installer)


class _States(AsyncOAuthStateStore):
    """Bolt's OAuth state store over ours."""

    def __init__(self, states: OAuthStates) -> None:
        self._states = states

    async def async_issue(self, *_args: Any, **_kwargs: Any) -> str:  # noqa: ANN401 - Bolt's signature
        """Issue a state; see OAuthStates."""
        return await self._states.issue()

    async def async_consume(self, state: str) -> bool:
        """Consume a state once; see OAuthStates."""
        return await self._states.consume(state)


async def revoke(token: str, settings: Settings) -> bool:
    """Revoke a token at Slack; return False, and log it, when Slack did not accept that."""
    try:
        async with slack_session() as session:
            await slack_client(session, settings.slack_api_url).auth_revoke(token=token)
    except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
        log.warning("token_not_revoked", error=type(error).__name__)
        return False
    return True


class InstallFlow(AsyncOAuthFlow):
    """Bolt's OAuth flow, with an error page for failures of the database or the network."""

    async def handle_installation(self, request: AsyncBoltRequest) -> BoltResponse:
        """Send the browser to Slack with a fresh state."""
        try:
            return await super().handle_installation(request)
        except AgentsError:
            # A database failure is the operator's to read, not the public page's.
            log.exception("install_not_started")
            return self._not_installed(_REASONS["database"], status=503)

    async def handle_callback(self, request: AsyncBoltRequest) -> BoltResponse:
        """Handle Slack's redirect after the person agreed or declined."""
        try:
            return await super().handle_callback(request)
        except UserError as error:
            return self._not_installed(str(error), status=400)
        except AgentsError:
            log.exception("install_not_stored")
            return self._not_installed(_REASONS["database"], status=503)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("install_slack_unreachable", error=type(error).__name__)
            return self._not_installed(_REASONS["unreachable"], status=502)

    def _not_installed(self, why: str, *, status: int) -> BoltResponse:
        return _page("not_installed", self.settings, status=status, why=why)


def install_flow(settings: Settings, installations: Installations, states: OAuthStates, clock: Clock) -> InstallFlow:
    """Build the OAuth flow of this deployment's app, with the manifest's scopes."""
    return InstallFlow(
        settings=AsyncOAuthSettings(
            client_id=settings.slack_client_id,
            client_secret=settings.slack_client_secret.get_secret_value(),
            scopes=yaml.safe_load(render())["oauth_config"]["scopes"]["bot"],
            user_scopes=[],
            install_path=INSTALL_PATH,
            redirect_uri_path=REDIRECT_PATH,
            install_page_rendering_enabled=False,
            authorization_url=urljoin(settings.slack_api_url, "/oauth/v2/authorize"),
            callback_options=AsyncCallbackOptions(success=_succeeded, failure=_failed),
            installation_store=_Store(installations, clock, settings),
            state_store=_States(states),
            state_expiration_seconds=STATE_TTL_S,
            logger=logging.getLogger("slack_bolt"),
        )
    )


async def _succeeded(args: AsyncSuccessArgs) -> BoltResponse:
    made = args.installation
    name = (made.enterprise_name if made.is_enterprise_install else made.team_name) or "your workspace"
    return _page("installed", args.settings, status=200, name=name, is_org_wide=bool(made.is_enterprise_install))


async def _failed(args: AsyncFailureArgs) -> BoltResponse:
    log.warning("install_refused", reason=args.reason)
    why = _REASONS.get(args.reason, f"Slack said no. {_AGAIN}")
    return _page("not_installed", args.settings, status=args.suggested_status_code, why=why)


_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).resolve().parents[2] / "templates" / "pages"),
    autoescape=True,
    undefined=StrictUndefined,
)


def _page(template: str, settings: AsyncOAuthSettings, *, status: int, **values: object) -> BoltResponse:
    body = _PAGES.get_template(f"{template}.html.j2").render(install_path=INSTALL_PATH, **values)
    return BoltResponse(
        status=status,
        body=body,
        headers={**_HEADERS, "Set-Cookie": [settings.state_utils.build_set_cookie_for_deletion()]},
    )
