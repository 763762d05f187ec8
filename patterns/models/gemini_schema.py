"""JSON Schema in Gemini's dialect of it: one word that it does not know, and it refuses the whole request. Pure.

What the dialect cannot say is left out, or said in the description; the tool's own server checks arguments anyway.
litellm's translation fails on some schemas (`true`, recursion) and leaves words in that Gemini refuses.
"""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_DEPTH_MAX = 12
"""How deep a schema that contains itself is unrolled; Gemini knows no references."""
_KEPT: dict[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern"),
    "number": ("minimum", "maximum"),
    "integer": ("minimum", "maximum"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
    "boolean": (),
}
_FORMATS = {"string": ("date-time",), "number": ("float", "double"), "integer": ("int32", "int64")}
_ANYTHING: Json = {"type": "string"}


def declare(body: Mapping[str, Any], schemas: Mapping[str, Json]) -> None:
    """Give the declarations in a body the schemas of their tools; Gemini wants none for a tool without parameters."""
    for tool in body.get("tools", ()):
        for declared in tool.get("function_declarations", ()):
            declared.pop("parameters", None)
            if schemas[declared["name"]].get("properties"):
                declared["parameters"] = gemini_schema(schemas[declared["name"]])


def gemini_schema(schema: Json) -> Json:
    """Return a schema in Gemini's words."""
    return _translated(schema, schema, 0)


def _translated(schema: object, root: Json, depth: int) -> Json:
    if not isinstance(schema, dict) or depth > _DEPTH_MAX:
        return dict(_ANYTHING)
    schema = _merged(schema, root)
    kinds = schema.get("type")
    choices = _list(schema.get("anyOf")) or _list(schema.get("oneOf"))
    if isinstance(kinds, list):
        choices = [{**schema, "type": kind} for kind in kinds if isinstance(kind, str)]
    if choices:
        return _any_of(schema, choices, root, depth)
    kind = kinds if isinstance(kinds, str) and kinds in _KEPT else _kind_of(schema)
    made: Json = {"type": kind}
    made |= {name: schema[name] for name in _KEPT[kind] if name in schema}
    if schema.get("format") in _FORMATS.get(kind, ()):
        made["format"] = schema["format"]
    if schema.get("nullable") is True:
        made["nullable"] = True
    if kind == "array":
        made["items"] = _items(schema, root, depth)
    if kind == "object":
        fields = {name: _translated(inner, root, depth + 1) for name, inner in _fields(schema).items()}
        required = [name for name in _list(schema.get("required")) if isinstance(name, str) and name in fields]
        made |= {"properties": fields} if fields else {}
        made |= {"required": required} if required else {}
    return _described(made, schema)


def _merged(schema: Json, root: Json) -> Json:
    """Return a schema with what it refers to, and with all parts that it must fulfil, in one."""
    seen: set[str] = set()
    while isinstance(schema.get("$ref"), str) and schema["$ref"] not in seen:
        seen.add(schema["$ref"])
        found = resolved(root, schema["$ref"])
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        schema = {**found, **beside} if isinstance(found, dict) else beside
    for part in _list(schema.get("allOf")):
        inner = _merged(part, root) if isinstance(part, dict) and part is not schema else {}
        properties = {**_fields(inner), **_fields(schema)}
        required = [*_list(schema.get("required")), *_list(inner.get("required"))]
        schema = {**inner, **schema}
        schema |= {"properties": properties} if properties else {}
        schema |= {"required": required} if required else {}
    return schema


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _fields(schema: Json) -> Json:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def resolved(root: Json, reference: str) -> object:
    """Return what a reference inside a schema leads to; None where it leads out of it, or nowhere."""
    if not reference.startswith("#"):
        return None
    found: Any = root
    for name in filter(None, reference[1:].split("/")):
        found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def _any_of(schema: Json, choices: list[Any], root: Json, depth: int) -> Json:
    """Return the choices alone, because nothing may stand beside them; null is no type but a mark."""
    real = [choice for choice in choices if not (isinstance(choice, dict) and choice.get("type") == "null")]
    made = [_translated(choice, root, depth + 1) for choice in real] or [dict(_ANYTHING)]
    for choice in made:
        if len(real) < len(choices) or schema.get("nullable") is True:
            choice["nullable"] = True
        if isinstance(schema.get("description"), str):
            choice.setdefault("description", schema["description"])
    return made[0] if len(made) == 1 else {"anyOf": made}


def _kind_of(schema: Json) -> str:
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    values = _list(schema.get("enum")) or [schema.get("const")]
    if all(isinstance(value, bool) for value in values):
        return "boolean"
    if all(isinstance(value, int | float) for value in values):
        return "integer" if all(isinstance(value, int) for value in values) else "number"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _items(schema: Json, root: Json, depth: int) -> Json:
    items = schema.get("items")
    places = _list(schema.get("prefixItems")) or _list(items)
    if places:
        made = [_translated(place, root, depth + 1) for place in places]
        different = [one for at, one in enumerate(made) if one not in made[:at]]
        return different[0] if len(different) == 1 else {"anyOf": different}
    return _translated(items, root, depth + 1)


def _described(made: Json, schema: Json) -> Json:
    """Return the schema with its description and its values: other values than texts have no word but this."""
    values = _list(schema.get("enum")) or ([schema["const"]] if "const" in schema else [])
    said = schema.get("description") if isinstance(schema.get("description"), str) else ""
    texts = [value for value in values if isinstance(value, str) and value]
    if values and len(texts) == len(values) and made["type"] == "string":
        made["enum"] = texts
    elif values:
        said = f"{said} One of: {', '.join(map(str, values))}.".strip()
    return {**made, "description": said} if said else made
