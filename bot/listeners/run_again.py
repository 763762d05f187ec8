"""The message shortcut "Run again": the request form, filled with the request one of our messages answers."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.commands import RUN_ID, Ask
from bot.commands.origin import Origin
from bot.listeners.handle_command import open_form
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.payloads import RUN_AGAIN
from bot.listeners.services import ListenerServices
from bot.messages.mrkdwn import size
from bot.messages.request_form import MAX_REQUEST_CHARS
from patterns.core.errors import UserError


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the shortcut."""

    async def chosen(ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        await ack()
        origin = origin_of(context)
        run_id = run_of(body["message"], context.bot_user_id or "")
        services.tasks.spawn(origin, open_again(services, run_id, origin, client))

    app.message_shortcut(RUN_AGAIN)(chosen)


def run_of(message: dict[str, Any], bot_user: str) -> str:
    """Return the run a message of ours belongs to, by the marker in its first block; empty for other messages.

    It only names the run: whether this person may read it is looked up.
    """
    if message.get("user") != bot_user:
        return ""  # any app can put any mark on a message of its own
    blocks = message.get("blocks") or [{}]
    run_id, _, _name = str(blocks[0].get("block_id", "")).partition(":")
    return run_id if RUN_ID.fullmatch(run_id) else ""


async def open_again(services: ListenerServices, run_id: str, origin: Origin, client: AsyncWebClient) -> None:
    """Show the request form with a run's request; raise UserError where that is not possible."""
    if not run_id:
        raise UserError("Choose that on one of my messages, and I ask again what it was asked.")
    asked: Ask = await services.runs.asked(run_id, origin)
    if size(asked.request) > MAX_REQUEST_CHARS:
        raise UserError("That request is too long for a form. Please copy it and send it again.")
    await open_form(services, origin, client, again=asked)
