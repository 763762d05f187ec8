"""Bolt's app, for the one workspace of SLACK_BOT_TOKEN or for every workspace that installed it."""

from typing import Any

import aiohttp
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext

from bot.runs.engine import Engine
from bot.settings import Settings
from bot.slack.oauth import install_flow
from bot.slack.workspaces import InstalledTokens, OneToken
from storage.oauth_states import OAuthStates

NOT_INSTALLED = "I am not installed in this workspace any more. Ask an admin of it to install me again."


def bolt_app(engine: Engine, session: aiohttp.ClientSession, tokens: OneToken | InstalledTokens) -> AsyncApp:
    """Build the app without listeners; with installations it also serves the install link."""
    settings = engine.settings
    if isinstance(tokens, OneToken):
        app = AsyncApp(token=settings.slack_bot_token.get_secret_value(), **_common(settings))
    else:
        states = OAuthStates(engine.db, engine.clock, settings.fernet_keys)
        flow = install_flow(settings, tokens.installations, states, engine.clock)
        app = AsyncApp(
            authorize=WorkspaceAuthorize(tokens),  # type: ignore[arg-type]  # Bolt takes None too
            oauth_flow=flow,
            # Without it Bolt builds its own settings from the environment, with a store in files.
            oauth_settings=flow.settings,
            user_facing_authorize_error_message=NOT_INSTALLED,
            **_common(settings),
        )
    _use_session(app, session, settings.slack_api_url)
    return app


def _common(settings: Settings) -> dict[str, Any]:
    secret = settings.slack_signing_secret.get_secret_value()
    return {
        "name": "agents",  # otherwise Bolt searches the source of every frame on the stack for a name
        "signing_secret": secret,
        # Only HTTP requests are signed; in Socket Mode we open the connection.
        "request_verification_enabled": bool(secret),
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
