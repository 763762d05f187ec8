"""How OpenAI, and litellm after it, is asked for JSON of a schema. Pure."""

import json
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def response_format(schema: Mapping[str, Any]) -> Json:
    """Return the parameter that asks for JSON of a schema, strictly where OpenAI takes the schema as strict."""
    own = json.loads(json.dumps(dict(schema)))  # translators change it in place
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": own, "strict": _is_strict(own)}}


def _is_strict(schema: object) -> bool:
    """Return whether OpenAI takes the schema as strict: objects name all fields, require them and allow no others."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    fields = schema.get("properties")
    closed = not isinstance(fields, dict) or (
        schema.get("additionalProperties") is False and set(schema.get("required", ())) == set(fields)
    )
    return closed and all(map(_is_strict, schema.values()))
