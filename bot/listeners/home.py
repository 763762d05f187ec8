"""The app opened: its home tab, and the prompts beside an empty conversation."""

from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.budget_modal import books_blocks
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.services import ListenerServices
from bot.modals import home_tab
from bot.prompts import SuggestedPrompts
from bot.requests import Origin
from patterns.ports import Payer


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Listen to people opening the app."""
    prompts = SuggestedPrompts()

    async def opened(event: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        origin = origin_of(context)
        match event.get("tab"):
            case "home":
                services.tasks.start(origin, _publish(services, origin, client))
            case "messages":
                services.tasks.start(origin, prompts.show(client, origin, services.menu().flows))

    app.event("app_home_opened")(opened)


async def _publish(services: ListenerServices, origin: Origin, client: AsyncWebClient) -> None:
    payer = Payer(workspace=origin.workspace, channel=origin.channel, channel_kind="dm", user=origin.user)
    await services.access.admit(workspace=origin.workspace, channel=origin.channel, user=origin.user)
    runs = await services.runs.recent(workspace=origin.workspace, user=origin.user, channel="")
    view = home_tab(runs, await services.runs.balance(payer))
    books = await services.budget.home(origin.workspace, origin.user)
    if books is not None:
        view["blocks"] += books_blocks(books)
    await client.views_publish(user_id=origin.user, view=view)
