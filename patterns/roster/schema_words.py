"""What is wrong with the shape of a roster, in words that name the fix and nothing of the library that found it."""

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from patterns.roster.schema import RosterFile
from patterns.roster.suggestions import as_name, key_meant, listed, nearest
from patterns.roster.yaml_lines import Place, where

INSIDE_CHARS = 60
"""Longest value that is shown as the one thing in a list."""
EXAMPLES = {
    "version": "version: 1",
    "models": "models: {fast: {model: auto}}",
    "description": "description: Reads contracts for what binds us.",
    "model": "model: fast",
    "prompt": "prompt: lawyer",
    "max_output_tokens": "max_output_tokens: 700",
    "timeout_s": "timeout_s: 60",
    "min_confidence": "min_confidence: 0.6",
    "default": "default: answer",
    "synthesizer": "synthesizer: editor",
    "reviewer": "reviewer: critic",
    "worker": "worker: writer",
    "agents": "agents: [researcher, writer]",
    "run_usd": "run_usd: 0.50",
    "run_s": "run_s: 300",
    "steps": "steps: 30",
    "concurrency": "concurrency: 4",
    "confirm_above_usd": "confirm_above_usd: 0.25",
    "default_channel_usd": "default_channel_usd: 25",
    "dm_user_usd": "dm_user_usd: 5",
    "workspace_usd": "workspace_usd: 100",
    "timezone": "timezone: Europe/Berlin",
    "alerts": "alerts: [50, 80, 95, 100]",
    "input_usd_per_mtok": "input_usd_per_mtok: 0.25",
    "output_usd_per_mtok": "output_usd_per_mtok: 2.00",
    "above_input_tokens": "above_input_tokens: 200000",
    "quorum": "quorum: 2",
    "schema": "schema: {type: object}",
    "tools": "tools: [clock, arithmetic]",
    "turns_max": "turns_max: 6",
    "tool_calls_max": "tool_calls_max: 12",
    "mcp": "mcp: {command: [mcp-server-time]}",
    "command": "command: [mcp-server-time]",
    "url": "url: https://tickets.example.com/mcp",
    "client_id_env": "client_id_env: TICKETS_CLIENT",
    "client_secret_env": "client_secret_env: TICKETS_SECRET",
}
"""How a key is written that is missing or empty."""

SHOWN_CHARS = 40
"""As much of a wrong value as one recognises it by."""


def words(error: Mapping[str, Any], place: Place) -> str:
    """Return the sentence for one of pydantic's errors at a place of the file."""
    kind, value = str(error["type"]), error["input"]
    if kind == "extra_forbidden":
        return unknown_key(place)
    if kind == "value_error":
        return f"{where(place)}: {str(error['msg']).removeprefix('Value error, ')}"
    if kind == "string_pattern_mismatch":
        return _no_name(place, str(value))
    if kind == "missing":
        fix = f"is missing; add it{_example(place)}"
    elif value is None:
        fix = f"is empty; write a value{_example(place) or ', or remove it'}"
    else:
        fix = _fix(error, place)
    return f"{where(place)} {fix}"


def _example(place: Place) -> str:
    example = EXAMPLES.get(str(place[-1]), "") if place else ""
    if len(place) == 1 and place[0] in ("agents", "flows", "router", "limits", "budgets"):
        return f", or begin the file with `extends: shipped` to take the shipped {place[0]}"
    return f", like `{example}`" if example else ""


def unknown_key(place: Place) -> str:
    """Return what to do about a key that is not one."""
    key, allowed = str(place[-1]), keys_at(place[:-1])
    meant = key_meant(key, allowed)
    if meant == "api_key_env":
        return (
            f"{where(place)}: a key never stands in the file; write `api_key_env: OPENAI_API_KEY`, the name of the"
            " variable that holds it"
        )
    if meant:
        return f"{where(place)} is not something a roster knows; did you mean {meant}?"
    if allowed and len(place) > 1:
        keys = listed(sorted(allowed))
        return f"{where(place)} is not something a roster knows; remove it (the keys here are {keys})"
    return f"{where(place)} is not something a roster knows; check the spelling or remove it"


