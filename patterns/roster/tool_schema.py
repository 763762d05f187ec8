"""Tools in a roster file: servers, what is on of them, what it may do, who approves it and what it costs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from patterns.core.tools import Reach
from patterns.core.web_search import SEARCHES_MAX, WebSearch
from patterns.roster.mcp_schema import McpEntry, Variable
from patterns.roster.model_schema import ITEMS_MAX, Entry, Nusd

TOOL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
ApproveBy = Literal["asker", "other", "owner"]
_PYTHON = re.compile(r"(?P<file>[^:]+\.py):(?P<functions>[A-Za-z_]\w*(?:, ?[A-Za-z_]\w*)*)")
_MEMBER = re.compile(r"[UW][A-Z0-9]+")


def _tool_name(value: str) -> str:
    if not TOOL_NAME.fullmatch(value):
        raise ValueError(f"{value!r} cannot be the name of a tool; write it as its server calls it, like search_issues")
    return value


def _python(value: str) -> str:
    if not _PYTHON.fullmatch(value):
        raise ValueError('write a file beside the roster and its function, like "tools.py:find_order"')
    if value.startswith("/") or ".." in value.partition(":")[0].split("/"):
        raise ValueError("the file stands in the roster's folder, so write its path from there")
    return value


def _approve_by(value: object) -> object:
    if isinstance(value, str):
        if value not in ("asker", "other", "owner"):
            raise ValueError(f"{value[:40]!r} is nobody who can approve; write asker, other, owner or [U024BE7LH]")
        return value
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("write asker, other, owner or a list of member ids, like [U024BE7LH]")
    for one in value:
        if not isinstance(one, str) or not _MEMBER.fullmatch(one):
            raise ValueError(f"{str(one)[:40]!r} is no member id of Slack; write one like U024BE7LH")
    return tuple(value)


SEARCH = "search"
"""The one tool of a `provider_search` or a `workspace_search`, as in `web.search`."""
SEARCH_SCHEMA_BYTES = 400
"""How long it is described where an agent has other tools too."""
RESULTS_MAX = 20
"""What Slack returns at most."""
_SEARCH_KEYS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "provider_search": (frozenset({"searches_max", "result_tokens_max"}), frozenset({"price_usd", "dm"})),
    "workspace_search": (frozenset({"results_max"}), frozenset({"dm", "timeout_s", "output_bytes_max"})),
}
"""Keys that go with one kind of entry alone, and the others it takes."""

ToolName = Annotated[str, AfterValidator(_tool_name)]
ToolNames = Annotated[tuple[ToolName, ...], Field(max_length=ITEMS_MAX)]
_APPROVE_BY_SCHEMA = {
    "anyOf": [
        {"enum": ["asker", "other", "owner"]},
        {"type": "array", "items": {"type": "string", "pattern": "^[UW][A-Z0-9]+$"}, "minItems": 1},
    ]
}
"""What `_approve_by` takes, for editors."""


class ToolServer(Entry):
    """A tool server, functions of one's own, or the web search of a model's provider. Only what is named is on."""

    mcp: McpEntry | None = None
    provider_search: bool = False
    workspace_search: bool = False
    results_max: Annotated[int, Field(strict=True, ge=1, le=RESULTS_MAX)] = 10
    searches_max: Annotated[int, Field(strict=True, ge=1, le=SEARCHES_MAX)] = 3
    result_tokens_max: Annotated[int, Field(strict=True, ge=500, le=200_000)] = 10_000
    python: Annotated[str, AfterValidator(_python)] | None = None
    allow: ToolNames = ()
    read_only: ToolNames = ()
    retry_safe: ToolNames = ()
    reach: Reach = "service"
    approve: ToolNames = ()
    approve_by: Annotated[
        ApproveBy | tuple[str, ...], BeforeValidator(_approve_by), WithJsonSchema(_APPROVE_BY_SCHEMA)
    ] = "asker"
    price_nusd: dict[ToolName, Nusd] = Field(default={}, alias="price_usd", max_length=ITEMS_MAX)
    key_argument: dict[ToolName, Annotated[str, StringConstraints(min_length=1, max_length=64)]] = Field(
        default={}, max_length=ITEMS_MAX
    )
    """The argument of a tool that takes an idempotency key: it gets ours."""
    secret_arguments: dict[ToolName, dict[Annotated[str, StringConstraints(min_length=1, max_length=64)], Variable]] = (
        Field(default={}, max_length=ITEMS_MAX)
    )
    """Arguments of a tool that get the values of variables: no model sees them, and nothing keeps them."""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 20
    output_bytes_max: Annotated[int, Field(strict=True, ge=200, le=1_000_000)] = 8000
    schema_bytes_max: Annotated[int, Field(strict=True, ge=200, le=50_000)] = 2000
    private: bool = False
    dm: bool = False
    tell_asker: bool = False

    @model_validator(mode="after")
    def _complete(self) -> "ToolServer":
        ways = [self.mcp is not None, self.python is not None, self.provider_search, self.workspace_search]
        if sum(ways) != 1:
            raise ValueError("has none of mcp, python, provider_search and workspace_search, or several; keep one")
        return self

    def mistakes(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield what does not fit together, each with its place in the entry."""
        yield from self._misplaced()
        if self.mcp is not None and not self.allow:
            yield (), "allow is missing; name the tools that are on, like `allow: [search_issues]`"
        if self.python is not None:
            for index, tool in enumerate(self.allow):
                if tool not in self.functions:
                    yield ("allow", index), f"python names no function {tool!r}; it names {', '.join(self.functions)}"
        lists = {"read_only": self.read_only, "retry_safe": self.retry_safe, "approve": self.approve}
        places: list[tuple[str, str | int, str]] = [
            *((key, at, tool) for key, tools in lists.items() for at, tool in enumerate(tools)),
            *(("price_usd", tool, tool) for tool in self.price_nusd),
            *(("key_argument", tool, tool) for tool in self.key_argument),
            *(("secret_arguments", tool, tool) for tool in self.secret_arguments),
        ]
        for key, place, tool in places:
            if tool not in self.names:
                yield (key, place), f"{tool!r} is not on; add it to allow, or remove it here"

    def _misplaced(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield keys that belong to another kind of entry."""
        given = {"price_usd" if key == "price_nusd" else key for key in self.model_fields_set}
        for kind, (only, others) in _SEARCH_KEYS.items():
            is_one = bool(getattr(self, kind))
            for key in sorted(given - only - others - {kind} if is_one else given & only):
                yield (key,), f"{key} {'does not go' if is_one else 'goes'} with {kind}; remove it"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the tools that are on."""
        if self.provider_search or self.workspace_search:
            return (SEARCH,)
        if self.python is None or self.allow:
            return self.allow
        return self.functions

    @property
    def functions(self) -> tuple[str, ...]:
        """Return the functions that `python` names."""
        listed = (self.python or "").rpartition(":")[2]
        return tuple(name.strip() for name in listed.split(",") if name.strip())

    def spec(self, server: str, tool: str) -> "ToolSpec":
        """Return what is configured for one tool."""
        if self.provider_search:
            return self._search_spec(server)
        if self.workspace_search:
            return self._workspace_spec(server)
        is_named = not isinstance(self.approve_by, str)
        read_only = tool in self.read_only
        return ToolSpec(
            server=server,
            tool=tool,
            read_only=read_only,
            retry_safe=read_only or tool in self.retry_safe,
            reach=self.reach,
            asks=not read_only or tool in self.approve or self.reach == "anywhere",
            approve_by="named" if is_named else self.approve_by,  # type: ignore[arg-type]
            approvers=self.approve_by if is_named else (),  # type: ignore[arg-type]
            price_nusd=self.price_nusd.get(tool, 0),
            key_argument=self.key_argument.get(tool, ""),
            timeout_s=self.timeout_s,
            output_bytes_max=self.output_bytes_max,
            schema_bytes_max=self.schema_bytes_max,
            private=self.private,
            dm=self.dm,
            tell_asker=self.tell_asker,
        )

    def _workspace_spec(self, server: str) -> "ToolSpec":
        """Return the search of the Slack workspace: as the asker sees it, and private whatever it finds."""
        return ToolSpec(
            server,
            SEARCH,
            read_only=True,
            retry_safe=True,
            reach="provider",
            asks=False,
            timeout_s=self.timeout_s,
            output_bytes_max=self.output_bytes_max,
            schema_bytes_max=SEARCH_SCHEMA_BYTES,
            private=True,
            dm=self.dm,
            workspace_results=self.results_max,
        )

    def _search_spec(self, server: str) -> "ToolSpec":
        """Return the search of the model's provider: it reads, asks nobody, and its words go where the prompt goes."""
        search = WebSearch(self.searches_max, self.result_tokens_max, self.price_nusd.get(SEARCH))
        return ToolSpec(
            server,
            SEARCH,
            read_only=True,
            retry_safe=True,
            reach="provider",
            asks=False,
            schema_bytes_max=SEARCH_SCHEMA_BYTES,
            dm=self.dm,
            search=search,
        )


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool as the tool loop needs it; what is said here decides, not what its server claims.

    `read_only` changes nothing outside; `retry_safe` may be done twice; `asks` needs an approval. `search` is given
    for the web search of the model's provider, which happens inside a call of the model; `workspace_results` is how
    much one search of the Slack workspace returns, 0 for other tools.
    """

    server: str
    tool: str
    read_only: bool = False
    retry_safe: bool = False
    reach: Reach = "service"
    asks: bool = True
    approve_by: Literal["asker", "other", "owner", "named"] = "asker"
    approvers: tuple[str, ...] = ()
    price_nusd: int = 0
    key_argument: str = ""
    timeout_s: float = 20
    output_bytes_max: int = 8000
    schema_bytes_max: int = 2000
    private: bool = False
    dm: bool = False
    tell_asker: bool = False
    search: WebSearch | None = None
    workspace_results: int = 0

    @property
    def name(self) -> str:
        """Return the name in the roster: `server.tool`; the search over tools has no server."""
        return f"{self.server}.{self.tool}" if self.server else self.tool

    @property
    def is_built_in(self) -> bool:
        """Return whether it is one that every deployment has."""
        return not self.server or self.server in BUILT_IN


BUILT_IN: Mapping[str, tuple[str, ...]] = {"clock": ("now", "shift", "between"), "arithmetic": ("calculate",)}
"""Dates and arithmetic: tools of the program itself, on everywhere."""


def tool_specs(servers: Mapping[str, ToolServer]) -> dict[str, ToolSpec]:
    """Return every tool of a roster by its name, the built-in ones first."""
    built_in = [
        ToolSpec(server, tool, read_only=True, retry_safe=True, reach="provider", asks=False, timeout_s=5, dm=True)
        for server, tools in BUILT_IN.items()
        for tool in tools
    ]
    own = [entry.spec(server, tool) for server, entry in servers.items() for tool in entry.names]
    return {spec.name: spec for spec in (*built_in, *own)}


def tools_named(names: tuple[str, ...], specs: Mapping[str, ToolSpec]) -> tuple[ToolSpec, ...]:
    """Return the tools an agent's entry names, each once; the bare name of a server means all of its tools."""
    found: dict[str, ToolSpec] = {}
    for name in names:
        if name in specs:
            found[name] = specs[name]
            continue
        found |= {one.name: one for one in specs.values() if one.server == name}
    return tuple(found.values())
