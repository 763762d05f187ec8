"""Bolt's app, for the one workspace of SLACK_BOT_TOKEN or for every workspace that installed it."""

import contextlib
from typing import Any

import aiohttp
import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError

from bot.listeners.foreground import Foreground
from bot.runs.engine import Engine
from bot.settings import Settings
from bot.slack.oauth import install_flow
from bot.slack.workspaces import InstalledTokens, OneToken
from storage.oauth_states import OAuthStates

log = structlog.get_logger()

NOT_AUTHORIZED = (
    "I could not check my token with Slack just now, so nothing was started. Please try again; if it stays, ask an"
    " admin to run `agents doctor`."
)
NOT_INSTALLED = "I am not installed in this workspace any more. Ask an admin of it to install me again."


def bolt_app(
    engine: Engine, session: aiohttp.ClientSession, tokens: OneToken | InstalledTokens, foreground: Foreground
) -> AsyncApp:
    """Build the app without listeners; with installations it also serves the install link."""
    settings = engine.settings
    app: CountingApp
    if isinstance(tokens, OneToken):
        app = OneWorkspaceApp(
            token=settings.slack_bot_token.get_secret_value(),
            user_facing_authorize_error_message=NOT_AUTHORIZED,
            **_common(settings),
        )
    else:
        states = OAuthStates(engine.db, engine.clock, settings.fernet_keys)
        flow = install_flow(settings, tokens.installations, states, engine.clock)
        app = CountingApp(
            authorize=WorkspaceAuthorize(tokens),  # type: ignore[arg-type]  # Bolt takes None too
            oauth_flow=flow,
            # Without it Bolt builds its own settings from the environment, with a store in files.
            oauth_settings=flow.settings,
            user_facing_authorize_error_message=NOT_INSTALLED,
            **_common(settings),
        )
    app.foreground = foreground
    _use_session(app, session, settings.slack_api_url)
    return app


class CountingApp(AsyncApp):
    """Bolt's app, whose payloads count as foreground until their response is known."""

    foreground: Foreground

    async def async_dispatch(self, req: AsyncBoltRequest) -> BoltResponse:
        """Dispatch a payload and return the response for Slack."""
        with self.foreground.payload():
            return await super().async_dispatch(req)


class OneWorkspaceApp(CountingApp):
    """Bolt's app over one token, that takes no payload it could not authorize.

    Bolt checks the token with the first payload. When Slack does not answer that, Bolt acknowledges the payload and
    drops it: an event would be lost, which Slack sends again when it is not acknowledged, and a click do nothing.
    """

    async def async_dispatch(self, req: AsyncBoltRequest) -> BoltResponse:
        """Dispatch a payload; of one that could not be authorized, tell the person, or Slack, that it was not taken."""
        try:
            answer = await super().async_dispatch(req)
        except (aiohttp.ClientError, TimeoutError):
            answer = BoltResponse(status=200, body=NOT_AUTHORIZED)
        if answer.body != NOT_AUTHORIZED:
            return answer
        log.warning("payload_not_authorized", type=req.body.get("type") or "command")
        if "command" in req.body:
            return answer  # its body is shown to the person
        if req.context.response_url:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, SlackApiError):
                await req.context.respond(text=NOT_AUTHORIZED, response_type="ephemeral", replace_original=False)  # type: ignore[misc]
            return BoltResponse(status=200)
        return BoltResponse(status=503)


def _common(settings: Settings) -> dict[str, Any]:
    secret = settings.slack_signing_secret.get_secret_value()
    return {
        "name": "agents",  # otherwise Bolt searches the source of every frame on the stack for a name
        "signing_secret": secret,
        # Only HTTP requests are signed; in Socket Mode we open the connection.
        "request_verification_enabled": bool(secret),
        # Listeners acknowledge and hand over. Otherwise Bolt runs them in a task and looks each 10 ms whether they
        # have acknowledged by now.
        "process_before_response": True,
    }


def _use_session(slack_app: AsyncApp, session: aiohttp.ClientSession, base_url: str) -> None:
    """Make Bolt's own client, which listeners receive copies of, use our connections and no retries.

    It is not passed to the constructor, because Bolt then warns about the SLACK_BOT_TOKEN it finds for itself.
    """
    client = slack_app.client
    client.base_url, client.session, client.retry_handlers = base_url, session, []


class WorkspaceAuthorize(AsyncAuthorize):
    """Bolt's authorize port over our installations; Slack is only called to renew an expiring token."""

    def __init__(self, tokens: InstalledTokens) -> None:
        self._tokens = tokens

    async def __call__(  # noqa: PLR0913 - Bolt's signature
        self,
        *,
        context: AsyncBoltContext,  # noqa: ARG002 - Bolt's signature
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        actor_enterprise_id: str | None = None,  # noqa: ARG002 - Bolt's signature
        actor_team_id: str | None = None,  # noqa: ARG002 - Bolt's signature
        actor_user_id: str | None = None,  # noqa: ARG002 - Bolt's signature
    ) -> AuthorizeResult | None:
        """Return the workspace's own install, else its organisation's; None when there is neither."""
        organisation = enterprise_id or ""
        found = await self._tokens.find(team_id or organisation, organisation=organisation)
        if found is None:
            return None
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_id=found.bot_id,
            bot_user_id=found.bot_user_id,
            bot_token=found.token,
            bot_scopes=found.scopes,
            user_id=user_id,
        )
