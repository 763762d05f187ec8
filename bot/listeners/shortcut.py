"""The message shortcut "Run agents on this": the request form, with the message and its thread attached."""

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.listeners.handle_command import open_form
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.payloads import MESSAGE_SHORTCUT
from bot.listeners.services import ListenerServices


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the shortcut."""

    async def chosen(ack: AsyncAck, context: AsyncBoltContext, client: AsyncWebClient) -> None:
        await ack()
        origin = origin_of(context)
        services.tasks.spawn(origin, open_form(services, origin, client))

    app.message_shortcut(MESSAGE_SHORTCUT)(chosen)
