"""Buttons under an ending or a refusal: retry, change and ask again, another flow, ask whoever can help."""

from dataclasses import replace

from slack_bolt.async_app import AsyncApp

from bot.listeners.buttons import Click, Clicked, kept_by, listener_of, remove_question, request_of
from bot.listeners.handle_command import open_run, request_for
from bot.listeners.run_again import open_again
from bot.listeners.services import ListenerServices
from bot.messages.action_ids import (
    FAULT_HELP,
    REQUEST_HELP,
    REQUEST_INSTEAD,
    REQUEST_RETRY,
    RUN_CHANGE,
    RUN_HELP,
    RUN_RETRY,
)
from bot.messages.remedy_buttons import FAULT_CODE
from bot.people.permissions import Action
from patterns.core.errors import UserError


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the buttons."""
    buttons: dict[str, Clicked] = {
        RUN_RETRY: _retry,
        RUN_CHANGE: _change,
        RUN_HELP: _help_with_run,
        REQUEST_RETRY: _retry_request,
        REQUEST_INSTEAD: _instead,
        REQUEST_HELP: _help_with_request,
        FAULT_HELP: _help_with_fault,
    }
    for action_id, clicked in buttons.items():
        app.action(action_id)(listener_of(services, clicked))


async def _retry(click: Click) -> None:
    """Run the same request again, where it stands; a second click finds that it was."""
    again = await click.services.runs.repeated(click.value, click.origin)
    await open_run(click.services, again.ask, again.origin, again=again)


async def _change(click: Click) -> None:
    await open_again(click.services, click.value, click.origin, click.client)


async def _help_with_run(click: Click) -> None:
    again = await click.services.runs.repeated(click.value, click.origin)
    await click.services.access.admit_origin(again.origin, Action.CALL_HELP)
    await click.services.notifier.private(
        click.origin, await click.services.help_desk.for_run(click.value, click.origin)
    )


async def _retry_request(click: Click) -> None:
    kept = await kept_by(click, click.value)
    await remove_question(click)
    await open_run(click.services, request_of(click, kept), kept.origin)


async def _instead(click: Click) -> None:
    kept = await kept_by(click, click.value)
    await remove_question(click)
    asked = replace(request_of(click, kept), flow=click.services.catalog().default_flow, agents=())
    await open_run(click.services, asked, kept.origin)


async def _help_with_request(click: Click) -> None:
    kept = await kept_by(click, click.value)
    place = await click.services.access.admit_origin(kept.origin, Action.CALL_HELP)
    request = request_for(click.services, request_of(click, kept), kept.origin, place)
    await click.services.notifier.private(click.origin, await click.services.help_desk.for_request(request))


async def _help_with_fault(click: Click) -> None:
    if not FAULT_CODE.fullmatch(click.value):
        raise UserError("I do not know that code.")
    await click.services.access.admit_origin(click.origin, Action.CALL_HELP)
    await click.services.notifier.private(
        click.origin, await click.services.help_desk.for_fault(click.value, click.origin)
    )
