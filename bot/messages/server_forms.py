"""The form of a server that asks something in the middle of a call, as a modal; and its parsing.

Every text in it is the server's, shown as plain_text, in which Slack interprets nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.commands.origin import Origin
from bot.messages.mrkdwn import clip, literal
from bot.messages.request_form import plain
from patterns.core.forms import Form
from patterns.tools.forms import TEXT_CHARS, FormField, MistypedError, bound, value_of

SERVER_FORM = "tool_server_form"
"""callback_id of the form."""
BOXES_MAX = 10
"""Options that Slack draws as boxes."""
_OPTION_CHARS, _LABEL_CHARS, _HINT_CHARS = 75, 150, 300
_LONG = 200
_UNNAMED = "(it says nothing)"
_YES_NO = (("yes", "Yes"), ("no", "No"))


@dataclass(frozen=True, slots=True)
class FormPlace:
    """The question that a submitted form answers, and where its card is: a claim."""

    run_id: str
    path: str
    channel: str
    thread_ts: str | None


def server_form(
    run_id: str, path: str, form: Form, fields: Sequence[FormField], *, tool: str, origin: Origin
) -> dict[str, Any]:
    """Build the form of a server."""
    server = tool.partition(".")[0]
    where = {"run": run_id, "path": path, "channel": origin.channel, "thread_ts": origin.thread_ts}
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": _shown(form.message, 2_000)},
        *(_input(at, field) for at, field in enumerate(fields)),
        {
            "type": "context",
            "elements": [plain(f"{clip(server, 60)} gets what you fill in. Never type a secret here.")],
        },
    ]
    return {
        "type": "modal",
        "callback_id": SERVER_FORM,
        "private_metadata": json.dumps(where),
        "title": plain(clip(f"{server} asks", 24)),
        "submit": plain("Send"),
        "close": plain("Back"),
        "blocks": blocks,
    }


def form_place(view: Mapping[str, Any]) -> FormPlace:
    """Return the question that a submitted form names."""
    kept = json.loads(view["private_metadata"])
    return FormPlace(kept["run"], kept["path"], kept["channel"], kept["thread_ts"])


def read_server_form(view: Mapping[str, Any], fields: Sequence[FormField]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values by field, and Slack's field errors; fields that were left empty have no value."""
    state = view["state"]["values"]
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for at, field in enumerate(fields):
        try:
            value = value_of(field, _typed(field, (state.get(f"field{at}") or {}).get("field") or {}))
        except MistypedError as error:
            errors[f"field{at}"] = str(error)
            continue
        if value is not None:
            values[field.name] = value
    return values, errors


def _typed(field: FormField, element: Mapping[str, Any]) -> str | list[str]:
    """Return what was typed or chosen; a choice comes as its number."""
    pairs = _YES_NO if field.kind == "yes_no" else field.options
    if not pairs:
        return str(element.get("value") or "")
    chosen = element.get("selected_options") or ([element["selected_option"]] if element.get("selected_option") else [])
    values = [
        pairs[int(one["value"])][0] for one in chosen if str(one["value"]).isdigit() and int(one["value"]) < len(pairs)
    ]
    return values if field.kind == "some_of" else "".join(values[:1])


def _input(at: int, field: FormField) -> dict[str, Any]:
    hint = {"hint": plain(clip(literal(field.hint), _HINT_CHARS))} if field.hint else {}
    return {
        "type": "input",
        "block_id": f"field{at}",
        "optional": not field.is_required,
        "label": _shown(field.label, _LABEL_CHARS),
        **hint,
        "element": {"action_id": "field", **_element(field)},
    }


def _element(field: FormField) -> dict[str, Any]:
    """Return the element of a field, filled in with its default."""
    element: dict[str, Any]
    if field.kind in ("text", "number", "integer"):
        most = TEXT_CHARS if field.kind == "text" else 40
        element = {"type": "plain_text_input", "max_length": most}
        if bound(field.schema or {}, "maxLength", 0) > _LONG:
            element["multiline"] = True
        if field.default is not None:
            element["initial_value"] = clip(str(field.default), most)
        return element
    pairs = _YES_NO if field.kind == "yes_no" else field.options
    options = {value: _option(at, label or value) for at, (value, label) in enumerate(pairs)}
    if field.kind == "some_of":
        chosen = [options[one] for one in field.default or () if one in options]
        element = {"type": "checkboxes" if len(options) <= BOXES_MAX else "multi_static_select"}
        if chosen:
            element["initial_options"] = chosen
    else:
        default = {True: "yes", False: "no"}.get(field.default, field.default)
        element = {"type": "static_select"}
        if default in options:
            element["initial_option"] = options[default]
    return {**element, "options": list(options.values())}


def _option(number: int, label: str) -> dict[str, Any]:
    """Return an option; its value is its number, because what a server calls it can be longer than Slack takes."""
    return {"text": _shown(label, _OPTION_CHARS), "value": str(number)}


def _shown(text: str, chars_max: int) -> dict[str, Any]:
    """Return what a server says as plain_text, which Slack takes only with something in it."""
    said = literal(text)
    return plain(clip(said if said.strip() else _UNNAMED, chars_max))
