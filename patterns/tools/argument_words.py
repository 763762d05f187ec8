"""Say in plain words how arguments miss a tool's schema, for the model that sent them and for people. Pure."""

import json
from collections.abc import Mapping
from typing import Any

SHOWN_CHARS, MESSAGE_CHARS = 60, 300
_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_BOUNDS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} entries",
    "maxItems": "must have at most {} entries",
    "pattern": "must match the pattern {}",
    "const": "must be {}",
}


def mistake_words(mistake: Any) -> str:  # noqa: ANN401 - jsonschema's, imported late
    """Return one mistake that jsonschema found as a clause like `the argument 'number' is missing`."""
    path, rule, value = tuple(mistake.absolute_path), mistake.validator, mistake.validator_value
    if rule == "required" and isinstance(mistake.instance, Mapping):
        missing = next((name for name in value if name not in mistake.instance), "")
        return f"{_named(*path, missing)} is missing"
    if rule == "additionalProperties" and value is False:
        known = mistake.schema.get("properties", {})
        strange = next((name for name in mistake.instance if name not in known), "")
        there_are = f"; there are {', '.join(map(repr, known))}" if known else ""
        return f"there is no argument {_dotted(*path, strange)}{there_are}"
    said = _rule_words(rule, value)
    if not path or not said:
        return f"{_named(*path)} does not fit: {mistake.message[:MESSAGE_CHARS]}"
    return f"{_named(*path)} {said}, and is {_shown(mistake.instance)}"


def _rule_words(rule: str, value: Any) -> str:  # noqa: ANN401 - what a schema has there
    """Return what a rule asks for; empty for one that has no plain words here."""
    if rule == "type":
        kinds = [value] if isinstance(value, str) else value
        return f"must be {' or '.join(_TYPES.get(kind, kind) for kind in kinds)}"
    if rule == "enum":
        return f"must be one of {', '.join(map(_shown, value))[:MESSAGE_CHARS]}"
    return _BOUNDS[rule].format(_shown(value)) if rule in _BOUNDS else ""


def _named(*path: str | int) -> str:
    return f"the argument {_dotted(*path)}" if path else "the object of arguments"


def _dotted(*path: str | int) -> str:
    return repr(".".join(map(str, path)))[: SHOWN_CHARS * 2]


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
