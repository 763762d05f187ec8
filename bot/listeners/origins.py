"""Read where something was said or clicked, and by whom, from Slack's payloads. Pure."""

from collections.abc import Mapping
from typing import Any

from bot.commands.message_words import files_of
from bot.commands.origin import AttachmentRefs, Origin
from bot.messages.request_form import AskForm

Payload = Mapping[str, Any]


def name_in(value: object) -> str:
    """Return a required string; raise TypeError when it is not text."""
    if not isinstance(value, str):
        raise TypeError("a name is missing")
    return value


def command_origin(body: Payload, *, key: str, workspace: str) -> Origin:
    """Return where a slash command was typed: never inside a thread."""
    return Origin(
        delivery_key=key,
        workspace=workspace,
        channel=name_in(body["channel_id"]),
        user=name_in(body["user_id"]),
        response_url=body.get("response_url"),
        trigger_id=body.get("trigger_id"),
    )


def message_origin(event: Payload, *, key: str, workspace: str) -> Origin:
    """Return where a message was written."""
    return Origin(
        delivery_key=key,
        workspace=workspace,
        channel=name_in(event["channel"]),
        user=name_in(event["user"]),
        thread_ts=event.get("thread_ts"),
        message_ts=name_in(event["ts"]),
        attached=AttachmentRefs(
            files=tuple(name_in(file["id"]) for file in files_of(event)),
            may_have_more=event["type"] == "app_mention" and "files" not in event,
        ),
    )


def action_origin(body: Payload, *, key: str, workspace: str) -> Origin:
    """Return where a button was clicked; `channel` is empty in the home tab."""
    message = body.get("message") or {}
    container = body.get("container") or {}
    return Origin(
        delivery_key=key,
        workspace=workspace,
        channel=(body.get("channel") or {}).get("id") or "",
        user=name_in(body["user"]["id"]),
        thread_ts=message.get("thread_ts") or container.get("thread_ts"),
        response_url=body.get("response_url"),
        trigger_id=body.get("trigger_id"),
    )


def form_origin(body: Payload, form: AskForm, *, key: str, workspace: str) -> Origin:
    """Return where a form says that it was opened."""
    return Origin(
        delivery_key=key,
        workspace=workspace,
        channel=form.channel,
        user=name_in(body["user"]["id"]),
        thread_ts=form.thread_ts,
        response_url=form.response_url,
        attached=AttachmentRefs(about=form.about),
        is_claimed=True,
    )
