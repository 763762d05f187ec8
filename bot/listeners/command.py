"""The slash command."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.listeners.handle_command import handle_text
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.services import ListenerServices

COMMAND = "/agents"
"""Our only slash command."""


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the slash command."""

    async def typed(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        await ack()
        origin = origin_of(context)
        services.tasks.spawn(origin, handle_text(services, body.get("text", ""), origin, client))

    app.command(COMMAND)(typed)
