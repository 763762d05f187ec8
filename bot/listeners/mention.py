"""Mentions: the same grammar as the slash command, and the only one that works inside threads."""

from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.listeners.message import answer_message
from bot.listeners.services import ListenerServices


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register mentions; the inbox passes one of app_mention and message on."""

    async def mentioned(event: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        answer_message(services, event, context, client)

    app.event("app_mention")(mentioned)
