"""Read Slack's payloads: which of them are work, their idempotency key, and who said what where. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from bot.commands.commands import Ask
from bot.commands.origin import AttachmentRefs, Origin, message_key
from bot.listeners.form_places import place_of
from bot.listeners.message_text import called_text, deleted_ts, edited_message, replied_text
from bot.listeners.origins import action_origin, command_origin, form_origin, message_origin, name_in
from bot.messages.action_ids import (
    ASK_MONEY,
    CHANNEL_ENABLE,
    COMMAND_YES,
    DM_INSTEAD,
    FAULT_HELP,
    FEEDBACK,
    FEEDBACK_DOWN,
    FORM_DECLINE,
    FORM_OPENED,
    OUTCOME_AGAIN,
    OUTCOME_DONE,
    OWN_WORDS_ERASE,
    QUEUE_IT,
    REQUEST_HELP,
    REQUEST_INSTEAD,
    REQUEST_RETRY,
    REQUEST_YES,
    REVIEW_APPROVE,
    REVIEW_GO_ON,
    REVIEW_STOP,
    RUN_ANSWER_INSTEAD,
    RUN_CANCEL,
    RUN_CONFIRM,
    RUN_EDITED,
    RUN_HELP,
    RUN_RETRY,
    RUN_STOP,
    TOOL_APPROVE,
    TOOL_MENU,
    TOOL_REVOKE,
)
from bot.messages.request_form import ASK_FORM, AskForm, read_ask_form

Payload = Mapping[str, Any]
Kind = Literal["command", "event", "action", "view", "shortcut"]
MESSAGE_SHORTCUT = "run_agents"
"""callback_id of the message shortcut."""
RUN_AGAIN = "run_again"
"""callback_id of the shortcut on our own messages."""
KEPT_ACTIONS = frozenset(
    {
        RUN_STOP,
        OWN_WORDS_ERASE,
        RUN_CONFIRM,
        RUN_CANCEL,
        RUN_ANSWER_INSTEAD,
        RUN_EDITED,
        QUEUE_IT,
        REVIEW_APPROVE,
        REVIEW_GO_ON,
        REVIEW_STOP,
        ASK_MONEY,
        CHANNEL_ENABLE,
        COMMAND_YES,
        REQUEST_YES,
        DM_INSTEAD,
        FEEDBACK,
        FEEDBACK_DOWN,
        RUN_RETRY,
        RUN_HELP,
        REQUEST_RETRY,
        REQUEST_INSTEAD,
        REQUEST_HELP,
        FAULT_HELP,
        TOOL_APPROVE,
        TOOL_MENU,
        TOOL_REVOKE,
        OUTCOME_DONE,
        OUTCOME_AGAIN,
        FORM_DECLINE,
        FORM_OPENED,
    }
)
"""Clicks that must not be lost. Buttons that only show something can be clicked again."""
HANDLED_TYPES = frozenset(
    {
        "event_callback",
        "block_actions",
        "view_submission",
        "view_closed",
        "block_suggestion",
        "shortcut",
        "message_action",
    }
)
"""Payload types, besides commands, that our listeners or the catch-alls take."""
STOP_REACTIONS = frozenset({"octagonal_sign", "no_entry"})
"""Reactions that stop the run a message belongs to."""
APPROVAL_REACTIONS = frozenset({"+1", "thumbsup", "white_check_mark"})
"""Reactions that approve the draft on whose card they are put; read on messages of ours only."""


@dataclass(frozen=True, slots=True)
class InboundPayload:
    """A payload that a listener answers. `origin.delivery_key` is empty when losing it would lose nothing.

    The same key again is the same work, however Slack packs it. `said` is what a person wrote. `if_` names what must be
    true for it to concern us: a `reply` may be in a thread of ours, an `edit` may change a request.
    """

    kind: Kind
    origin: Origin
    said: str | None = None
    if_: Literal["", "reply", "edit"] = ""


def delivery_of(body: Payload, *, workspace: str, bot_user: str) -> InboundPayload | None:
    """Return the payload as a value; None for what is not for us and left to the other listeners.

    Raises:
        KeyError, IndexError, TypeError, AttributeError, ValueError: it does not have the shape Slack documents.
    """
    if "command" in body:
        name_in(body["command"])
        # Without text it only opens a form.
        key = f"trigger:{workspace}:{name_in(body['trigger_id'])}" if body.get("text", "").strip() else ""
        return InboundPayload("command", command_origin(body, key=key, workspace=workspace))
    match body.get("type"):
        case "event_callback":
            return _event_delivery(body, workspace=workspace, bot_user=bot_user)
        case "block_actions":
            kept = name_in(body["actions"][0]["action_id"]) in KEPT_ACTIONS
            key = f"trigger:{workspace}:{body['trigger_id']}" if kept else ""
            return InboundPayload("action", action_origin(body, key=key, workspace=workspace))
        case "message_action" if body["callback_id"] in SHORTCUTS:
            return SHORTCUTS[body["callback_id"]](body, workspace)
        case "view_submission":
            return _form_delivery(body, workspace=workspace)
        case _:
            if body.get("type") not in HANDLED_TYPES:
                raise ValueError("a type of payload nobody listens to")
            return None


def _pointed_at(body: Payload, workspace: str) -> InboundPayload:
    """Return a message shortcut, stored because where we are no member nothing else shows us the message."""
    key, message = f"trigger:{workspace}:{name_in(body['trigger_id'])}", body["message"]
    origin = Origin(
        delivery_key=key,
        workspace=workspace,
        channel=name_in(body["channel"]["id"]),
        user=name_in(body["user"]["id"]),
        thread_ts=message.get("thread_ts") or name_in(message["ts"]),
        response_url=body.get("response_url"),
        trigger_id=body["trigger_id"],
        attached=AttachmentRefs(about=key),
    )
    return InboundPayload("shortcut", origin)


def _run_again(body: Payload, workspace: str) -> InboundPayload:
    """Return the "Run again" payload: it only opens a form, whose request is a new one."""
    origin = Origin(
        delivery_key="",
        workspace=workspace,
        channel=name_in(body["channel"]["id"]),
        user=name_in(body["user"]["id"]),
        response_url=body.get("response_url"),
        trigger_id=name_in(body["trigger_id"]),
    )
    return InboundPayload("shortcut", origin)


SHORTCUTS: Mapping[str, Callable[[Payload, str], InboundPayload]] = {
    MESSAGE_SHORTCUT: _pointed_at,
    RUN_AGAIN: _run_again,
}
"""The reader of each message shortcut, by its callback_id."""


def _form_delivery(body: Payload, *, workspace: str) -> InboundPayload | None:
    """Return a submitted form; None with field errors, because Slack sends it again under the same id and hash."""
    view = body["view"]
    key = f"view:{workspace}:{view['id']}:{view['hash']}"
    if view["callback_id"] == ASK_FORM:
        asked = read_ask_form(view)
        if isinstance(asked, AskForm):
            return InboundPayload("view", form_origin(body, asked, key=key, workspace=workspace))
        return None
    place = place_of(view)
    if place is None:
        return None
    user = name_in(body["user"]["id"])
    key = f"{key}{place.answered}"
    origin = Origin(
        key, workspace, place.channel, user, place.thread_ts, response_url=place.response_url, is_claimed=True
    )
    return InboundPayload("view", origin)


def _event_delivery(body: Payload, *, workspace: str, bot_user: str) -> InboundPayload | None:
    event = body["event"]
    name_in(event["type"])
    said, reply = called_text(event, bot_user), replied_text(event, bot_user)
    if said is not None or reply is not None:
        origin = message_origin(event, key=message_key(workspace, event["channel"], event["ts"]), workspace=workspace)
        return (
            InboundPayload("event", origin, reply, "reply") if said is None else InboundPayload("event", origin, said)
        )
    edited = edited_message(event, bot_user)
    if edited is not None:
        origin = message_origin(edited, key=f"event:{workspace}:{body['event_id']}", workspace=workspace)
        return InboundPayload("event", origin, edited["text"], "edit")
    place: dict[str, Any]
    if event["type"] == "agent_session_stopped":
        place = {name: name_in(event[name]) for name in ("channel", "user", "thread_ts")}
    elif event["type"] == "reaction_added":
        item = event["item"]
        sign = name_in(event["reaction"]).partition("::")[0]
        on_ours = sign in APPROVAL_REACTIONS and event.get("item_user") == bot_user
        if not (sign in STOP_REACTIONS or on_ours) or item["type"] != "message":
            return None
        place = {"channel": name_in(item["channel"]), "user": name_in(event["user"]), "message_ts": name_in(item["ts"])}
    elif event["type"] == "member_joined_channel" and event["user"] == bot_user:
        # Ours is the inviter: the person who hears more.
        place = {"channel": name_in(event["channel"]), "user": event.get("inviter") or ""}
    elif event["type"] == "app_home_opened":
        origin = Origin(
            delivery_key="", workspace=workspace, channel=name_in(event["channel"]), user=name_in(event["user"])
        )
        return InboundPayload("event", origin)
    elif deleted_ts(event, bot_user) is not None:
        # Nothing is said privately: the person sees the run end in its thread.
        place = {"channel": name_in(event["channel"]), "user": ""}
    else:
        return None
    return InboundPayload(
        "event", Origin(delivery_key=f"event:{workspace}:{body['event_id']}", workspace=workspace, **place)
    )


def sent_at_us(body: Payload) -> int | None:
    """Return Slack's time of the event in microseconds; None where the payload does not say."""
    if body.get("type") == "event_callback":
        stamp = body["event"].get("event_ts")
    elif body.get("type") == "block_actions":
        stamp = body["actions"][0].get("action_ts")
    else:
        return None
    seconds, _, fraction = str(stamp or "").partition(".")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0")) if seconds.isdigit() else None


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """What a person asked earlier: raw text that has to be parsed, or a form's request."""

    origin: Origin
    said: str | Ask


def kept_request(body: Payload, *, key: str, workspace: str, bot_user: str) -> KeptRequest | None:
    """Return the request in a stored payload; None when it was not one."""
    if "command" in body:
        return KeptRequest(command_origin(body, key=key, workspace=workspace), body["text"])
    if body.get("type") == "event_callback":
        asked = _event_delivery(body, workspace=workspace, bot_user=bot_user)
        return (
            KeptRequest(replace(asked.origin, delivery_key=key), asked.said)
            if asked and asked.said is not None
            else None
        )
    form = read_ask_form(body["view"]) if body.get("type") == "view_submission" else None
    if not isinstance(form, AskForm):
        return None
    return KeptRequest(form_origin(body, form, key=key, workspace=workspace), form.ask)
