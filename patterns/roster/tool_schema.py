"""Tools in a roster file: servers, what is on of them, what it may do, who approves it and what it costs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from patterns.core.tools import Reach
from patterns.roster.model_schema import ITEMS_MAX, KEY_BEGINNINGS, VARIABLE_NAME, Entry, Nusd

TOOL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
ApproveBy = Literal["asker", "other", "owner"]
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_PYTHON = re.compile(r"(?P<file>[^:]+\.py):(?P<functions>[A-Za-z_]\w*(?:, ?[A-Za-z_]\w*)*)")
_MEMBER = re.compile(r"[UW][A-Z0-9]+")
_ADDRESS = re.compile(r"https?://(?P<authority>[^/?#\s]+)\S*")


def _tool_name(value: str) -> str:
    if not TOOL_NAME.fullmatch(value):
        raise ValueError(f"{value!r} cannot be the name of a tool; write it as its server calls it, like search_issues")
    return value


def _variable(value: str) -> str:
    if not VARIABLE_NAME.fullmatch(value) or value.startswith(KEY_BEGINNINGS):
        raise ValueError("write the name of an environment variable, like TICKETS_TOKEN; a secret never stands here")
    return value


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError(f"{value[:40]!r} cannot be the name of a header; write one like X-Api-Key")
    return value


def _address(value: str) -> str:
    found = _ADDRESS.fullmatch(value)
    if found is None:
        raise ValueError("write a whole address, like https://tickets.example.com/mcp")
    if "@" in found["authority"]:
        raise ValueError("a password never stands in the file; write bearer_env: TICKETS_TOKEN beside the address")
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


ToolName = Annotated[str, AfterValidator(_tool_name)]
Variable = Annotated[str, AfterValidator(_variable)]
ToolNames = Annotated[tuple[ToolName, ...], Field(max_length=ITEMS_MAX)]
_APPROVE_BY_SCHEMA = {
    "anyOf": [
        {"enum": ["asker", "other", "owner"]},
        {"type": "array", "items": {"type": "string", "pattern": "^[UW][A-Z0-9]+$"}, "minItems": 1},
    ]
}
"""What `_approve_by` takes, for editors."""


class OAuthEntry(Entry):
    """A client that was registered with the server beforehand: it logs in by client credentials.

    It proves itself by a secret, or by a private key that signs. `issuer` is where the login is, if that is not the
    server's own host: the secret goes nowhere else.
    """

    client_id_env: Variable
    client_secret_env: Variable | None = None
    private_key_env: Variable | None = None
    issuer: Annotated[str, AfterValidator(_address)] | None = None
    scope: Annotated[str, Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _one_proof(self) -> "OAuthEntry":
        if (self.client_secret_env is None) == (self.private_key_env is None):
            raise ValueError("has neither client_secret_env nor private_key_env, or both; keep exactly one")
        return self


class McpEntry(Entry):
    """How an MCP server is reached: at an address, or as a command that is started.

    Secrets stand in the environment; `env` names the variables that a command gets, and it gets no others.
    """

    url: Annotated[str, AfterValidator(_address)] | None = None
    bearer_env: Variable | None = None
    headers_env: dict[Annotated[str, AfterValidator(_header)], Variable] = Field(default={}, max_length=20)
    oauth: OAuthEntry | None = None
    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1, max_length=50)] | None = (
        None
    )
    env: Annotated[tuple[Variable, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _one_way(self) -> "McpEntry":
        if (self.url is None) == (self.command is None):
            raise ValueError("has neither url nor command, or both; keep exactly one")
        if self.url is None and (self.bearer_env or self.headers_env or self.oauth):
            raise ValueError("bearer_env, headers_env and oauth go with url; a command gets variables by env: [NAME]")
        if self.command is None and self.env:
            raise ValueError("env goes with command; an address gets secrets by bearer_env or headers_env")
        if self.bearer_env and self.oauth:
            raise ValueError("has bearer_env and oauth; keep one")
        return self


class ToolServer(Entry):
    """A server of tools, or functions of one's own. Nothing is on that is not named."""

    mcp: McpEntry | None = None
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
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 20
    output_bytes_max: Annotated[int, Field(strict=True, ge=200, le=1_000_000)] = 8000
    schema_bytes_max: Annotated[int, Field(strict=True, ge=200, le=50_000)] = 2000
    private: bool = False
    dm: bool = False
    tell_asker: bool = False

    @model_validator(mode="after")
    def _complete(self) -> "ToolServer":
        if (self.mcp is None) == (self.python is None):
            raise ValueError("has neither mcp nor python, or both; keep exactly one")
        return self

    def mistakes(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield what does not fit together, each with its place in the entry."""
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
        ]
        for key, place, tool in places:
            if tool not in self.names:
                yield (key, place), f"{tool!r} is not on; add it to allow, or remove it here"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the tools that are on."""
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


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool as the tool loop needs it; what is said here decides, not what its server claims.

    `read_only` changes nothing outside; `retry_safe` may be done twice; `asks` needs an approval.
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
