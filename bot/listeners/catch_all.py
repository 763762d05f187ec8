"""Catch-alls: acknowledge and log what no listener takes, so that Slack neither repeats it nor shows a failure."""

import re
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.listeners.command import COMMAND
from bot.listeners.inbox_middleware import delivery_in
from bot.listeners.services import ListenerServices

log = structlog.get_logger()

_ANY = re.compile("")


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the catch-alls; must come last."""

    async def unknown_command(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack(text=f"I only answer to `{COMMAND}`. Try `{COMMAND} help`.", response_type="ephemeral")
        await _note(services, body, context)

    async def unknown(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        await _note(services, body, context)

    app.command(_ANY)(unknown_command)
    app.event(_ANY)(unknown)
    app.action(_ANY)(unknown)
    app.shortcut(_ANY)(unknown)
    app.options(_ANY)(unknown)
    app.view(_ANY)(unknown)
    app.view_closed(_ANY)(unknown)


async def _note(services: ListenerServices, body: dict[str, Any], context: AsyncBoltContext) -> None:
    said = body.get("event") or {}
    log.info("payload_without_listener", type=body.get("type"), said=said.get("type"), subtype=said.get("subtype"))
    delivery = delivery_in(context)
    if delivery is not None and delivery.origin.delivery_key:
        await services.inbox.mark_processed(delivery.origin.delivery_key, "nobody listens")
