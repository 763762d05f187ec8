"""Ways to a server: a process that gets only the variables named for it, or an address with secrets in its headers."""

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from patterns.roster.tool_schema import McpEntry, OAuthEntry, ToolServer

if TYPE_CHECKING:
    from mcp import Client

log = structlog.get_logger(__name__)

LINE_CHARS = 500
_INHERITED = ("HOME", "LOGNAME", "SHELL", "TERM", "USER")
"""What the SDK hands on besides PATH, which a command needs to be found."""


async def open_client(
    stack: AsyncExitStack, name: str, entry: ToolServer, env: Mapping[str, str], folder: Path
) -> "Client":
    """Return a client connected to a server; closing the stack ends both.

    Raises:
        LookupError: a variable that the roster names is not set.
        Exception: the server does not start, or speaks no protocol that we know.
    """
    from mcp import Client  # noqa: PLC0415 - two seconds and 60 MB that only a process with tools should pay
    from mcp_types import Implementation  # noqa: PLC0415

    own = Implementation(name="agents-for-slack", version="1")
    if entry.mcp is None:
        # -P: what stands in the folder must not shadow what the child imports.
        command = [sys.executable, "-P", "-m", "patterns.tools.mcp.python_functions", str(folder / _file(entry))]
        transport = await _process(stack, name, [*command, *entry.functions], {"PYTHONPATH": _import_path()}, folder)
    elif entry.mcp.command is not None:
        transport = await _process(stack, name, entry.mcp.command, _named(entry.mcp.env, env), folder)
    else:
        transport = await _address(stack, entry.mcp, env)
    return await stack.enter_async_context(Client(transport, client_info=own))


def _file(entry: ToolServer) -> str:
    return (entry.python or "").rpartition(":")[0]


def _import_path() -> str:
    """Return where a child finds this program; the child needs nothing else of our environment."""
    return str(Path(__file__).parents[3])


def _named(names: tuple[str, ...], env: Mapping[str, str]) -> dict[str, str]:
    missing = [name for name in names if not env.get(name)]
    if missing:
        raise LookupError(f"{', '.join(missing)} is not set in the environment")
    return {name: env[name] for name in names}


async def _process(
    stack: AsyncExitStack, name: str, command: "tuple[str, ...] | list[str]", env: dict[str, str], folder: Path
) -> Any:  # noqa: ANN401 - a transport of the SDK
    from mcp import StdioServerParameters  # noqa: PLC0415
    from mcp.client.stdio import stdio_client  # noqa: PLC0415

    program = shutil.which(command[0]) or shutil.which(command[0], path=str(Path(sys.executable).parent))
    if program is None:
        raise FileNotFoundError(f"the command {command[0]} is not there")
    unset = [part for one in _INHERITED if one not in env for part in ("-u", one)]
    parameters = StdioServerParameters(
        command="/usr/bin/env",
        args=[*unset, program, *command[1:]],
        env=env,
        cwd=folder,
        encoding_error_handler="replace",
    )
    return stdio_client(parameters, errlog=await _log_pipe(stack, name))


async def _log_pipe(stack: AsyncExitStack, name: str) -> Any:  # noqa: ANN401 - a text file
    """Return a file whose lines come into our log at debug: what servers say on their standard error."""
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    pipe = os.fdopen(read_end, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    stack.callback(transport.close)
    task = asyncio.create_task(_log_lines(reader, name), name=f"log of {name}")
    stack.callback(task.cancel)
    return stack.enter_context(os.fdopen(write_end, "w"))


async def _log_lines(reader: asyncio.StreamReader, name: str) -> None:
    while True:
        try:
            line = await reader.readline()
        except ValueError:  # longer than a line of a log is; what follows is read on
            continue
        if not line:
            return
        log.debug("tool_server_said", server=name, line=line.decode(errors="replace").rstrip()[:LINE_CHARS])


async def _address(stack: AsyncExitStack, entry: McpEntry, env: Mapping[str, str]) -> Any:  # noqa: ANN401 - as above
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415
    from mcp.shared._httpx_utils import create_mcp_http_client  # noqa: PLC0415 - its timeouts are the SDK's

    headers = dict(zip(entry.headers_env, _named(tuple(entry.headers_env.values()), env).values(), strict=True))
    if entry.bearer_env:
        headers["Authorization"] = f"Bearer {_named((entry.bearer_env,), env)[entry.bearer_env]}"
    auth = _credentials(entry.url or "", entry.oauth, env) if entry.oauth else None
    client = await stack.enter_async_context(create_mcp_http_client(headers=headers, auth=auth))
    return streamable_http_client(entry.url or "", http_client=client)


def _credentials(url: str, entry: OAuthEntry, env: Mapping[str, str]) -> Any:  # noqa: ANN401 - as above
    """Return the login by client credentials of a client that was registered with the server beforehand."""
    from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider  # noqa: PLC0415

    named = _named((entry.client_id_env, entry.client_secret_env), env)
    return ClientCredentialsOAuthProvider(
        url, _Tokens(), named[entry.client_id_env], named[entry.client_secret_env], scope=entry.scope
    )


class _Tokens:
    """The tokens of one server, in memory: a new process logs in anew."""

    def __init__(self) -> None:
        self._tokens: Any = None
        self._client: Any = None

    async def get_tokens(self) -> Any:  # noqa: ANN401 - the SDK's storage
        """Return the tokens, None before the first login."""
        return self._tokens

    async def set_tokens(self, tokens: Any) -> None:  # noqa: ANN401 - as above
        """Keep the tokens of a login."""
        self._tokens = tokens

    async def get_client_info(self) -> Any:  # noqa: ANN401 - as above
        """Return what is registered, None before the first login."""
        return self._client

    async def set_client_info(self, client_info: Any) -> None:  # noqa: ANN401 - as above
        """Keep what is registered."""
        self._client = client_info
