"""Forms of an approval: why not, and everything that would be sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.commands.origin import Origin
from bot.messages.mrkdwn import clip, literal
from bot.messages.request_form import MAX_REQUEST_CHARS, plain
from bot.messages.review_forms import in_parts
from bot.messages.tool_text import called
from patterns.core.tools import AskedCall

DENY_FORM = "tool_deny_form"
"""callback_id of the form that asks why not."""
_REASON = "reason"
_TITLE_MAX = 24
_BLOCKS_MAX = 95


@dataclass(frozen=True, slots=True)
class DenyForm:
    """A submitted form: the question it denies, where its card is, and why."""

    run_id: str
    path: str
    channel: str
    thread_ts: str | None
    reason: str


def deny_form(run_id: str, path: str, calls: tuple[AskedCall, ...], *, origin: Origin) -> dict[str, Any]:
    """Build the form that denies calls; the reason may be left out."""
    field = {"type": "plain_text_input", "action_id": _REASON, "multiline": True, "max_length": MAX_REQUEST_CHARS}
    hint = "The agent reads it and goes on without the call, or differently."
    block = {
        "type": "input",
        "block_id": _REASON,
        "optional": True,
        "label": plain("Why not?"),
        "hint": plain(hint),
        "element": field,
    }
    where = {"run": run_id, "path": path, "channel": origin.channel, "thread_ts": origin.thread_ts}
    return {
        "type": "modal",
        "callback_id": DENY_FORM,
        "private_metadata": json.dumps(where),
        "title": plain(clip(f"Deny {called(calls)}", _TITLE_MAX)),
        "submit": plain("Deny"),
        "close": plain("Back"),
        "blocks": [block],
    }


def read_deny_form(view: Mapping[str, Any]) -> DenyForm:
    """Return what the form says."""
    kept = json.loads(view["private_metadata"])
    typed = ((view["state"]["values"].get(_REASON) or {}).get(_REASON) or {}).get("value")
    return DenyForm(kept["run"], kept["path"], kept["channel"], kept["thread_ts"], str(typed or "").strip())


def arguments_view(calls: tuple[AskedCall, ...]) -> dict[str, Any]:
    """Build the view with everything that would be sent, as it stands."""
    blocks: list[dict[str, Any]] = []
    for call in calls:
        blocks.append({"type": "header", "text": plain(clip(literal(call.tool), 150))})
        blocks += [
            {"type": "section", "text": {"type": "plain_text", "emoji": False, "text": literal(text)}}
            for text, _gap in in_parts(call.arguments, 2_500)
            if text.strip()
        ]
    return {
        "type": "modal",
        "title": plain("What would be sent"),
        "close": plain("Close"),
        "blocks": blocks[:_BLOCKS_MAX],
    }
