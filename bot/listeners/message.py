"""Messages: requests in our direct messages, mentions in channels, and deleted questions. The rest is not ours."""

from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.listeners.carry_out import carry_out, read
from bot.listeners.deliveries import called_text, deleted_ts, message_origin
from bot.listeners.inbox_middleware import key_of, workspace_of
from bot.listeners.services import ListenerServices
from bot.requests import Origin


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Listen to messages."""

    async def written(event: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        answer_message(services, event, context, client)

    app.event("message")(written)


def answer_message(
    services: ListenerServices, event: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient
) -> None:
    """Hand over what is for us. A mention arrives as two events; whichever is stored first comes here."""
    bot_user = context.bot_user_id or ""
    key, workspace = key_of(context), workspace_of(context)
    text, deleted = called_text(event, bot_user), deleted_ts(event, bot_user)
    if text is not None:
        origin = message_origin(event, key=key, workspace=workspace)
        services.tasks.start(origin, carry_out(services, read(services, text), origin, client))
    elif deleted is not None:
        # Nobody is told: who deletes the question sees the run end in its thread.
        origin = Origin(delivery_key=key, workspace=workspace, channel=event["channel"], user="")
        services.tasks.start(
            origin,
            services.runs.message_deleted(workspace=workspace, channel=origin.channel, message_ts=deleted),
        )
