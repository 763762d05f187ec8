"""The blocks that the home tab is made of, with the text of others as plain_text, in which Slack interprets nothing."""

from typing import Any

from bot.messages.mrkdwn import clip, literal
from bot.messages.request_form import plain

SECTION_CHARS = 2_900
BUTTON_CHARS = 75


def header(text: str) -> dict[str, Any]:
    """Return a heading."""
    return {"type": "header", "text": plain(text)}


def line(text: str) -> dict[str, Any]:
    """Return a paragraph."""
    return {"type": "section", "text": plain(clip(literal(text), SECTION_CHARS))}


def fine_print(text: str) -> dict[str, Any]:
    """Return a line in small letters."""
    return {"type": "context", "elements": [plain(clip(literal(text), SECTION_CHARS))]}


def button(text: str, action_id: str) -> dict[str, Any]:
    """Return a button."""
    return {"type": "button", "action_id": action_id, "text": plain(clip(literal(text), BUTTON_CHARS))}
