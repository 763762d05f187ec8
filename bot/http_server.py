"""HTTP mode: signed Slack payloads, install pages and health, behind the gate."""

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from starlette.applications import Starlette
from starlette.routing import Mount

from bot.app import LATE_REQUESTS_S, Bot
from bot.health_server import health_pages
from bot.http_connections import bound, serving
from bot.http_gate import App, HttpGate
from bot.manifest import EVENTS_PATH, INSTALL_PATH, REDIRECT_PATH
from bot.settings import Settings


@contextlib.asynccontextmanager
async def http_server(bot: Bot, settings: Settings, port: int) -> AsyncIterator[None]:
    """Serve HTTP while the block runs; raise UserError when the address cannot be had."""
    listener = bound(settings.host, port, instead="--port or PORT")
    async with AsyncExitStack() as stack:
        guarded = {}
        if settings.mcp_tokens:
            # Its protocol takes two seconds to import, and few need it.
            module = await asyncio.to_thread(importlib.import_module, "bot.mcp_server.http")
            page = module.McpPage(settings.mcp_tokens, bot.desk_for)
            await stack.enter_async_context(page.running())
            guarded[module.PATH] = page
        app = web_app(bot, settings, guarded=guarded)
        await stack.enter_async_context(serving(app, listener, name="http", grace_s=LATE_REQUESTS_S))
        yield


def web_app(bot: Bot, settings: Settings, *, guarded: Mapping[str, App] | None = None) -> HttpGate:
    """Build the app of HTTP mode, behind its gate: signed Slack payloads, OAuth install pages, health.

    `guarded` are pages that let people in by themselves.
    """
    health = health_pages(bot).routes()
    slack: Any = AsyncSlackRequestHandler(bot.slack_app, path=EVENTS_PATH)
    others = Starlette(routes=[*health, Mount("/", slack)])  # whose routing would cost payloads a tenth more
    pages: dict[str, tuple[str, ...]] = {page.path: ("GET", "HEAD") for page in health}
    if settings.is_multi_workspace:
        pages |= {INSTALL_PATH: ("GET",), REDIRECT_PATH: ("GET",)}
    secret = settings.slack_signing_secret.get_secret_value()
    return HttpGate(slack, others, secret=secret, pages=pages, guarded=guarded)
