"""Fields of servers' forms: what is asked, what is never asked, and what was typed as values."""

import json
from typing import Any

import pytest

from patterns.core.forms import Form
from patterns.tools.forms import FIELDS_MAX, FormField, MistypedError, RefusedFormError, fields_of, refusal, value_of


def form(required: tuple[str, ...] = (), **fields: Any) -> Form:
    schema = {"type": "object", "properties": fields, "required": list(required)}
    return Form(message="Which?", fields_json=json.dumps(schema))


def one(schema: dict[str, Any], *, needed: bool = False) -> FormField:
    (field,) = fields_of(form(("it",) if needed else (), it=schema))
    return field


STRING, EMAIL, DAY = {"type": "string"}, {"type": "string", "format": "email"}, {"type": "string", "format": "date"}
MOMENT, PAGE = {"type": "string", "format": "date-time"}, {"type": "string", "format": "uri"}
SIZE = {"type": "string", "enum": ["s", "l"], "enumNames": ["Small", "Large"]}
TITLED = {"type": "string", "oneOf": [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large"}]}
SOME = {"type": "array", "items": {"type": "string", "enum": ["a", "b", "c"]}, "minItems": 1, "maxItems": 2}
SOME_TITLED = {"type": "array", "items": {"anyOf": [{"const": "a", "title": "Anna"}, {"const": "b", "title": "Ben"}]}}


@pytest.mark.parametrize(
    ("schema", "typed", "value"),
    [
        (STRING, "  tea ", "tea"),
        (STRING, "", None),
        (EMAIL, "ana@shop.example", "ana@shop.example"),
        (DAY, "2026-11-29", "2026-11-29"),
        (MOMENT, "2026-11-29T14:00:00Z", "2026-11-29T14:00:00Z"),
        (PAGE, "https://shop.example/x", "https://shop.example/x"),
        ({"type": "integer"}, "7", 7),
        ({"type": "number"}, "7.5", 7.5),
        ({"type": "number", "minimum": 0}, "7", 7),
        ({"type": "boolean"}, "Yes", True),
        ({"type": "boolean"}, "n", False),
        (SIZE, "Large", "l"),
        (SIZE, "s", "s"),
        (TITLED, "large", "l"),
        (SOME, ["a", "c"], ["a", "c"]),
        (SOME_TITLED, ["ben", "a"], ["b", "a"]),
        (SOME_TITLED, "", None),
    ],
)
def test_what_is_typed_becomes_a_value_of_its_field(schema: dict[str, Any], typed: Any, value: object) -> None:
    assert value_of(one(schema), typed) == value


@pytest.mark.parametrize(
    ("schema", "typed", "words"),
    [
        ({**STRING, "minLength": 3}, "ab", "Type 3 to"),
        ({**STRING, "maxLength": 3}, "abcd", "to 3 characters"),
        (EMAIL, "ana", "An e-mail address"),
        (DAY, "29.11.", "A date"),
        (MOMENT, "2026-11-29", "A date and a time"),
        (PAGE, "shop", "An address"),
        ({"type": "integer"}, "7.5", "whole number"),
        ({"type": "number"}, "much", "Type a number"),
        ({"type": "number"}, "nan", "Type a number"),
        ({"type": "number", "minimum": 1, "maximum": 5}, "9", "from 1 to 5"),
        ({"type": "boolean"}, "maybe", "yes or no"),
        (SIZE, "medium", "Choose one of Small, Large."),
        (SOME, ["x"], "Choose among a, b, c."),
        (SOME, ["a", "b", "c"], "Choose 1 to 2"),
    ],
)
def test_what_is_no_value_is_told_what_would_be(schema: dict[str, Any], typed: Any, words: str) -> None:
    with pytest.raises(MistypedError, match=words):
        value_of(one(schema), typed)


@pytest.mark.parametrize("schema", [STRING, {"type": "integer"}, SIZE, SOME])
def test_what_is_needed_cannot_be_left_empty(schema: dict[str, Any]) -> None:
    with pytest.raises(MistypedError):
        value_of(one(schema, needed=True), "")


@pytest.mark.parametrize(
    ("schema", "default"),
    [
        ({**STRING, "default": "tea"}, "tea"),
        ({"type": "integer", "default": 3}, 3),
        ({"type": "boolean", "default": False}, False),
        ({**SIZE, "default": "l"}, "l"),
        ({**SOME, "default": ["a"]}, ["a"]),
        ({"type": "integer", "default": "many"}, None),
        ({**SIZE, "default": "medium"}, None),
        ({**DAY, "default": "someday"}, None),
    ],
)
def test_a_default_is_filled_in_where_it_is_a_value(schema: dict[str, Any], default: object) -> None:
    assert one(schema).default == default


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("password", STRING),
        ("apiKey", STRING),
        ("api_key", STRING),
        ("accessToken", STRING),
        ("token", STRING),
        ("client_secret", STRING),
        ("x", {"type": "string", "title": "Your passphrase"}),
        ("x", {"type": "string", "description": "The API key of your account"}),
        ("x", {"type": "string", "format": "password"}),
        ("pin", {"type": "integer"}),
        ("cvv", STRING),
        ("x", {"type": "string", "title": "Verification code"}),
        ("ssh_private_key", STRING),
        ("pass\u200bword", STRING),
        ("\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44", STRING),
        ("Pass word", STRING),
        ("pincode", STRING),
        ("seed_phrase", STRING),
        ("totp", STRING),
        ("Credit card", STRING),
    ],
)
def test_a_secret_is_never_asked_for(name: str, schema: dict[str, Any]) -> None:
    assert "looks like a secret" in refusal(form(**{"colour": STRING, name: schema}))


