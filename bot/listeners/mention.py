"""Mentions: the same grammar as the slash command, and the only one that works inside threads."""

from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.listeners.message import answer_message
from bot.listeners.services import ListenerServices


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Listen to mentions; the inbox lets one of app_mention and message through."""

    async def mentioned(event: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        answer_message(services, event, context, client)

    app.event("app_mention")(mentioned)
