"""The app opened: the App Home tab, and suggested prompts beside an empty conversation."""

from dataclasses import replace
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.budget import EditBudget
from bot.commands.origin import Origin
from bot.listeners.budget import do_budget
from bot.listeners.buttons import Click, listener_of
from bot.listeners.handle_command import open_settings
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.services import ListenerServices
from bot.listeners.suggested_prompts import SuggestedPrompts
from bot.messages.action_ids import HOME_BUDGET, HOME_SETTINGS
from bot.messages.home_tab import home_tab


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the opening of the app, and the buttons of the home tab."""
    prompts = SuggestedPrompts()

    async def opened(event: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        origin = origin_of(context)
        match event.get("tab"):
            case "home":
                services.tasks.spawn(origin, _publish(services, origin, client))
            case "messages":
                services.tasks.spawn(origin, prompts.show(client, origin, services.catalog().flows))

    app.event("app_home_opened")(opened)
    app.action(HOME_BUDGET)(listener_of(services, _limits))
    app.action(HOME_SETTINGS)(listener_of(services, _settings))


async def _publish(services: ListenerServices, origin: Origin, client: AsyncWebClient) -> None:
    payer = origin.payer("dm")
    await services.admit(origin)
    await client.views_publish(user_id=origin.user, view=home_tab(await services.home.view(payer)))


async def _limits(click: Click) -> None:
    await do_budget(click.services, EditBudget(), replace(click.origin, channel=click.value), click.client)


async def _settings(click: Click) -> None:
    await open_settings(click.services, replace(click.origin, channel=click.value), click.client)
