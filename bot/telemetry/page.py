"""`/metrics`: the figures of Prometheus for whoever brings the token of AGENTS_METRICS_TOKEN."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from patterns.core.errors import StorageError
from storage.promises import Promises
from storage.run_reader import QueueState

if TYPE_CHECKING:
    from bot.telemetry.prometheus import PrometheusMetrics

PATH = "/metrics"
FORMAT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """The page over `metrics`, with `promises` and `queue` read from the database for each answer."""

    metrics: "PrometheusMetrics"
    token: SecretStr
    promises: Callable[[], Awaitable[Promises]]
    queue: Callable[[], Awaitable[QueueState]]

    def route(self) -> Route:
        """Return the route of the page."""
        return Route(PATH, self.show)

    async def show(self, request: Request) -> Response:
        """Answer with the figures; 401 without the token, 503 while the database is away."""
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.token.get_secret_value()}".encode()):
            return PlainTextResponse(
                "Bring the token of AGENTS_METRICS_TOKEN as `Authorization: Bearer …`.\n",
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        try:
            promises, queue = await self.promises(), await self.queue()
        except StorageError:
            return PlainTextResponse("The database does not answer.\n", status_code=503)
        return Response(self.metrics.page(promises, queue), media_type=FORMAT)
