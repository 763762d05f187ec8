"""Buttons, except Stop. Permission depends on what the button reaches, never on who can see it."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.commands import Ask, NearMiss
from bot.commands.origin import Origin
from bot.commands.parser import as_it_stands
from bot.commands.text import unescape
from bot.listeners.handle_command import ask_in_direct_messages, dispatch, handle_text, open_form, open_run, parse_text
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.payloads import KeptRequest, kept_request
from bot.listeners.services import ListenerServices
from bot.messages.action_ids import (
    COMMAND_YES,
    DM_INSTEAD,
    FEEDBACK,
    FEEDBACK_DOWN,
    OPEN_ASK_MODAL,
    QUEUE_IT,
    REQUEST_YES,
    RUN_ANSWER_INSTEAD,
    RUN_CANCEL,
    RUN_CONFIRM,
    RUN_DETAILS,
    RUN_EDITED,
)
from bot.messages.card_views import ConfirmChoice
from bot.messages.notice_views import NoticeView
from patterns.core.errors import UserError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Click:
    """Who clicked where, and the button's value, or that of the choice in a menu; `block_id` is its block's."""

    services: ListenerServices
    origin: Origin
    value: str
    bot_user: str
    client: AsyncWebClient
    respond: AsyncRespond
    block_id: str = ""


Clicked = Callable[[Click], Coroutine[Any, Any, None]]


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register our buttons."""
    buttons: dict[str, Clicked] = {
        RUN_DETAILS: _details,
        RUN_CONFIRM: _confirm("run"),
        RUN_CANCEL: _confirm("cancel"),
        RUN_ANSWER_INSTEAD: _confirm("answer"),
        COMMAND_YES: _command_meant,
        REQUEST_YES: _request_meant,
        DM_INSTEAD: _direct_messages,
        RUN_EDITED: _edited,
        QUEUE_IT: _queue,
        OPEN_ASK_MODAL: _form,
        FEEDBACK: _feedback,
        FEEDBACK_DOWN: _feedback,
    }
    for action_id, clicked in buttons.items():
        app.action(action_id)(listener_of(services, clicked))


def listener_of(services: ListenerServices, clicked: Clicked) -> Callable[..., Awaitable[None]]:
    """Return a listener that acknowledges the click at once and does its work in a background task."""

    async def listener(
        ack: AsyncAck,
        action: dict[str, Any],
        context: AsyncBoltContext,
        client: AsyncWebClient,
        respond: AsyncRespond,
    ) -> None:
        await ack()
        click = Click(
            services=services,
            origin=origin_of(context),
            value=str(action.get("value") or (action.get("selected_option") or {}).get("value", "")),
            bot_user=context.bot_user_id or "",
            client=client,
            respond=respond,
            block_id=str(action.get("block_id", "")),
        )
        services.tasks.spawn(click.origin, clicked(click))

    return listener


async def _details(click: Click) -> None:
    view = await click.services.runs.details(click.value, click.origin)
    await click.services.notifier.private(click.origin, view)


def _confirm(choice: ConfirmChoice) -> Clicked:
    async def clicked(click: Click) -> None:
        await click.services.reviews.confirm(click.value, click.origin, choice=choice)

    return clicked


async def _form(click: Click) -> None:
    await open_form(click.services, click.origin, click.client)


async def _feedback(click: Click) -> None:
    value, _, run_id = click.value.partition(":")
    await click.services.runs.feedback(run_id, click.origin, value=value)
    await click.services.notifier.private(click.origin, NoticeView("Thank you. That is kept with the request."))


async def _command_meant(click: Click) -> None:
    kept = await kept_by(click, click.value)
    command = parse_text(click.services, kept.said) if isinstance(kept.said, str) else kept.said
    if isinstance(command, NearMiss):
        command = parse_text(click.services, command.suggestion, escaped=False)
    await remove_question(click)
    await dispatch(click.services, command, kept.origin, click.client)


async def _request_meant(click: Click) -> None:
    kept = await kept_by(click, click.value)
    await remove_question(click)
    await dispatch(click.services, _as_request(kept), kept.origin, click.client)


async def _edited(click: Click) -> None:
    kept = await kept_by(click, click.value)
    await remove_question(click)
    await handle_text(click.services, str(kept.said), kept.origin, click.client)


async def _direct_messages(click: Click) -> None:
    kept = await kept_by(click, click.value)
    await remove_question(click)
    await ask_in_direct_messages(click.services, request_of(click, kept), kept.origin)


async def _queue(click: Click) -> None:
    kept = await kept_by(click, click.value)
    await remove_question(click)
    await open_run(click.services, request_of(click, kept), kept.origin, may_queue=True)


async def kept_by(click: Click, key: str) -> KeptRequest:
    """Return the request that a button's value names; raise UserError when it is gone or another person's."""
    workspace = click.origin.workspace
    payload = await click.services.inbox.find(key, workspace=workspace)
    kept = kept_request(payload, key=key, workspace=workspace, bot_user=click.bot_user) if payload else None
    if kept is None:
        raise UserError("I no longer have that request. Please send it again.")
    if kept.origin.user != click.origin.user:
        raise UserError("Only the person who asked can answer that.")
    now = replace(
        kept.origin,
        response_url=click.origin.response_url,
        trigger_id=click.origin.trigger_id,
        is_claimed=True,  # they were there when they asked, and may have left since
    )
    return replace(kept, origin=now)


def request_of(click: Click, kept: KeptRequest) -> Ask:
    """Return a kept request, parsed against the current roster."""
    command = parse_text(click.services, kept.said) if isinstance(kept.said, str) else kept.said
    return command if isinstance(command, Ask) else _as_request(kept)


def _as_request(kept: KeptRequest) -> Ask:
    return as_it_stands(unescape(kept.said).strip()) if isinstance(kept.said, str) else kept.said


async def remove_question(click: Click) -> None:
    """Remove a private question that was answered."""
    if not click.origin.response_url:
        return
    try:
        await click.respond(delete_original=True)
    except (aiohttp.ClientError, TimeoutError) as error:
        # It stays on the screen; a second click has the same idempotency key and changes nothing.
        log.warning("question_not_removed", error=str(error))
