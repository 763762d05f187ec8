"""The health pages of a bot, and a port of their own for Socket Mode and for workers, which hear no HTTP."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.applications import Starlette
from starlette.routing import Route

from bot.app import Bot
from bot.health import HealthPages
from bot.http_connections import bound, serving
from bot.runs.engine import Engine
from bot.settings import Settings
from bot.telemetry.page import MetricsPage
from storage.ledger.periods import period_key
from storage.promises import Promises, read_promises


def health_pages(bot: Bot, is_connected: Callable[[], Awaitable[bool]] | None = None) -> HealthPages:
    """Build the pages of a bot; `is_connected` tells of its socket in Socket Mode."""
    return HealthPages(
        queue=bot.engine.store.queue_state,
        slack=bot.slack_app.client.api_test,
        are_leases_renewed=lambda: bot.executor.lease.is_renewed,
        failing=bot.engine.client.circuits.failing,
        tools=lambda: bot.engine.tools.servers.health,
        is_connected=is_connected,
        figures=_figures(bot.engine),
    )


def _figures(engine: Engine) -> Route | None:
    """Return the page of Prometheus; None where no token allows anybody to read it."""
    if engine.telemetry.metrics is None:
        return None

    def promises() -> Awaitable[Promises]:
        return read_promises(engine.db, engine.clock, since=period_key(engine.clock.now_us(), engine.zone))

    token = engine.settings.metrics_token
    return MetricsPage(engine.telemetry.metrics, token, promises, engine.store.queue_state).route()


@contextlib.asynccontextmanager
async def health_server(pages: HealthPages, settings: Settings, port: int) -> AsyncIterator[None]:
    """Serve the pages while the block runs; raise UserError when the address cannot be had."""
    listener = bound(settings.host, port, instead="HEALTH_PORT")
    async with serving(Starlette(routes=pages.routes()), listener, name="health", grace_s=0):
        yield
