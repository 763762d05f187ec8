"""HTTP mode: signed Slack payloads, install pages and health, behind the gate."""

import contextlib
from collections.abc import AsyncIterator

from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from starlette.applications import Starlette
from starlette.routing import Mount

from bot.app import LATE_REQUESTS_S, Bot
from bot.health_server import health_pages
from bot.http_connections import bound, serving
from bot.http_gate import HttpGate
from bot.manifest import EVENTS_PATH, INSTALL_PATH, REDIRECT_PATH
from bot.settings import Settings


@contextlib.asynccontextmanager
async def http_server(bot: Bot, settings: Settings, port: int) -> AsyncIterator[None]:
    """Serve HTTP while the block runs; raise UserError when the address cannot be had."""
    listener = bound(settings.host, port, instead="--port or PORT")
    async with serving(web_app(bot, settings), listener, name="http", grace_s=LATE_REQUESTS_S):
        yield


def web_app(bot: Bot, settings: Settings) -> HttpGate:
    """Build the app of HTTP mode, behind its gate: signed Slack payloads, OAuth install pages, health."""
    health = health_pages(bot).routes()
    app = Starlette(
        routes=[
            *health,
            Mount("/", AsyncSlackRequestHandler(bot.slack_app, path=EVENTS_PATH)),  # type: ignore[arg-type]
        ]
    )
    pages: dict[str, tuple[str, ...]] = {page.path: ("GET", "HEAD") for page in health}
    if settings.is_multi_workspace:
        pages |= {INSTALL_PATH: ("GET",), REDIRECT_PATH: ("GET",)}
    return HttpGate(app, secret=settings.slack_signing_secret.get_secret_value(), signed_path=EVENTS_PATH, pages=pages)
