"""Forms of a review: what should change, or the draft to edit."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.commands.origin import Origin
from bot.messages.mrkdwn import cut_at, size
from bot.messages.request_form import MAX_REQUEST_CHARS, plain
from patterns.core.questions import DecisionVerdict

CHANGES_FORM = "review_changes_form"
"""callback_id of the form that asks what should change."""
EDIT_FORM = "review_edit_form"
"""callback_id of the form with the draft to edit."""
REVIEW_FORMS: Mapping[str, DecisionVerdict] = {CHANGES_FORM: "changes", EDIT_FORM: "edit"}
MAX_PARTS = 12
"""Number of fields a draft is spread over, because Slack's hold 3,000 characters each."""
_TEXT = "text"


@dataclass(frozen=True, slots=True)
class ReviewForm:
    """A submitted form: the decision, and where its card is."""

    run_id: str
    path: str
    channel: str
    thread_ts: str | None
    verdict: DecisionVerdict
    text: str


def changes_form(run_id: str, path: str, *, origin: Origin, price: str) -> dict[str, Any]:
    """Build the form that asks for changes in the person's own words."""
    hint = f"The writer takes it up and the reviewer looks again; one more round costs at most {price}."
    field = {**_field("", MAX_REQUEST_CHARS), "placeholder": plain("Shorter, and name the date in the first line")}
    block = {"type": "input", "block_id": f"{_TEXT}0", "label": plain("What should change?"), "hint": plain(hint)}
    return _form(CHANGES_FORM, "Request changes", "Send", (run_id, path, origin, ()), [{**block, "element": field}])


def edit_form(run_id: str, path: str, *, origin: Origin, draft: str) -> dict[str, Any] | None:
    """Build the form with the whole draft to edit; None when it is too long for a form."""
    parts = in_parts(draft)
    if len(parts) > MAX_PARTS:
        return None
    of = f" ({{at}} of {len(parts)})" if parts[1:] else ""
    blocks = [
        {
            "type": "input",
            "block_id": f"{_TEXT}{at}",
            "label": plain(f"The draft{of.format(at=at + 1)}"),
            "optional": bool(parts[1:]),
            "element": _field(text, MAX_REQUEST_CHARS),
        }
        for at, (text, _gap) in enumerate(parts)
    ]
    gaps = tuple(gap for _text, gap in parts)
    return _form(EDIT_FORM, "Edit the draft", "Use this text", (run_id, path, origin, gaps), blocks)


def read_review_form(view: Mapping[str, Any]) -> ReviewForm | dict[str, str]:
    """Return the form's values, or Slack's field errors by block."""
    kept = json.loads(view["private_metadata"])
    fields, gaps = view["state"]["values"], kept["gaps"] or [""]
    texts = [str(((fields.get(f"{_TEXT}{at}") or {}).get(_TEXT) or {}).get("value") or "") for at in range(len(gaps))]
    text = "".join(part + gap for part, gap in zip(texts, gaps, strict=True)).strip()
    if not text:
        return {f"{_TEXT}0": "Write something, or close this form."}
    verdict = REVIEW_FORMS[view["callback_id"]]
    return ReviewForm(kept["run"], kept["path"], kept["channel"], kept["thread_ts"], verdict, text)


def in_parts(text: str, limit: int = MAX_REQUEST_CHARS) -> list[tuple[str, str]]:
    """Return the text split between paragraphs or lines into fields; each part with the white space behind it."""
    parts: list[tuple[str, str]] = []
    rest = text.strip()
    while size(rest) > limit:
        end = cut_at(rest, limit)
        found = [(rest.rfind(gap, 1, end), gap) for gap in ("\n\n", "\n", " ")]
        at, gap = next(((at, gap) for at, gap in found if at > end // 2), (end, ""))
        parts.append((rest[:at], gap))
        rest = rest[at + len(gap) :]
    return [*parts, (rest, "")]


def _form(
    callback_id: str,
    title: str,
    submit: str,
    kept: tuple[str, str, Origin, tuple[str, ...]],
    blocks: list[dict[str, Any]],
) -> dict[str, Any]:
    run_id, path, origin, gaps = kept
    where = {"run": run_id, "path": path, "channel": origin.channel, "thread_ts": origin.thread_ts, "gaps": gaps}
    return {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": json.dumps(where),
        "title": plain(title),
        "submit": plain(submit),
        "close": plain("Cancel"),
        "blocks": blocks,
    }


def _field(text: str, limit: int) -> dict[str, Any]:
    given = {"initial_value": text} if text else {}
    return {"type": "plain_text_input", "action_id": _TEXT, "multiline": True, "max_length": limit, **given}
