"""Classify message events: text for us, a reply in a thread, an edit, a deletion. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from bot.commands.message_words import request_in
from bot.commands.text import without_mention

Payload = Mapping[str, Any]
_SAID = frozenset({None, "file_share", "thread_broadcast"})
_MENTIONS_SOMEONE = re.compile(r"<(?:@|!)")
"""A reply that mentions a person is for them, not for us."""


def called_text(event: Payload, bot_user: str) -> str | None:
    """Return what a person said to the bot, without the mention; None when it is not for us."""
    if event["type"] not in ("app_mention", "message") or event.get("subtype") not in _SAID:
        return None
    if not event.get("user") or event.get("bot_id") or event["user"] == bot_user:
        return None
    text = str(event.get("text") or "")
    if event.get("channel_type") == "im" or f"<@{bot_user}" in text:
        rest = without_mention(text, bot_user)
        is_for_us = event.get("channel_type") == "im" or rest != text.strip()
        return _request(event, rest, bot_user) if is_for_us else None
    return None


def replied_text(event: Payload, bot_user: str) -> str | None:
    """Return a thread reply without a mention, for us only in our threads; None for anything else."""
    is_reply = event["type"] == "message" and event.get("subtype") in _SAID and event.get("thread_ts")
    if not is_reply or not event.get("user") or event.get("bot_id") or event["user"] == bot_user:
        return None
    text = str(event.get("text") or "")
    if _MENTIONS_SOMEONE.search(text) or event.get("channel_type") == "im" or event["thread_ts"] == event["ts"]:
        return None
    said = request_in(event, text.strip())
    return said if said or event.get("files") else None


def _request(event: Payload, rest: str, bot_user: str) -> str:
    """Return the request; text of nothing but invisible characters stays, so that it is not taken for none."""
    return without_mention(request_in(event, rest), bot_user) or rest


def edited_message(event: Payload, bot_user: str) -> dict[str, Any] | None:
    """Return the edited message of a person; None where no word changed, as when Slack unfurls a link."""
    if event["type"] != "message" or event.get("subtype") != "message_changed" or "message" not in event:
        return None
    now, before = event["message"], event.get("previous_message") or {}
    if not now.get("user") or now.get("bot_id") or now["user"] == bot_user or now.get("subtype") not in _SAID:
        return None
    if now.get("text") == before.get("text"):
        return None
    place = {"channel": event["channel"], "channel_type": event.get("channel_type"), "type": "message"}
    return {**now, **place, "text": without_mention(str(now.get("text") or ""), bot_user)}


def deleted_ts(event: Payload, bot_user: str) -> str | None:
    """Return the ts of the message a person deleted; None for anything else."""
    if event["type"] != "message" or event.get("subtype") != "message_deleted":
        return None
    before = event.get("previous_message") or {}
    return None if before.get("bot_id") or before.get("user") == bot_user else str(event["deleted_ts"])
