"""Programs that a measured bot stands beside: an empty Bolt app, and a Slack with many people.

python -m tests.bench.doubles empty PORT SLACK_URL
python -m tests.bench.doubles slack ANSWERS_PORT PEOPLE
"""

import asyncio
import sys

from aiohttp import web
from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.http_connections import server_of
from bot.manifest import EVENTS_PATH
from tests.fakes.slack_server import SIGNING_SECRET, SlackServer
from tests.fakes.slack_state import BOT_TOKEN, BOT_USER


def user_of(number: int) -> str:
    """The id of one of many people."""
    return f"U0BENCH{number}"


def channel_of(number: int) -> str:
    """The id of the channel where that person is alone with the bot."""
    return f"C0BENCH{number}"


async def empty_app(port: int, slack: str) -> None:
    """Serve a Bolt app that acknowledges and does nothing else, under the server that is ours."""
    app = AsyncApp(name="empty", client=AsyncWebClient(token=BOT_TOKEN, base_url=slack), signing_secret=SIGNING_SECRET)

    @app.command("/agents")
    async def command(ack) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - Bolt goes by the name
        await ack()

    server = server_of(AsyncSlackRequestHandler(app, path=EVENTS_PATH), grace_s=1)
    server.config.host, server.config.port = "127.0.0.1", port
    print("ready", flush=True)
    await server.serve()


async def slack_of_many(answers_port: int, people: int) -> None:
    """Be a Slack with so many people, each in a channel of their own; a page beside it takes replies to commands."""

    async def taken(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    page = web.Application()
    page.router.add_post("/", taken)
    runner = web.AppRunner(page, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", answers_port).start()
    async with SlackServer() as slack:
        for number in range(people):
            slack.workspace.add_user(user_of(number), f"Bench {number}")
            slack.workspace.add_channel(channel_of(number), f"bench{number}", {user_of(number), BOT_USER})
        print(slack.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    kind, port, more = sys.argv[1:]
    asyncio.run(empty_app(int(port), more) if kind == "empty" else slack_of_many(int(port), int(more)))
