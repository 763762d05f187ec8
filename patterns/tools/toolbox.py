"""The tool box of a run: built-in tools and those of servers behind one port, with what the roster says of each."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patterns.core.forms import NOBODY_TO_ASK, FormAnswers
from patterns.core.tools import ToolBox, ToolError, ToolOutput, ToolSchema, without_arguments
from patterns.roster.prompts import weigh
from patterns.roster.tool_schema import ToolSpec


@dataclass(frozen=True)
class Routed:
    """Sends each call to where its tool lives; adds our idempotency key where a tool takes one."""

    servers: ToolBox
    built_in: ToolBox
    searches: ToolBox
    specs: Mapping[str, ToolSpec]

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        """Return the tools of one server as it describes them now; see the port."""
        boxes = {id(box): box for box in (self._box(name) for name in names)}
        (box,) = boxes.values()
        return tuple(self._bounded(schema) for schema in await box.schemas(names))

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        key: str,
        timeout_s: float,
        asker: str = "",
        answers: FormAnswers = NOBODY_TO_ASK,
    ) -> ToolOutput:
        """Call a tool once; see the port."""
        spec = self.specs[tool]
        box = self._box(tool)
        if spec.key_argument:
            arguments = {**arguments, spec.key_argument: key}
        return await box.call(tool, arguments, key=key, timeout_s=timeout_s, asker=asker, answers=answers)

    def _box(self, name: str) -> ToolBox:
        spec = self.specs[name]
        if spec.search:
            return self.searches
        return self.built_in if spec.is_built_in else self.servers

    def _bounded(self, schema: ToolSchema) -> ToolSchema:
        """Return a description without the argument that is ours to fill.

        Raises:
            ToolError: it is longer than the roster allows: every turn pays for it.
        """
        spec = self.specs[schema.name]
        parameters = dict(schema.parameters)
        if spec.key_argument:
            parameters = without_arguments(parameters, [spec.key_argument])
        taken = schema_bytes(schema.description, parameters)
        if taken > spec.schema_bytes_max:
            raise ToolError(
                f"{schema.name} is described in {taken} bytes, and schema_bytes_max allows {spec.schema_bytes_max}.",
                was_sent=False,
            )
        return ToolSchema(schema.name, schema.description, parameters, schema.note)


def schema_bytes(description: str, parameters: Mapping[str, Any]) -> int:
    """Return the bytes of a tool's description, which are part of every turn's price."""
    return weigh(description) + weigh(json.dumps(dict(parameters), ensure_ascii=False))


def idempotency_key(run_id: str, path: str) -> str:
    """Return our key for a call, the same whenever it is repeated."""
    return hashlib.sha256(f"{run_id}/{path}".encode()).hexdigest()[:32]
