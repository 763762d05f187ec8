"""Many tools: an agent is offered a search over them, and from the next turn on what it found, so a turn stays bounded.

What was found is journalled with the call, so that a resumed step offers the same.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patterns.core.forms import NOBODY_TO_ASK, FormAnswers
from patterns.core.step_record import StepRecord
from patterns.core.tools import ToolBox, ToolOutput, ToolSchema
from patterns.roster.prompts import cut
from patterns.roster.tool_schema import ToolSpec
from patterns.tools.judging import Offered
from patterns.tools.ranking import ranked
from patterns.tools.toolbox import schema_bytes

TOOLS_MAX = 20
"""More tools than that are searched."""
SCHEMAS_BYTES_MAX = 20_000
"""The bytes of descriptions in one turn; tools with more are searched."""
FEW = 5
"""Tools that one search returns."""
FOUND_MAX = 12
"""Found tools that are offered at once; the latest stay."""
QUERY_CHARS = 300
ABOUT_BYTES = 300
SERVERS_BYTES = 600
FIND = ToolSpec(
    server="", tool="find_tools", read_only=True, retry_safe=True, reach="provider", asks=False, output_bytes_max=4000
)
FOUND = "found"
"""Where the record of a search keeps the tools it found."""


def is_searched(tools: Sequence[ToolSchema]) -> bool:
    """Return whether tools are too many to be offered all, or described too long."""
    return len(tools) > TOOLS_MAX or sum(map(_bytes, tools)) > SCHEMAS_BYTES_MAX


def may_be_searched(specs: Sequence[ToolSpec]) -> bool:
    """Return whether tools can turn out to be, by what the roster allows."""
    return len(specs) > TOOLS_MAX or sum(one.schema_bytes_max for one in specs) > SCHEMAS_BYTES_MAX


def result_bytes_max(specs: Sequence[ToolSpec]) -> int:
    """Return how long one result in a step with these tools may be, that of a search among them."""
    longest = max(one.output_bytes_max for one in specs)
    return max(longest, FIND.output_bytes_max) if may_be_searched(specs) else longest


def too_long(tool: ToolSchema) -> str:
    """Return why a tool cannot be offered even alone; empty where it can."""
    most, taken = _room(), _bytes(tool)
    return f"it is described in {taken:,} bytes, and among many tools {most:,} is the most" if taken > most else ""


def find_tools(specs: Sequence[ToolSpec]) -> ToolSchema:
    """Return the search as a model is told about it."""
    servers = cut(", ".join(dict.fromkeys(spec.server for spec in specs)), SERVERS_BYTES)
    return ToolSchema(
        FIND.name,
        f"Find tools for a task among the {len(specs)} that you may use; call what is found from your next turn on."
        f" They belong to: {servers}.",
        {
            "type": "object",
            "properties": {
                "query": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": QUERY_CHARS,
                    "description": "Words for what the tool should do, such as: create issue",
                }
            },
            "required": ["query"],
            "additionalProperties": False,
        },
    )


def with_found(
    offered: Mapping[str, Offered], records: Iterable[StepRecord], specs: Mapping[str, ToolSpec]
) -> dict[str, Offered]:
    """Return what the next turn offers: the tools before, and what these calls found; of too many the latest."""
    found = dict(offered)
    for record in records:
        for name, description, parameters in record.data.get(FOUND, ()):
            if name in specs:
                found.pop(name, None)
                found[name] = Offered(specs[name], ToolSchema(name, description, parameters))
    while FIND.name in found and not _fits([one.schema for one in found.values()]):
        found.pop(next(name for name in found if name != FIND.name))
    return found


def _fits(tools: Sequence[ToolSchema]) -> bool:
    return len(tools) <= FOUND_MAX + 1 and sum(map(_bytes, tools)) <= SCHEMAS_BYTES_MAX


def _bytes(tool: ToolSchema) -> int:
    return schema_bytes(tool.description, tool.parameters)


def _room() -> int:
    """Return how long one found tool may be described: the search itself is offered beside it."""
    return SCHEMAS_BYTES_MAX - SERVERS_BYTES - 600


@dataclass(frozen=True)
class WithSearch:
    """A tool box with the search over the tools of one step; `listed` returns them as they are described now."""

    tools: ToolBox
    listed: Callable[[], Awaitable[Sequence[ToolSchema]]]

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        """Return the tools of these names; see the port."""
        return await self.tools.schemas(names)

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
        """Call a tool once, or find the few best for a query, with what they do and take."""
        if tool != FIND.name:
            return await self.tools.call(tool, arguments, key=key, timeout_s=timeout_s, asker=asker, answers=answers)
        tools = [one for one in await self.listed() if not too_long(one)]
        best = ranked(str(arguments["query"]), tools)[:FEW]
        text = "\n".join(map(_line, best)) or "Nothing fits. Try other words for what the tool should do."
        return ToolOutput(text, bytes_read=len(text.encode()), found=tuple(best))


def _line(tool: ToolSchema) -> str:
    properties = tool.parameters.get("properties")
    takes = ", ".join(map(str, properties)) if isinstance(properties, Mapping) else ""
    return f"{tool.name}({cut(takes, ABOUT_BYTES)}): {cut(' '.join(tool.description.split()), ABOUT_BYTES)}"
