"""Arguments that break a tool's schema, in words that need no knowledge of JSON Schema."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from patterns.tools.argument_words import mistake_words

SCHEMA = {
    "type": "object",
    "properties": {
        "number": {"type": "integer", "minimum": 1},
        "mode": {"enum": ["fast", "slow"]},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "name": {"type": "string", "minLength": 2, "pattern": "^x"},
        "who": {"type": ["string", "null"]},
        "buyer": {"type": "object", "required": ["mail"]},
        "day": {"not": {"const": "Sunday"}},
    },
    "required": ["number"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "the argument 'number' is missing"),
        ({"number": "x"}, "the argument 'number' must be a whole number, and is \"x\""),
        ({"number": 0}, "the argument 'number' must be at least 1, and is 0"),
        ({"mode": "c"}, 'the argument \'mode\' must be one of "fast", "slow", and is "c"'),
        ({"tags": ["a", 1]}, "the argument 'tags.1' must be text, and is 1"),
        ({"tags": []}, "the argument 'tags' must have at least 1 entries, and is []"),
        ({"name": "x"}, "the argument 'name' must have at least 2 characters, and is \"x\""),
        ({"name": "yy"}, 'the argument \'name\' must match the pattern "^x", and is "yy"'),
        ({"who": 3}, "the argument 'who' must be text or null, and is 3"),
        ({"buyer": {}}, "the argument 'buyer.mail' is missing"),
        (
            {"colour": 1},
            "there is no argument 'colour'; there are 'number', 'mode', 'tags', 'name', 'who', 'buyer', 'day'",
        ),
    ],
)
def test_each_kind_of_mistake_has_plain_words(arguments: dict[str, Any], words: str) -> None:
    given = {"number": 1, **arguments} if arguments else {}
    assert mistake_words(best_match(Draft202012Validator(SCHEMA).iter_errors(given))) == words


def test_a_rule_without_plain_words_names_the_argument_all_the_same() -> None:
    mistake = best_match(Draft202012Validator(SCHEMA).iter_errors({"number": 1, "day": "Sunday"}))
    assert mistake_words(mistake).startswith("the argument 'day' does not fit: ")


def test_what_is_shown_of_a_value_is_short() -> None:
    mistake = best_match(Draft202012Validator(SCHEMA).iter_errors({"number": "9" * 40_000}))
    assert len(mistake_words(mistake)) < 150
