"""HTTP mode: signed Slack payloads, install pages and health, behind the gate."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from starlette.applications import Starlette
from starlette.routing import Mount

from bot.app import LATE_REQUESTS_S, Bot
from bot.health import PATHS, HealthPages
from bot.http_connections import BACKLOG, server_of
from bot.http_gate import HttpGate
from bot.manifest import EVENTS_PATH, INSTALL_PATH, REDIRECT_PATH
from bot.settings import Settings
from patterns.core.errors import UserError


@contextlib.asynccontextmanager
async def http_server(bot: Bot, settings: Settings, port: int) -> AsyncIterator[None]:
    """Serve HTTP while the block runs; raise UserError when the address cannot be had."""
    listener = _bound(settings.host, port)
    server = server_of(web_app(bot, settings), grace_s=LATE_REQUESTS_S)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _bound(host: str, port: int) -> socket.socket:
    """Return the listening socket; early connections wait in its backlog. A taken port is one clear sentence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except socket.gaierror:
        raise UserError(f"AGENTS_HOST={host} is no address of this machine. Use one such as 127.0.0.1.") from None
    except OSError as error:
        raise UserError(
            f"Port {port} could not be opened on {host} ({error.strerror}). Choose another with --port or PORT, or"
            " another address with AGENTS_HOST."
        ) from None


def web_app(bot: Bot, settings: Settings) -> HttpGate:
    """Build the app of HTTP mode, behind its gate: signed Slack payloads, OAuth install pages, health."""
    health = HealthPages(bot.engine.store.queue_state, bot.slack_app.client.api_test)
    app = Starlette(
        routes=[
            *health.routes(),
            Mount("/", AsyncSlackRequestHandler(bot.slack_app, path=EVENTS_PATH)),  # type: ignore[arg-type]
        ]
    )
    pages: dict[str, tuple[str, ...]] = dict.fromkeys(PATHS, ("GET", "HEAD"))
    if settings.is_multi_workspace:
        pages |= {INSTALL_PATH: ("GET",), REDIRECT_PATH: ("GET",)}
    return HttpGate(app, secret=settings.slack_signing_secret.get_secret_value(), signed_path=EVENTS_PATH, pages=pages)
