"""Tools as a provider is told about them, or a refusal that names the tool. Pure.

Rules about combinations of fields are left to the tool's own server, which checks arguments anyway; what would make a
provider refuse the whole request is refused here, before anything is held or sent.
"""

import json
from collections.abc import Iterable
from typing import Any

from patterns.core.tools import ToolSchema
from patterns.models.gemini_schema import gemini_schema, resolved
from patterns.models.offer import wire_name

Json = dict[str, Any]

_COMBINING = ("anyOf", "oneOf", "allOf", "not", "enum", "const", "if", "then", "else", "dependentSchemas")
"""What OpenAI and Anthropic refuse at the top of a schema."""
_OF_NO_USE = ("$schema", "$id", "$comment", "$anchor")
_TOOLS_MAX = 128
"""What OpenAI takes; nobody takes fewer."""
_DEPTH_MAX = 60


class ToolSchemaError(ValueError):
    """A tool cannot be offered; the message says which and why."""


def functions(tools: Iterable[ToolSchema], *, litellm_to: str = "") -> list[Json]:
    """Return tools in the form that litellm translates; `litellm_to` is the model where it sends them itself.

    Raises:
        ToolSchemaError: a schema that providers refuse, two tools of one name, or too many of them.
    """
    made = [_function(tool) for tool in tools]
    for function in (one["function"] for one in made):
        if litellm_to.startswith("vertex_ai/gemini"):
            function["parameters"] = gemini_schema(function["parameters"])
        elif litellm_to.startswith("openai/"):
            function["strict"] = False  # what its endpoint for such models takes for true where nothing is said
    names = [function["function"]["name"] for function in made]
    if len(set(names)) < len(names):
        raise ToolSchemaError("two of its tools have the same name")
    if len(made) > _TOOLS_MAX:
        raise ToolSchemaError(f"it is offered {len(made)} tools, and providers take {_TOOLS_MAX}")
    return made


def placeholders(names: Iterable[str]) -> list[Json]:
    """Return tools without a description, for a history that calls them where they may not be called any more."""
    nothing = {"type": "object", "properties": {}}
    return [_wrapped(name, "Not available any more.", nothing) for name in dict.fromkeys(map(wire_name, names))]


def _wrapped(name: str, description: str, parameters: Json) -> Json:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _function(tool: ToolSchema) -> Json:
    try:
        parameters = json.loads(json.dumps(dict(tool.parameters), allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise ToolSchemaError(f"the schema of {tool.name} is no JSON") from None
    if parameters.get("type", "object") != "object":
        raise ToolSchemaError(f"the schema of {tool.name} must describe an object")
    says = bool(parameters.get("properties"))
    for name in (*_OF_NO_USE, *_COMBINING):
        if name in parameters and name in _COMBINING and not says:
            raise ToolSchemaError(f"the schema of {tool.name} has {name} in place of properties")
        parameters.pop(name, None)
    if "$ref" in parameters:
        raise ToolSchemaError(f"the schema of {tool.name} is only a reference")
    _check(parameters, parameters, tool.name, ())
    properties = parameters.get("properties") or {}
    return _wrapped(wire_name(tool.name), tool.description, {**parameters, "type": "object", "properties": properties})


def _check(schema: object, root: Json, tool: str, path: tuple[str, ...]) -> None:
    """Raise ToolSchemaError where a reference leads out of the schema or nowhere, or the schema is too deep."""
    if len(path) > _DEPTH_MAX:
        raise ToolSchemaError(f"the schema of {tool} is nested too deep")
    if isinstance(schema, list):
        for inner in schema:
            _check(inner, root, tool, (*path, ""))
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and resolved(root, reference) is None:
        raise ToolSchemaError(f"the schema of {tool} refers to {reference[:80]}, which is not in it")
    for name, inner in schema.items():
        _check(inner, root, tool, (*path, name))
