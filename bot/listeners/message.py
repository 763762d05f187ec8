"""Messages: requests in direct messages, mentions, replies in our threads, edits and deletions; others are ignored."""

from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.origin import Origin
from bot.commands.text import unescape
from bot.listeners.handle_command import handle_text
from bot.listeners.inbox_middleware import delivery_in
from bot.listeners.message_text import deleted_ts
from bot.listeners.services import ListenerServices
from bot.messages.notice_views import EditedView


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register messages."""

    async def written(event: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        answer_message(services, event, context, client)

    app.event("message")(written)


def answer_message(
    services: ListenerServices, event: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient
) -> None:
    """Hand over what is for us. A mention arrives as two events; the one stored first comes here."""
    delivery = delivery_in(context)
    if delivery is None:
        return
    origin, said = delivery.origin, delivery.said or ""
    deleted = deleted_ts(event, context.bot_user_id or "")
    if deleted is not None:
        work = services.runs.message_deleted(origin, deleted)
    elif delivery.if_ == "edit":
        work = services.notifier.private(origin, EditedView(origin.delivery_key))
    elif delivery.if_ == "reply":
        work = _reply(services, said, origin, client)
    else:
        work = handle_text(services, said, origin, client)
    services.tasks.spawn(origin, work)


async def _reply(services: ListenerServices, text: str, origin: Origin, client: AsyncWebClient) -> None:
    """Handle a reply without a mention: feedback on the draft under review, else the conversation's next request.

    When a draft was decided meanwhile, others than the asker were talking to each other.
    """
    if await services.reviews.reply(origin, unescape(text), was_called=False):
        return
    if await services.followups.continues(origin):
        await handle_text(services, text, origin, client)
