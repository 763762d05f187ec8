"""A bot in this process that hears signed HTTP, as Slack delivers it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.app import open_bot
from bot.demo.process import free_port
from bot.manifest import EVENTS_PATH
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.serve import listen
from bot.settings import read_settings
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
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
