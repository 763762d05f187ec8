"""The slash command."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.listeners.carry_out import carry_out, read
from bot.listeners.deliveries import command_origin
from bot.listeners.inbox_middleware import key_of, workspace_of
from bot.listeners.services import ListenerServices

COMMAND = "/agents"
"""The one command we have."""


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Listen to /agents."""

    async def typed(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        await ack()
        origin = command_origin(body, key=key_of(context), workspace=workspace_of(context))
        services.tasks.start(origin, carry_out(services, read(services, body.get("text", "")), origin, client))

    app.command(COMMAND)(typed)
