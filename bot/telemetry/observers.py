"""Who watches, as the settings say: nobody unless somebody asked for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.settings import Settings
from bot.telemetry.operations import Observer, Observers
from patterns.core.errors import UserError

if TYPE_CHECKING:
    from bot.telemetry.prometheus import PrometheusMetrics

MISSING = "AGENTS_TELEMETRY needs OpenTelemetry: install `agents-for-slack[telemetry]`, or unset it."


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Everybody who watches, and what Prometheus may read of it; `metrics` None: nobody may."""

    observers: Observers
    metrics: "PrometheusMetrics | None" = None


NOBODY = Telemetry(Observers())


@contextlib.asynccontextmanager
async def open_telemetry(settings: Settings) -> AsyncIterator[Telemetry]:
    """Open what the settings ask for; what was seen is sent before the block is left.

    Raises:
        UserError: OpenTelemetry is asked for and not installed.
    """
    metrics = _metrics() if settings.metrics_token else None
    observers: list[Observer] = [] if metrics is None else [metrics]
    if settings.telemetry == "off":
        yield Telemetry(Observers(observers), metrics)
        return
    try:
        from bot.telemetry.opentelemetry import otlp_observer  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise UserError(MISSING) from None
    spans = otlp_observer(with_texts=settings.telemetry == "texts")
    try:
        yield Telemetry(Observers([*observers, spans]), metrics)
    finally:
        await asyncio.to_thread(spans.close)


def _metrics() -> "PrometheusMetrics":
    from bot.telemetry.prometheus import PrometheusMetrics  # noqa: PLC0415 - few processes need it

    return PrometheusMetrics()
