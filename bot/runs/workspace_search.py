"""The search of the Slack workspace as a tool: with the key of the message that asked, its results never stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from patterns.core.forms import NOBODY_TO_ASK, FormAnswers
from patterns.core.tools import Source, ToolBox, ToolError, ToolOutput, ToolSchema
from patterns.roster.tool_schema import ToolSpec
from patterns.tools.unstored import kept_text, shown_text
from storage.run_rows import RunRow

QUERY_CHARS_MAX = 500
NO_KEY = (
    "Slack can only be searched for a request that was written as a message: mention me, reply in a thread or write to"
    " me directly. Commands, forms and buttons bring no key for it."
)
_DESCRIPTION = "Searches the messages and files of this Slack workspace that whoever asked can see in public channels."
_QUERY = {"type": "string", "minLength": 1, "maxLength": QUERY_CHARS_MAX, "description": "What to look for."}
_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {"query": _QUERY}, "required": ["query"]}


@dataclass(frozen=True, slots=True)
class FoundInSlack:
    """One message or file that was found: its permalink, and what it says, on one line."""

    address: str
    text: str


class SlackSearch(Protocol):
    """What searches a workspace for the person behind a run."""

    async def refusal(self, run: RunRow) -> str:
        """Return why nothing can be searched for this run; empty where it can."""
        ...

    async def find(self, run: RunRow, query: str, *, results_max: int) -> Sequence[FoundInSlack]:
        """Return what the asker of a run can see of what was found.

        Raises:
            ToolError: Slack does not search for it, now or at all.
        """
        ...


class NotInSlack:
    """Outside Slack there is nothing to search."""

    async def refusal(self, run: RunRow) -> str:  # noqa: ARG002 - the port
        """Return that it is no request of Slack's."""
        return NO_KEY

    async def find(self, run: RunRow, query: str, *, results_max: int) -> Sequence[FoundInSlack]:  # noqa: ARG002
        """Raise ToolError: there is nothing to search."""
        raise ToolError(NO_KEY, was_sent=False)


@dataclass(frozen=True)
class WithWorkspace:
    """The `ToolBox` of one run: the search of its workspace, and the servers of its roster."""

    servers: ToolBox
    slack: SlackSearch
    run: RunRow
    specs: Mapping[str, ToolSpec]

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        """Return the tools of one server; a search that cannot be made here tells people, and whoever calls it."""
        if not all(self.specs[name].workspace_results for name in names):
            return await self.servers.schemas(names)
        note = await self.slack.refusal(self.run)
        return tuple(ToolSchema(name, _DESCRIPTION, _PARAMETERS, note) for name in names)

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
        count = self.specs[tool].workspace_results
        if not count:
            return await self.servers.call(tool, arguments, key=key, timeout_s=timeout_s, asker=asker, answers=answers)
        found = await self.slack.find(self.run, str(arguments.get("query", "")), results_max=count)
        addresses = tuple(dict.fromkeys(one.address for one in found))
        text = shown_text({one.address: one.text for one in found}, addresses)
        return ToolOutput(
            text,
            sources=tuple(Source(title=address, url=address) for address in addresses),
            bytes_read=len(text.encode()),
            kept=kept_text(addresses),
        )
