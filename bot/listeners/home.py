"""The app opened: the App Home tab, and suggested prompts beside an empty conversation."""

import contextlib
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
from bot.listeners.open_view import open_view
from bot.listeners.services import ListenerServices
from bot.listeners.suggested_prompts import SuggestedPrompts
from bot.messages.action_ids import HOME_BUDGET, HOME_SETTINGS, OWN_WORDS, OWN_WORDS_DOWNLOAD, OWN_WORDS_ERASE
from bot.messages.home_tab import closed_home, home_tab
from bot.messages.notice_views import NoticeView
from bot.messages.own_words import own_words_view
from bot.people.access import AccessError, LookupFailedError
from bot.people.permissions import Action


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the opening of the app, and the buttons of the home tab."""
    prompts = SuggestedPrompts()

    async def opened(event: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        origin = origin_of(context)
        match event.get("tab"):
            case "home":
                services.tasks.spawn(origin, _publish(services, origin, client))
            case "messages":
                services.tasks.spawn(origin, _prompt(services, prompts, origin, client))

    app.event("app_home_opened")(opened)
    app.action(HOME_BUDGET)(listener_of(services, _limits))
    app.action(HOME_SETTINGS)(listener_of(services, _settings))
    app.action(OWN_WORDS)(listener_of(services, _own_words))
    app.action(OWN_WORDS_DOWNLOAD)(listener_of(services, _download))
    app.action(OWN_WORDS_ERASE)(listener_of(services, _erase))


async def _publish(services: ListenerServices, origin: Origin, client: AsyncWebClient) -> None:
    payer = origin.payer("dm")
    try:
        await services.admit(origin, Action.LOOK)
    except LookupFailedError:
        raise  # it will open again in a minute
    except AccessError as error:
        await client.views_publish(user_id=origin.user, view=closed_home(str(error)))
        return
    await client.views_publish(user_id=origin.user, view=home_tab(await services.home.view(payer)))


async def _prompt(
    services: ListenerServices, prompts: SuggestedPrompts, origin: Origin, client: AsyncWebClient
) -> None:
    """Suggest what to ask to whoever may; the others are told when they write."""
    with contextlib.suppress(AccessError):
        await services.access.admit_origin(origin, Action.ASK)
        await prompts.show(client, origin, services.catalog().flows)


async def _limits(click: Click) -> None:
    await do_budget(
        click.services, EditBudget(), replace(click.origin, channel=click.value, is_claimed=True), click.client
    )


async def _settings(click: Click) -> None:
    await open_settings(click.services, replace(click.origin, channel=click.value, is_claimed=True), click.client)


async def _own_words(click: Click) -> None:
    whose = await _own(click)
    await open_view(click.client, click.origin, own_words_view(await click.services.own_words.stored(**whose)))


async def _download(click: Click) -> None:
    await click.services.own_words.download(**await _own(click))


async def _erase(click: Click) -> None:
    said = await click.services.own_words.erase(**await _own(click))
    await click.services.notifier.private(click.origin, NoticeView(said))


async def _own(click: Click) -> dict[str, str]:
    """Return whose words a click is about: always those of whoever clicked, and of nobody else."""
    workspace, user = click.origin.workspace, click.origin.user
    channel = await click.services.access.directory.direct_messages(user, workspace=workspace)
    await click.services.access.admit(workspace=workspace, channel=channel, user=user, action=Action.OWN_WORDS)
    return {"workspace": workspace, "user": user}
