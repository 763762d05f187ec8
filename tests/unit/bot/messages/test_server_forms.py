"""The form of a server as a modal: within Slack's limits, filled in with defaults, and read back as values."""

import json
from typing import Any

import pytest

from bot.commands.origin import Origin
from bot.messages.server_forms import FormPlace, form_place, read_server_form, server_form
from patterns.core.forms import Form
from patterns.tools.forms import fields_of
from tests.fakes.blockkit import check_view

LONG = "x" * 400
PROPERTIES: dict[str, Any] = {
    "title": {"type": "string", "maxLength": 500, "default": "Export fails"},
    "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 2},
    "urgent": {"type": "boolean", "default": False, "description": "Wake somebody up?"},
    "size": {"type": "string", "enum": ["s", LONG], "enumNames": ["Small", "Large"], "default": "s"},
    "labels": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "default": ["b"]},
    "people": {"type": "array", "items": {"type": "string", "enum": [f"p{n}" for n in range(60)]}},
}
FORM = Form(message="How?", fields_json=json.dumps({"properties": PROPERTIES, "required": ["title", "size"]}))
FIELDS = fields_of(FORM)


def shown(form: Form = FORM) -> dict[str, Any]:
    origin = Origin("key", "T1", "C1", "U1", "1.1")
    return server_form("r1", "a/form/1/answer", form, fields_of(form), tool="tickets.create_issue", origin=origin)


def sent(**elements: Any) -> dict[str, Any]:
    fields = {f"field{at}": {"field": elements.get(field.name, {})} for at, field in enumerate(FIELDS)}
    return {**shown(), "state": {"values": fields}}


def test_it_fits_and_is_filled_in_with_the_defaults() -> None:
    assert check_view(shown()) == []
    elements = [block["element"] for block in shown()["blocks"] if block["type"] == "input"]
    kinds = [element["type"] for element in elements]
    assert kinds == ["plain_text_input"] * 2 + ["static_select"] * 2 + ["checkboxes", "multi_static_select"]
    assert (elements[0]["initial_value"], elements[0]["multiline"], elements[1]["initial_value"]) == (
        "Export fails",
        True,
        "2",
    )
    chosen = [elements[at]["initial_option"]["text"]["text"] for at in (2, 3)]
    assert (chosen, elements[4]["initial_options"][0]["text"]["text"]) == (["No", "Small"], "b")
    assert [block["optional"] for block in shown()["blocks"] if block["type"] == "input"] == [
        False, True, True, False, True, True,
    ]  # fmt: skip


def test_what_was_filled_in_comes_as_values() -> None:
    view = sent(
        title={"value": " It fails "},
        count={"value": "3"},
        urgent={"selected_option": {"value": "0"}},
        size={"selected_option": {"value": "1"}},
        labels={"selected_options": [{"value": "0"}, {"value": "1"}]},
        people={"selected_options": []},
    )
    values, errors = read_server_form(view, FIELDS)
    assert (values, errors) == (
        {"title": "It fails", "count": 3, "urgent": True, "size": LONG, "labels": ["a", "b"]},
        {},
    )
    assert form_place(view) == FormPlace("r1", "a/form/1/answer", "C1", "1.1")


@pytest.mark.parametrize("forged", ["7", "-1", "x", ""])
def test_mistakes_stand_at_their_fields(forged: str) -> None:
    view = sent(title={"value": None}, count={"value": "many"}, size={"selected_option": {"value": forged}})
    _, errors = read_server_form(view, FIELDS)
    assert errors == {
        "field0": "This is needed.",
        "field1": "Type a whole number.",
        "field3": "This is needed.",
    }


def test_what_a_server_says_is_shown_as_it_stands() -> None:
    hostile = "<!channel> *bold* <https://evil.example|here> " + LONG * 10
    properties = {hostile: {"type": "string", "title": hostile, "description": hostile}}
    view = shown(Form(message=hostile, fields_json=json.dumps({"properties": properties})))
    assert check_view(view) == []
    assert '"mrkdwn"' not in json.dumps(view)


def test_a_form_that_says_nothing_can_be_opened() -> None:
    properties = {"": {"type": "string", "enum": ["", " "]}, " ": {"type": "string", "maxLength": "500"}}
    assert check_view(shown(Form(message="\u200b", fields_json=json.dumps({"properties": properties})))) == []
