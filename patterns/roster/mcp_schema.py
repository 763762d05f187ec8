"""How a roster says that an MCP server is reached; secrets stand in the environment, and the file names variables."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from patterns.roster.model_schema import KEY_BEGINNINGS, VARIABLE_NAME, Entry

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_ADDRESS = re.compile(r"https?://(?P<authority>[^/?#\s]+)\S*")


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


Variable = Annotated[str, AfterValidator(_variable)]


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
