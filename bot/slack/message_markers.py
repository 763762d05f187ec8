"""Markers by which a message of ours is found again after its response was lost."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.messages.views import SlackMessage

EVENT_TYPE = "agents_message"


def marked(message: SlackMessage, marker: str) -> SlackMessage:
    """Return the message with the marker as a block id: block ids are kept where metadata is not."""
    if not message.blocks:
        return message
    first, *rest = message.blocks
    return replace(message, blocks=({**first, "block_id": marker[:255]}, *rest))


def is_ours(message: Mapping[str, Any], payload: Mapping[str, str], marker: str) -> bool:
    """Return True when a message found in Slack carries our marker."""
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") == EVENT_TYPE and metadata.get("event_payload") == payload:
        return True
    blocks = message.get("blocks") or [{}]
    return bool(blocks[0].get("block_id") == marker[:255])


def with_duplicate_warning(message: SlackMessage) -> SlackMessage:
    """Return the message with a warning that it may be a duplicate, for when the search was impossible."""
    said = "_You may see this twice: I could not check whether it had arrived._"
    if message.text.endswith(said):
        return message
    block = {"type": "context", "elements": [{"type": "mrkdwn", "text": said}]}
    return SlackMessage(f"{message.text}\n\n{said}", (*message.blocks, block) if message.blocks else ())
