"""The app opened: the App Home tab, and suggested prompts beside an empty conversation."""

import contextlib
from dataclasses import replace
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.budget import EditBudget
from bot.commands.commands import Ask
from bot.commands.origin import Origin
from bot.listeners.budget import do_budget
from bot.listeners.buttons import Click, listener_of
from bot.listeners.handle_command import ask_in_direct_messages, open_settings
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.open_view import open_view
from bot.listeners.services import ListenerServices
from bot.listeners.suggested_prompts import SuggestedPrompts
from bot.messages.action_ids import (
    HOME_BUDGET,
    HOME_SETTINGS,
    MENTION_ME,
    OWN_WORDS,
    OWN_WORDS_DOWNLOAD,
    OWN_WORDS_ERASE,
    TEST_REQUEST,
)
from bot.messages.home_tab import closed_home, home_tab
from bot.messages.notice_views import NoticeView
from bot.messages.own_words import own_words_view
from bot.people.access import AccessError, LookupFailedError
from bot.people.permissions import Action

_TEST, _TEST_FLOW = "Say in one sentence that you received this test request.", "answer"
"""What an admin's test asks, and the flow that does it where the roster has it; else the Router chooses."""


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
    app.action(MENTION_ME)(listener_of(services, _mention_me))
    app.action(TEST_REQUEST)(listener_of(services, _test_request))
    app.action(OWN_WORDS)(listener_of(services, _own_words))
    app.action(OWN_WORDS_DOWNLOAD)(listener_of(services, _download))
    app.action(OWN_WORDS_ERASE)(listener_of(services, _erase))


async def _publish(services: ListenerServices, origin: Origin, client: AsyncWebClient) -> None:
    try:
        await services.access.admit_origin(origin, Action.LOOK)
    except LookupFailedError:
        raise  # it will open again in a minute
    except AccessError as error:
        is_mentioned = await services.preferences.is_mentioned(origin.workspace, origin.user)
        view = closed_home(str(error), is_mentioned=is_mentioned)
    else:
        view = home_tab(await services.home.view(origin.payer("dm")), example=services.catalog().example)
    await client.views_publish(user_id=origin.user, view=view)


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


async def _mention_me(click: Click) -> None:
    there = await _admitted(click, Action.OWN_SETTINGS)
    await click.services.preferences.set_mentioned(there.workspace, there.user, is_on=click.value != "off")
    await _publish(click.services, there, click.client)


async def _test_request(click: Click) -> None:
    there = await _admitted(click, Action.ASK)
    flow = next((one.name for one in click.services.catalog().flows if one.name == _TEST_FLOW), None)
    await ask_in_direct_messages(click.services, Ask(_TEST, flow), there)
    await _publish(click.services, there, click.client)  # it stands among the requests now, with its link


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
    there = await _admitted(click, Action.OWN_WORDS)
    return {"workspace": there.workspace, "user": there.user}


async def _admitted(click: Click, action: Action) -> Origin:
    """Return where a click counts, for whoever may: a channel's message, else our direct messages with the person."""
    origin, directory = click.origin, click.services.access.directory
    if not origin.channel:
        channel = await directory.direct_messages(origin.user, workspace=origin.workspace)
        origin = replace(origin, channel=channel)
    await click.services.access.admit_origin(origin, action)
    return origin
