"""HTTP mode: signed Slack payloads, install pages and health, behind the gate."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from bot.app import LATE_REQUESTS_S, Bot
from bot.http_connections import BACKLOG, server_of
from bot.http_gate import HttpGate
from bot.manifest import EVENTS_PATH, INSTALL_PATH, REDIRECT_PATH
from bot.settings import Settings
from patterns.core.errors import UserError

HEALTH_S = 1.0


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
    health = HealthPage(bot.is_healthy)
    app = Starlette(
        routes=[
            Route("/healthz", health.answer),
            Mount("/", AsyncSlackRequestHandler(bot.slack_app, path=EVENTS_PATH)),  # type: ignore[arg-type]
        ]
    )
    pages: dict[str, tuple[str, ...]] = {"/healthz": ("GET", "HEAD")}
    if settings.is_multi_workspace:
        pages |= {INSTALL_PATH: ("GET",), REDIRECT_PATH: ("GET",)}
    return HttpGate(app, secret=settings.slack_signing_secret.get_secret_value(), signed_path=EVENTS_PATH, pages=pages)


class HealthPage:
    """`/healthz`: anybody may ask it, so the database is asked once a second at most."""

    def __init__(self, is_healthy: Callable[[], Awaitable[bool]]) -> None:
        self._is_healthy = is_healthy
        self._asking: asyncio.Task[bool] | None = None
        self._until_s = 0.0

    async def answer(self, _request: Request) -> JSONResponse:
        """Answer 200 or 503."""
        now_s = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now_s >= self._until_s):
            self._until_s = now_s + HEALTH_S
            self._asking = asyncio.create_task(self._ask(), name="health")
        healthy = await asyncio.shield(self._asking)
        return JSONResponse({"ok": healthy}, status_code=200 if healthy else 503)

    async def _ask(self) -> bool:
        return await self._is_healthy()
