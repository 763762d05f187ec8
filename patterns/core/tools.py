"""Tool calls as values, and the ports of the tool loop: what a tool is, what it is asked, what it answers."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from patterns.core.context import Frozen
from patterns.core.errors import AgentsError
from patterns.core.forms import NOBODY_TO_ASK, Form, FormAnswers

Reach = Literal["provider", "service", "anywhere"]
"""Where the arguments of a tool can end up: at the model's provider, at one named service, or anywhere."""
TOOL_MODEL = "tool:"
"""How the ledger's name of a tool begins, where a call has its model: it is no model's price, bill or call."""
RUN_GRANT_CALLS = 10
"""How many further calls an approval "for this run" covers."""


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """A tool as a model is told about it. `name` is the roster's, `server.tool`; `parameters` a JSON Schema.

    `note` is for people: what does not work of it here.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    note: str = ""


def schema_hash(schema: ToolSchema) -> str:
    """Return the hash of a tool as its server describes it: approvals hold as long as it is the same."""
    described = [schema.name, schema.description, dict(schema.parameters)]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def without_arguments(parameters: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return the parameters of a tool without arguments that are ours to fill: no model is told of them."""
    kept = dict(parameters)
    kept["properties"] = {k: v for k, v in dict(kept.get("properties", {})).items() if k not in names}
    if "required" in kept:
        kept["required"] = [name for name in kept["required"] if name not in names]
    return kept


class ToolCall(Frozen):
    """A call that a model asks for. `arguments` is the JSON text as the model wrote it: it may not parse.

    `name` is the roster's name of the tool where it was one that was offered, else what the model wrote.
    """

    id: str
    name: str
    arguments: str


class Source(Frozen):
    """Something a tool read: a link and what it is called. `url` may be empty where a thing has none."""

    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a tool answered, cut to its byte limit, with the mark of the cut in the text. Always untrusted.

    `found` are tools that a search over tools found, `form` what the server asks a person instead of answering. `kept`
    is what the journal keeps of it instead of the text, where that may not be stored.
    """

    text: str
    is_error: bool = False
    sources: tuple[Source, ...] = ()
    bytes_read: int = 0
    found: tuple[ToolSchema, ...] = ()
    form: Form | None = None
    kept: str | None = None


class ToolError(AgentsError):
    """A tool could not be reached or did not answer.

    `was_sent` is whether the call may have reached it: then nobody knows what it did.
    """

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class ToolBox(Protocol):
    """The port to tools, wherever they run. Only the tool loop calls it."""

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        """Return the tools of these names, as their servers describe them now.

        Raises:
            ToolError: a server cannot be reached, lacks one, or describes one in more bytes than the roster allows.
        """
        ...

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
        """Call a tool once, without retries. `key` is our idempotency key, the same whenever this call is repeated.

        `asker` is the member who asked, given only where the roster says that the server may know. `answers` are to
        what the server asks in the middle of it; the output of one that asks something else has a form and no text.

        Cancelling tells the server so.

        Raises:
            ToolError: no answer; `was_sent` says whether the tool may have acted.
        """
        ...


@dataclass(frozen=True, slots=True)
class ToolFacts:
    """What the ledger keeps of a tool call beside its money: the tool, the hash of its arguments, who approved it."""

    tool: str
    arguments_hash: str
    is_repeatable: bool
    timeout_ms: int
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """How a tool call ended: the bytes that came, whether it was an error, how long it took."""

    bytes_read: int
    is_error: bool
    elapsed_ms: int


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """A call that was held for a path before and may have been sent: whoever held it cannot tell any more.

    `opened_us` is when its money was held; `epoch` that of its owner.
    """

    call_id: str
    state: str
    epoch: int
    opened_us: int


class NoTools:
    """A `ToolBox` without servers: what a run has where nobody connected any."""

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        """Raise ToolError: there are none."""
        raise ToolError(f"No server of {', '.join(names)} is connected here.", was_sent=False)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],  # noqa: ARG002 - the port
        *,
        key: str,  # noqa: ARG002 - the port
        timeout_s: float,  # noqa: ARG002 - the port
        asker: str = "",  # noqa: ARG002 - the port
        answers: FormAnswers = NOBODY_TO_ASK,  # noqa: ARG002 - the port
    ) -> ToolOutput:
        """Raise ToolError: there is none."""
        raise ToolError(f"No server of {tool} is connected here.", was_sent=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """A standing approval of a tool in a channel, given beforehand by an admin for a schema of it."""

    id: str
    tool: str
    schema_hash: str
    given_by: str


@dataclass(frozen=True, slots=True)
class ToolRules:
    """What is allowed where a run works, read once per execution. The roster's own rules come on top.

    `enabled` None: every tool of the roster (a shell). `is_private`: the run already reads something private there (a
    private channel, a direct message). `grants` are standing approvals. `dry`: what acts is not called.
    """

    enabled: frozenset[str] | None = frozenset()
    is_private: bool = False
    grants: tuple[Grant, ...] = ()
    dry: bool = False

    def allows(self, tool: str) -> bool:
        """Return whether a tool may be used here."""
        return self.enabled is None or tool in self.enabled


NO_TOOLS = NoTools()
NOTHING_ON = ToolRules()


class AskedCall(Frozen):
    """One call as an approval asks about it. `arguments` is JSON as a person may read it, with secrets masked.

    `schema_hash` is that of the tool's description: a standing approval holds for it alone.
    """

    agent: str
    tool: str
    arguments: str
    price_nusd: int = 0
    reach: Reach = "service"
    note: str = ""
    schema_hash: str = ""
