"""Slack's part of the doctor: tokens, scopes and clocks, checked with Slack itself without posting anything."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import yaml

from bot.cli.findings import Finding, fail, ok, warn
from bot.manifest import INSTALL_PATH, needed_scopes, optional_scopes, render
from bot.messages.scopes import SCOPES
from bot.settings import NEEDS_HTTP, Settings, setup_mistakes
from storage.ledger.periods import SKEW_LIMIT_S

CLOCK_SKEW_WARN_S = 30.0
_BOT, _APP, _SECRET = "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"
CHECKED_WITH_SLACK = frozenset({_BOT, _APP, _SECRET})
"""Variables whose one line is said here."""
_NEEDED_BY = {
    "app_mentions:read": ("app_mention",),
    "channels:history": ("message.channels",),
    "groups:history": ("message.groups",),
    "im:history": ("message.im",),
    "mpim:history": ("message.mpim",),
    "reactions:read": ("reaction_added",),
    "channels:read": ("member_joined_channel",),
}
"""Events that Slack does not send without a scope."""
_REINSTALL = "Update the app to `agents manifest`, then reinstall the app."
_INSTALL = "docs/install.md shows where to find it."


async def slack_findings(settings: Settings, session: aiohttp.ClientSession) -> AsyncIterator[Finding]:
    """Yield what Slack says of our tokens; a token that is not set is not checked."""
    mistakes = setup_mistakes(settings)
    for mistake in mistakes:
        yield fail("Slack", mistake)
    if settings.is_multi_workspace:
        if not mistakes:
            yield ok("Slack", f"workspaces install the app by themselves, at {INSTALL_PATH}.")
        yield _signing_secret(settings) if settings.port is not None else fail("PORT", NEEDS_HTTP)
        return
    if not settings.slack_bot_token:
        yield fail(_BOT, f"not set. {_INSTALL} `agents demo` needs none.")
    elif not settings.slack_bot_token.get_secret_value().startswith("xoxb-"):
        yield fail(_BOT, f"is no bot token: those begin with xoxb-. {_INSTALL}")
    else:
        async for finding in _bot_token(settings, session):
            yield finding
    if settings.port is not None:
        yield _signing_secret(settings)
    else:
        yield await _app_token(settings, session)


def _signing_secret(settings: Settings) -> Finding:
    if settings.slack_signing_secret:
        return ok(_SECRET, f"set, for HTTP mode on port {settings.port}.")
    return fail(_SECRET, f"not set, and HTTP mode (PORT={settings.port}) checks every request with it. {_INSTALL}")


async def _bot_token(settings: Settings, session: aiohttp.ClientSession) -> AsyncIterator[Finding]:
    try:
        answer, headers = await _call(session, settings, "auth.test", settings.slack_bot_token.get_secret_value())
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        yield fail("Slack", f"{settings.slack_api_url} does not answer ({type(error).__name__}). Check the network.")
        return
    if not answer.get("ok"):
        yield fail(_BOT, f"Slack refuses it ({answer.get('error')}). Reinstall the app, then renew the token.")
    else:
        yield ok(_BOT, f"speaks as {answer.get('user')} in {answer.get('team')}.")
        yield _scopes(headers.get("x-oauth-scopes"))
    if date := headers.get("Date"):
        yield _clock(parsedate_to_datetime(date), datetime.now(UTC))


def _scopes(granted: str | None) -> Finding:
    """Return how the granted scopes compare with those of our manifest."""
    if granted is None:
        return warn("scopes", "this Slack does not say which scopes it granted.")
    have = {scope.strip() for scope in granted.split(",")}
    wanted, optional = needed_scopes(), optional_scopes()
    events = yaml.safe_load(render())["settings"]["event_subscriptions"]["bot_events"]
    if missing := sorted(wanted - have):
        silent = [name for scope in missing for name in _NEEDED_BY.get(scope, ()) if name in events]
        unheard = f" Without them these events do not come: {', '.join(silent)}." if silent else ""
        return fail("scopes", f"missing: {', '.join(missing)}.{unheard} {_REINSTALL}")
    if left := sorted(optional - have):
        off = " ".join(SCOPES[scope].without for scope in left)
        return warn("scopes", f"optional ones that are missing: {', '.join(left)}. {off} {_REINSTALL}")
    if extra := sorted(have - wanted - optional - {""}):
        return warn("scopes", f"more than the manifest asks for: {', '.join(extra)}. They can be removed.")
    told = f"Slack tells a bot's token nothing of its events; Event Subscriptions of the app must show {len(events)}"
    return ok("scopes", f"all {len(wanted | optional)} of the manifest. {told}: {', '.join(events)}.")


def _clock(slack: datetime, ours: datetime) -> Finding:
    """Return how our clock compares with Slack's: months turn by ours."""
    skew_s = (ours - slack).total_seconds()
    text = f"{abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} Slack's"
    if abs(skew_s) > SKEW_LIMIT_S:
        return fail("clock", f"{text}. No month is opened with a clock that wrong: synchronise it (NTP).")
    if abs(skew_s) > CLOCK_SKEW_WARN_S:
        return warn("clock", f"{text}. Synchronise it (NTP) before it is minutes.")
    return ok("clock", "agrees with Slack's.")


async def _app_token(settings: Settings, session: aiohttp.ClientSession) -> Finding:
    token = settings.slack_app_token.get_secret_value()
    if not token:
        return fail(_APP, f"not set, and Socket Mode needs it (or set PORT for HTTP mode). {_INSTALL}")
    if not token.startswith("xapp-"):
        return fail(_APP, f"is no app-level token: those begin with xapp-. {_INSTALL}")
    try:
        answer, _ = await _call(session, settings, "apps.connections.open", token)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return fail(_APP, f"could not be tried ({type(error).__name__}). Check the network.")
    if not answer.get("ok"):
        reason = answer.get("error")
        return fail(_APP, f"Slack refuses it ({reason}). It needs the scope connections:write, with Socket Mode on.")
    return ok(_APP, "opens Socket Mode.")


async def _call(
    session: aiohttp.ClientSession, settings: Settings, method: str, token: str
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Return Slack's response with its headers."""
    headers = {"Authorization": f"Bearer {token}"}
    async with session.post(f"{settings.slack_api_url}{method}", headers=headers) as reply:
        answer = await reply.json(content_type=None)
        if not isinstance(answer, dict):
            raise ValueError(method)  # noqa: TRY004 - a response of the wrong shape, like one that is not JSON
        return answer, reply.headers