@pytest.mark.parametrize("name", ["issue_key", "keyboard", "tokenizer", "spin", "compass", "passenger", "shipping"])
def test_a_word_that_only_sounds_like_one_is_asked_for(name: str) -> None:
    assert refusal(form(**{name: STRING})) == ""


def test_a_description_that_mentions_secrets_in_passing_is_no_reason() -> None:
    about = "Your favourite number (do not give us your phone number, pin, or tokens)"
    assert refusal(form(it={"type": "integer", "description": about})) == ""


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Form(message="x", fields_json="{"), "cannot be read"),
        (Form(message="x", fields_json='{"properties": 3}'), "cannot be read"),
        (form(), "no fields"),
        (form(**{f"f{n}": STRING for n in range(FIELDS_MAX + 1)}), "21 fields"),
        (form(it={"type": "object", "properties": {}}), "nobody can fill in"),
        (form(it=3), "cannot be read"),
        (form(it={"type": "string", "enum": [str(n) for n in range(101)]}), "101 options"),
        (Form(message="x", url="http://pay.example"), "none that can be trusted"),
        (Form(message="x", url="https://me:pw@pay.example"), "none that can be trusted"),
        (Form(message="x", url="https://pay.example/`x"), "none that can be trusted"),
        (Form(message="x", url="javascript:alert(1)"), "none that can be trusted"),
        (Form(message="x", url="https://[pay.example"), "none that can be trusted"),
        (Form(message="x", url="https://pay.example:99999/"), "none that can be trusted"),
        (form(it={"type": "string", "enum": ["a"], "enumNames": 5}), "cannot be read"),
    ],
)
def test_a_form_that_nobody_can_fill_in_is_refused(asked: Form, words: str) -> None:
    with pytest.raises(RefusedFormError, match=words):
        fields_of(asked)


@pytest.mark.parametrize("bound", ["7", [7], {}, True, None, float("inf"), float("nan"), 10**400])
@pytest.mark.parametrize(
    ("schema", "names", "typed", "value"),
    [
        (STRING, ("minLength", "maxLength"), "tea", "tea"),
        ({"type": "integer"}, ("minimum", "maximum"), "7", 7),
        (SOME_TITLED, ("minItems", "maxItems"), ["a"], ["a"]),
    ],
)
def test_a_bound_that_is_none_bounds_nothing(
    bound: object, schema: dict[str, Any], names: tuple[str, str], typed: Any, value: object
) -> None:
    field = one({**schema, **dict.fromkeys(names, bound), "default": typed})
    assert (field.default, value_of(field, typed)) == (value, value)


def test_a_title_of_blanks_is_none() -> None:
    assert one({"type": "string", "title": " \u200b "}).label == "it"
    labels = [label for _, label in one({"type": "string", "enum": ["s", "l"], "enumNames": [" ", "Large"]}).options]
    assert labels == ["s", "Large"]


def test_an_address_has_no_fields() -> None:
    assert fields_of(Form(message="Pay here", url="https://pay.example/7?a=b")) == ()


def test_an_answer_holds_for_one_form_alone() -> None:
    assert form(a=STRING).key == form(a=STRING).key
    assert form(a=STRING).key != form(a=EMAIL).key
