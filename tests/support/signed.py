"""Signed HTTP, as Slack delivers it: a bot in this process that hears it, and commands to send to any."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

from bot.app import open_bot
from bot.demo.process import free_port
from bot.manifest import EVENTS_PATH
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.serve import listen
from bot.settings import read_settings
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SIGNING_SECRET, SlackServer
from tests.fakes.slack_state import TEAM
from tests.support.running_bot import House, bot_environment


@asynccontextmanager
async def hearing(slack: SlackServer, provider: Provider, folder: Path, **env: str) -> AsyncIterator[House]:
    """Open a bot in HTTP mode; `slack` delivers there, signed."""
    port = free_port()
    shared = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=folder)
    settings = read_settings({**shared, **env})
    slack.request_url = f"http://127.0.0.1:{port}{EVENTS_PATH}"
    async with (
        open_engine(settings, await choose_models(settings)) as engine,
        open_bot(engine) as bot,
        listen(bot, settings, port=port),
    ):
        yield House(bot, settings)


def signed_command(
    text: str,
    *,
    trigger: str,
    response_url: str = "",
    user: str = "U0DANA",
    channel: str = "C0PLATFORM",
    secret: str = SIGNING_SECRET,
    age_s: int = 0,
) -> tuple[str, dict[str, str]]:
    """Body and headers of `/agents` as a person types it."""
    where = {"team_id": TEAM, "channel_id": channel, "user_id": user, "trigger_id": trigger}
    body = urlencode({"command": "/agents", "text": text, **where, "response_url": response_url})
    stamp = str(int(time.time()) - age_s)
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return body, {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
