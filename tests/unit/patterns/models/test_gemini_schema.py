"""JSON Schema in Gemini's dialect: nothing that it does not know, every field with a type, references unrolled."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.models.gemini_schema import gemini_schema

KNOWN = {"type", "format", "description", "nullable", "enum", "items", "properties", "required", "anyOf", "pattern"}
KNOWN |= {f"{side}{what}" for side in ("min", "max") for what in ("imum", "Items", "Length", "Properties")}
TREE = {
    "type": "object",
    "properties": {"tree": {"$ref": "#/$defs/Tree"}},
    "$defs": {"Tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}, "n": {"type": "integer"}}}},
}


def field(schema: Any) -> Any:
    return gemini_schema({"type": "object", "properties": {"a": schema}})["properties"]["a"]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": ["integer", "null"], "exclusiveMinimum": 0}, {"type": "integer", "nullable": True}),
        ({"type": ["integer", "string"]}, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}], "description": "d", "default": 1},
            {"anyOf": [{"type": "string", "description": "d"}, {"type": "integer", "description": "d"}]},
        ),
        ({"type": "string", "format": "uri", "title": "A"}, {"type": "string"}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        (
            {"type": "integer", "enum": [1, 2], "description": "How many."},
            {"type": "integer", "description": "How many. One of: 1, 2."},
        ),
        ({"const": 5}, {"type": "integer", "description": "One of: 5."}),
        ({"enum": [True]}, {"type": "boolean", "description": "One of: True."}),
        (True, {"type": "string"}),
        ({}, {"type": "string"}),
        ({"type": "array"}, {"type": "array", "items": {"type": "string"}}),
        ({"prefixItems": [{"type": "integer"}] * 2}, {"type": "array", "items": {"type": "integer"}}),
        ({"additionalProperties": {"type": "string"}}, {"type": "object"}),
        (
            {"allOf": [{"properties": {"x": {"type": "string"}}, "required": ["x"]}, {"properties": {"y": True}}]},
            {"type": "object", "properties": {"x": {"type": "string"}, "y": {"type": "string"}}, "required": ["x"]},
        ),
        ({"type": "object", "properties": {}, "required": ["gone"]}, {"type": "object"}),
    ],
)
def test_what_it_cannot_say_is_left_out_or_described(schema: Any, words: Any) -> None:
    assert field(schema) == words


def test_a_schema_that_contains_itself_is_unrolled_to_an_end() -> None:
    made = gemini_schema(TREE)
    depth = 0
    while "properties" in made:
        made, depth = next(iter(made["properties"].values())), depth + 1
    assert made == {"type": "string"}
    assert depth > 5


def test_a_reference_is_read_with_what_stands_beside_it() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/A~1B", "description": "mine"}},
        "$defs": {"A/B": {"type": "integer", "description": "its own"}},
    }
    assert gemini_schema(schema)["properties"]["a"] == {"type": "integer", "description": "mine"}


def _unknown(schema: Any) -> set[str]:
    found = set(schema) - KNOWN
    found |= set() if "type" in schema or "anyOf" in schema else {"no type"}
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    inner += [schema["items"]] if "items" in schema else []
    return found.union(*map(_unknown, inner))


WORDS = st.sampled_from(["type", "properties", "items", "anyOf", "allOf", "oneOf", "enum", "const", "not", "required"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["object", "array", "string", "null", "any"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(WORDS, VALUES, max_size=5))
def test_whatever_a_server_sends_gemini_knows_every_word(schema: dict[str, Any]) -> None:
    assert _unknown(gemini_schema(schema)) == set()
