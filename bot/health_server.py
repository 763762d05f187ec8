"""The health pages of a bot, and a port of their own for Socket Mode and for workers, which hear no HTTP."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.applications import Starlette

from bot.app import Bot
from bot.health import HealthPages
from bot.http_connections import bound, serving
from bot.settings import Settings


def health_pages(bot: Bot, is_connected: Callable[[], Awaitable[bool]] | None = None) -> HealthPages:
    """Build the pages of a bot; `is_connected` tells of its socket in Socket Mode."""
    return HealthPages(
        queue=bot.engine.store.queue_state,
        slack=bot.slack_app.client.api_test,
        are_leases_renewed=lambda: bot.executor.lease.is_renewed,
        failing=bot.engine.client.circuits.failing,
        is_connected=is_connected,
    )


@contextlib.asynccontextmanager
async def health_server(pages: HealthPages, settings: Settings, port: int) -> AsyncIterator[None]:
    """Serve the pages while the block runs; raise UserError when the address cannot be had."""
    listener = bound(settings.host, port, instead="HEALTH_PORT")
    async with serving(Starlette(routes=pages.routes()), listener, name="health", grace_s=0):
        yield
