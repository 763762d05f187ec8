"""Judge the calls of a turn before any of them is sent: what cannot be made is answered, what acts needs an approval.

Pure. A mistake of the model is a result it can learn from, never an error of the run.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from patterns.core.found_json import no_constant, unambiguous
from patterns.core.tools import ToolCall, ToolSchema, schema_hash
from patterns.roster.suggestions import nearest
from patterns.roster.tool_schema import ToolSpec
from patterns.tools.argument_words import mistake_words
from patterns.tools.growth import shown_whole

IDENTICAL_MAX = 3
"""A call with the same arguments is made so often in a step; whoever asks again is in a loop."""
SCHEMAS_KEPT = 256
"""Schemas whose checks stay made, in this process."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool that a step offers: what the roster says of it, and how its server described it when first listed."""

    spec: ToolSpec
    schema: ToolSchema

    @property
    def hash(self) -> str:
        """Return the hash of its description, to which approvals are bound."""
        return schema_hash(self.schema)


@dataclass(frozen=True, slots=True)
class Judged:
    """A call of a turn, judged. `problem` is what the model is told where it cannot be made; else `tool` is given."""

    call: ToolCall
    tool: Offered | None = None
    arguments: Mapping[str, Any] | None = None
    problem: str = ""

    @property
    def key(self) -> str:
        """Return the hash of the tool, its description and the arguments: what a person approves."""
        known = self.tool.hash if self.tool else ""
        return call_key(self.call.name, self.call.arguments if self.arguments is None else self.arguments, known)


def call_key(name: str, arguments: object, schema: str) -> str:
    """Return the hash of a call of a tool with arguments, under the description that it was approved with."""
    return hashlib.sha256(json.dumps([name, arguments, schema], sort_keys=True).encode()).hexdigest()


def judge(
    calls: Sequence[ToolCall],
    offered: Mapping[str, Offered],
    *,
    earlier: Iterable[Judged] = (),
    calls_left: int,
    written_bytes: int,
) -> list[Judged]:
    """Return the calls of a turn, each judged in the light of those before it.

    `written_bytes` is how long the arguments of all of them may be.
    """
    made = Counter(one.key for one in earlier if not one.problem)
    judged: list[Judged] = []
    for call, fits in zip(calls, shown_whole(calls, written_bytes), strict=True):
        one = _read(call, offered, fits=fits)
        if not one.problem and calls_left <= 0:
            one = replace(one, problem="Not called: there are no calls left in this step. Answer with what you have.")
        elif not one.problem and made[one.key] >= IDENTICAL_MAX:
            one = replace(
                one,
                problem=f"Not called: you have made this very call {IDENTICAL_MAX} times. Use what it returned, or ask"
                " for something else.",
            )
        if not one.problem:
            made[one.key] += 1
            calls_left -= 1
        judged.append(one)
    return judged


def _read(call: ToolCall, offered: Mapping[str, Offered], *, fits: bool) -> Judged:
    tool = offered.get(call.name)
    if tool is None:
        near = nearest(call.name, offered)
        hint = f"Did you mean {near}?" if near else f"The tools are {', '.join(offered)}."
        return Judged(call, problem=f"There is no tool {call.name[:80]!r} here. {hint}")
    if not fits:
        return Judged(call, tool, problem="Not called: its arguments are too long. Make them shorter.")
    try:
        value = json.loads(call.arguments or "{}", parse_constant=no_constant, object_pairs_hook=unambiguous)
    except (ValueError, RecursionError) as error:
        return Judged(call, tool, problem=f"Not called: the arguments are not JSON ({error}).")
    if not isinstance(value, dict):
        return Judged(call, tool, problem="Not called: the arguments must be a JSON object.")
    mistake = _mistake(value, tool.schema.parameters)
    if mistake:
        return Judged(call, tool, value, problem=f"Not called: {mistake}")
    return Judged(call, tool, value)


def _mistake(value: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """Return how arguments break the tool's schema; empty when they fit. A schema nobody understands is no bar."""
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - 80 ms that `agents --help` should not pay
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    try:
        validator = _validator(json.dumps(dict(parameters)))
        mistake = None if validator is None else best_match(validator.iter_errors(dict(value)))
    except (Unresolvable, RecursionError):
        return ""  # the server is the judge then
    return "" if mistake is None else f"{mistake_words(mistake)}."


@lru_cache(maxsize=SCHEMAS_KEPT)
def _validator(parameters: str) -> Any:  # noqa: ANN401 - imported late
    """Return what checks arguments against a schema, None where that is none: making it costs more than checking."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415

    schema = json.loads(parameters)
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        return None
    return Draft202012Validator(schema)
