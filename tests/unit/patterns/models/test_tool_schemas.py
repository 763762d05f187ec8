"""A tool is told to a provider in words that it takes, or refused by name before anything is sent."""

from typing import Any

import pytest

from patterns.core.tools import ToolSchema
from patterns.models.tool_schemas import ToolSchemaError, functions, placeholders


def told(parameters: dict[str, Any]) -> dict[str, Any]:
    function = functions([ToolSchema("a.b", "Does it.", parameters)])[0]["function"]
    assert (function["name"], function["description"]) == ("a__b", "Does it.")
    found: dict[str, Any] = function["parameters"]
    return found


def refused(*tools: ToolSchema) -> str:
    with pytest.raises(ToolSchemaError) as caught:
        functions(tools)
    return str(caught.value)


FIELDS = {"q": {"type": "string"}}


def test_a_usual_schema_stays_as_it_is() -> None:
    schema = {"type": "object", "properties": FIELDS, "required": ["q"], "additionalProperties": False}
    assert told(schema) == schema


def test_a_tool_without_parameters_takes_an_empty_object() -> None:
    assert told({}) == told({"type": "object"}) == {"type": "object", "properties": {}}


def test_rules_about_combinations_are_left_to_the_server() -> None:
    schema = {"type": "object", "properties": FIELDS, "anyOf": [{"required": ["q"]}], "$schema": "x", "if": {}}
    assert told(schema) == {"type": "object", "properties": FIELDS}


def test_the_schema_is_not_changed_in_place() -> None:
    schema = {"properties": FIELDS, "anyOf": []}
    told(schema)
    assert schema == {"properties": FIELDS, "anyOf": []}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"type": "string"}, "the schema of x.y must describe an object"),
        ({"oneOf": [{"type": "object"}]}, "the schema of x.y has oneOf in place of properties"),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object"}}}, "the schema of x.y is only a reference"),
        ({"properties": {"a": {"$ref": "#/$defs/A"}}}, "the schema of x.y refers to #/$defs/A, which is not in it"),
        ({"properties": {"a": {"$ref": "https://x/y"}}}, "the schema of x.y refers to https://x/y, which is not in it"),
        ({"properties": {"a": {"default": float("nan")}}}, "the schema of x.y is no JSON"),
        ({"properties": {"a": {1, 2}}}, "the schema of x.y is no JSON"),
    ],
)
def test_what_a_provider_would_refuse_is_refused_by_name(parameters: dict[str, Any], words: str) -> None:
    assert refused(ToolSchema("fine", "", {}), ToolSchema("x.y", "", parameters)) == words


def test_a_schema_without_end_is_refused() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(100):
        deep = {"type": "object", "properties": {"a": deep}}
    assert refused(ToolSchema("x.y", "", deep)) == "the schema of x.y is nested too deep"


def test_two_tools_of_one_name_and_too_many_are_refused() -> None:
    assert refused(ToolSchema("a", "", {}), ToolSchema("a", "", {})) == "two of its tools have the same name"
    assert "129 tools" in refused(*(ToolSchema(f"t{n}", "", {}) for n in range(129)))


def test_a_history_names_each_tool_once() -> None:
    assert [one["function"]["name"] for one in placeholders(["a.b", "c", "a.b"])] == ["a__b", "c"]
