"""The JSON Schema of a roster file, for editors; `python -m patterns.roster.json_schema` prints it."""

import json
import sys
from typing import Any

from patterns.roster.layers import EXTENDS
from patterns.roster.schema import RosterFile

_CHANGED = "Changed"
"""How definitions are called in which everything may be left out, because it is inherited."""
_COUNTED = frozenset({"minItems", "minProperties", "oneOf", "required"})


def json_schema() -> dict[str, Any]:
    """Return the schema: of a roster that stands alone, or of changes to the one it extends."""
    alone = RosterFile.model_json_schema(by_alias=True)
    definitions = alone.pop("$defs")
    extends = {"type": "string", "pattern": "^shipped(@[1-9][0-9]*)?$"}
    changes = _loose(alone)
    changes["properties"] = {EXTENDS: extends, **changes["properties"]}
    changes["required"] = [EXTENDS]
    return {
        "$defs": {**definitions, **{f"{name}{_CHANGED}": _loose(shape) for name, shape in definitions.items()}},
        "if": {"required": [EXTENDS]},
        "then": changes,
        "else": alone,
        "title": "Agents for Slack: roster",
    }


def _loose(schema: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a schema in which keys may be missing and entries may be null."""
    if isinstance(schema, list):
        return [_loose(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    loose = {key: _loose(value) for key, value in schema.items() if key not in _COUNTED or "const" in str(value)}
    if "$ref" in loose:
        loose["$ref"] += _CHANGED
    if isinstance(entries := loose.get("patternProperties"), dict):
        loose["patternProperties"] = {name: {"anyOf": [entry, {"type": "null"}]} for name, entry in entries.items()}
    return loose


if __name__ == "__main__":
    sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
