"""Parse answers that must be JSON of a schema, and ask for a repair of those that are not."""

import json
from collections.abc import Mapping
from typing import Any

REPAIR_BYTES = 4000
"""How much of an unreadable answer is shown to the model that repairs it."""


class InvalidOutputError(Exception):
    """The text is not JSON of the schema; the message says where."""


def parse(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object in an answer; a value that is no object comes as `{"value": …}`.

    Raises:
        InvalidOutputError: not JSON, or not of the schema.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 80 ms that `agents --help` should not pay
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    plain = text.strip()
    if plain.startswith("```") and plain.endswith("```"):
        plain = plain.removeprefix("```json").strip("`").strip()
    try:
        value = json.loads(plain, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidOutputError(f"This is not JSON: {error}") from None
    mistake = best_match(Draft202012Validator(schema).iter_errors(value))
    if mistake is not None:
        raise InvalidOutputError(f"At {mistake.json_path}: {mistake.message[:300]}")
    return value if isinstance(value, dict) else {"value": value}


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def repair_prompt(problem: str) -> str:
    """Return the message that asks a model to correct an answer that did not parse."""
    return f"Your answer could not be read. {problem} Answer again with nothing but JSON of the schema you were given."