def _no_name(place: Place, value: str) -> str:
    if "approvers" in place:
        return (
            f"{where(place)}: {value!r} is no member id of Slack; write one like U024BE7LH (Copy member ID, in Slack)"
        )
    rule = "a name is lower-case letters, digits, - and _, begins with a letter and has at most 40 signs"
    return f"{where(place)}: {value!r} cannot be a name; write {as_name(value)} ({rule})"


def _fix(error: Mapping[str, Any], place: Place) -> str:
    """Return what a value must be instead."""
    kind, value = str(error["type"]), error["input"]
    if kind in _BOUNDS:
        bound = {key: f"{number:g}" if isinstance(number, float) else number for key, number in error["ctx"].items()}
        return _BOUNDS[kind].format(**bound, value=value)
    fixes = (fix for begins, fix in _FIXES.items() if kind.startswith(begins))
    fix = next(fixes, "cannot be used as it stands; docs/roster.md shows how it is written")
    if kind == "literal_error":
        return _none_of(place, value, str(error["ctx"]["expected"]))
    return fix.format(
        number=_number(place, "30" if kind.startswith("int") else "0.5"),
        shown=_shown(value),
        quoted=f'; put it in quotes: "{value}"' if not isinstance(value, list | dict) else "",
        inside=value if isinstance(value, str) and len(value) <= INSIDE_CHARS and "\n" not in value else "…",
        keys=_keys(place),
    )


_BOUNDS = {
    "greater_than_equal": "must be at least {ge}; it is {value}",
    "greater_than": "must be more than {gt}; it is {value}",
    "less_than_equal": "must be at most {le}; it is {value}",
    "less_than": "must be less than {lt}; it is {value}",
    "string_too_short": "is empty; write something, or remove it",
    "string_too_long": "is longer than {max_length} signs; shorten it",
    "too_short": "is empty; write at least one",
    "too_long": "has more than {max_length} entries; leave some out",
}
_FIXES = {
    "bool": "must be true or false; it is {shown}",
    "int": "must be a whole number without quotes, like {number}; it is {shown}",
    "float": "must be a number, like {number}; it is {shown}",
    "decimal": "must be a number, like {number}; it is {shown}",
    "finite": "must be a number, like {number}; it is {shown}",
    "string": "must be a text{quoted}",
    "tuple": "must be a list; write [{inside}]",
    "dict": "must hold lines `key: value`{keys}; it is {shown}",
    "model": "must hold lines `key: value`{keys}; it is {shown}",
}
"""By how pydantic's names for its errors begin."""


def _none_of(place: Place, value: object, expected: str) -> str:
    allowed = [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
    if place == ("version",):
        return "must be 1, the only version there is; write `version: 1`"
    near = nearest(str(value), allowed)
    meant = f"did you mean {near}?" if near else f"write {listed(allowed, 'or')}"
    return f"cannot be {_shown(value)}; {meant}"


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "something with keys of its own"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return repr(text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…")


def _keys(place: Place) -> str:
    allowed = keys_at(place)
    return f", with keys such as {listed(allowed[:3])}" if allowed and not _is_table(place) else ""


def _number(place: Place, otherwise: str) -> str:
    example = EXAMPLES.get(str(place[-1]), "") if place else ""
    return example.rpartition(": ")[2] if example and "[" not in example else otherwise


# ---------------------------------------------------------------- which keys a place has


def keys_at(place: Place) -> tuple[str, ...]:
    """Return the keys that a place of a roster can have, in the order they are usually written."""
    shape = _shape_at(place)
    return tuple(field.alias or name for name, field in shape.model_fields.items()) if shape else ()


def _is_table(place: Place) -> bool:
    return len(place) == 1 and place[0] in ("models", "agents", "flows", "tools")


def _shape_at(place: Place) -> type[BaseModel] | None:
    shape: type[BaseModel] | None = RosterFile
    is_entry = False
    for part in place:
        if is_entry or isinstance(part, int):
            is_entry = False
            continue
        fields = {field.alias or name: field for name, field in shape.model_fields.items()} if shape else {}
        if part not in fields:
            return None
        annotation = fields[part].annotation
        shape = next(_shapes_in(annotation), None)
        is_entry = _is_of(annotation, dict)
    return shape


def _shapes_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - an annotation is anything
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _shapes_in(inner)


def _is_of(annotation: Any, kind: type) -> bool:  # noqa: ANN401 - an annotation is anything
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType, Annotated):
        return any(_is_of(inner, kind) for inner in get_args(annotation))
    return origin is kind
