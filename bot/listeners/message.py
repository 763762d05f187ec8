"""Messages: requests in our direct messages, mentions in channels, and deleted questions. The rest is not ours."""

from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.command_line import unescape
from bot.listeners.carry_out import hear
from bot.listeners.deliveries import called_text, deleted_ts, replied_text
from bot.listeners.inbox_middleware import ORIGIN, origin_of
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
    text, deleted = called_text(event, bot_user), deleted_ts(event, bot_user)
    reply = replied_text(event, bot_user) if ORIGIN in context else None
    if text is not None:
        origin = origin_of(context)
        services.tasks.start(origin, hear(services, text, origin, client))
    elif reply is not None:
        origin = origin_of(context)
        services.tasks.start(origin, _take(services, origin, reply))
    elif deleted is not None:
        origin = origin_of(context)
        cancel = services.runs.message_deleted(workspace=origin.workspace, channel=origin.channel, message_ts=deleted)
        services.tasks.start(origin, cancel)


async def _take(services: ListenerServices, origin: Origin, text: str) -> None:
    """A word on a draft; when the draft has been decided in the meantime, it was said to the others."""
    await services.reviews.reply(origin, unescape(text), was_called=False)
