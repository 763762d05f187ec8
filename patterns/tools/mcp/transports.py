"""Ways to a server: a process that gets only the variables named for it, or an address with secrets in its headers."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from patterns.roster.mcp_schema import McpEntry, OAuthEntry
from patterns.roster.tool_schema import ToolServer
from patterns.tools.mcp.secrets import Secrets
from patterns.tools.mcp.variables import named_variables

if TYPE_CHECKING:
    import httpx2
    from mcp import Client
    from mcp.client.session import ElicitationFnT

Login = Callable[[str, OAuthEntry, Mapping[str, str], Secrets], "httpx2.Auth"]
"""The port of a login: what an address is asked with, made from what the roster says and the environment."""

log = structlog.get_logger(__name__)

LINE_CHARS = 500


def by_client_credentials(url: str, entry: OAuthEntry, env: Mapping[str, str], secrets: Secrets) -> "httpx2.Auth":
    """Return the login that we ship; see `logins`, which is imported late."""
    from patterns.tools.mcp import logins  # noqa: PLC0415 - with the SDK

    return logins.by_client_credentials(url, entry, env, secrets)


@dataclass(frozen=True)
class Surroundings:
    """What stands around a server: the environment, of which it is given only the variables named for it.

    `folder` is the roster's, `login` how an address is logged in to; a longer answer than `answer_bytes_max` is not
    read. `secrets` are those that were given to the server.
    """

    env: Mapping[str, str]
    folder: Path
    answer_bytes_max: int
    login: Login = by_client_credentials
    secrets: Secrets = field(default_factory=Secrets)

    def named(self, names: tuple[str, ...]) -> dict[str, str]:
        """Return variables by name, from now on secret.

        Raises:
            LookupError: some are not set.
        """
        found = named_variables(names, self.env)
        self.secrets.keep(*found.values())
        return found


async def open_client(
    stack: AsyncExitStack, name: str, entry: ToolServer, around: Surroundings, *, asked: "ElicitationFnT"
) -> "Client":
    """Return a client connected to a server; closing the stack ends both. `asked` answers what the server asks people.

    Raises:
        LookupError: a variable that the roster names is not set.
        Exception: the server does not start, or speaks no protocol that we know.
    """
    from mcp import Client  # noqa: PLC0415 - two seconds and 60 MB that only a process with tools should pay
    from mcp_types import Implementation  # noqa: PLC0415

    own = Implementation(name="agents-for-slack", version="1")
    if entry.mcp is None:
        # -P: what stands in the folder must not shadow what the child imports.
        file = str(around.folder / _file(entry))
        command = [sys.executable, "-P", "-m", "patterns.tools.mcp.python_functions", file, *entry.functions]
        transport = await _process(stack, name, command, {"PYTHONPATH": _import_path()}, around)
    elif entry.mcp.command is not None:
        transport = await _process(stack, name, entry.mcp.command, around.named(entry.mcp.env), around)
    else:
        transport = await _address(stack, entry.mcp, around)
    return await stack.enter_async_context(Client(transport, client_info=own, elicitation_callback=asked))


def _file(entry: ToolServer) -> str:
    return (entry.python or "").rpartition(":")[0]


def _import_path() -> str:
    """Return where a child finds this program; the child needs nothing else of our environment."""
    return str(Path(__file__).parents[3])


async def _process(
    stack: AsyncExitStack, name: str, command: Sequence[str], env: Mapping[str, str], around: Surroundings
) -> Any:  # noqa: ANN401 - a transport of the SDK
    from patterns.tools.mcp.stdio import process_transport  # noqa: PLC0415 - with the SDK

    program = shutil.which(command[0]) or shutil.which(command[0], path=str(Path(sys.executable).parent))
    if program is None:
        raise FileNotFoundError(f"the command {command[0]} is not there")
    return process_transport(
        [program, *command[1:]],
        env={"PATH": os.environ.get("PATH", os.defpath), **env},
        folder=around.folder,
        errors=await _log_pipe(stack, name, around.secrets),
        line_bytes_max=around.answer_bytes_max,
    )


async def _log_pipe(stack: AsyncExitStack, name: str, secrets: Secrets) -> Any:  # noqa: ANN401 - a text file
    """Return a file whose lines come into our log at debug: what servers say on their standard error."""
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    pipe = os.fdopen(read_end, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    stack.callback(transport.close)
    task = asyncio.create_task(_log_lines(reader, name, secrets), name=f"log of {name}")
    stack.callback(task.cancel)
    return stack.enter_context(os.fdopen(write_end, "w"))


async def _log_lines(reader: asyncio.StreamReader, name: str, secrets: Secrets) -> None:
    while True:
        try:
            line = await reader.readline()
        except ValueError:  # longer than a line of a log is; what follows is read on
            continue
        if not line:
            return
        said = secrets.masked(line.decode(errors="replace")).rstrip()[:LINE_CHARS]
        log.debug("tool_server_said", server=name, line=said)


async def _address(stack: AsyncExitStack, entry: McpEntry, around: Surroundings) -> Any:  # noqa: ANN401 - as above
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

    from patterns.tools.mcp.bodies import bounded_client  # noqa: PLC0415

    named = around.named(tuple(entry.headers_env.values()))
    headers = {header: named[variable] for header, variable in entry.headers_env.items()}
    if entry.bearer_env:
        headers["Authorization"] = f"Bearer {around.named((entry.bearer_env,))[entry.bearer_env]}"
    auth = around.login(entry.url or "", entry.oauth, around.env, around.secrets) if entry.oauth else None
    client = await stack.enter_async_context(bounded_client(headers, auth, around.answer_bytes_max))
    return streamable_http_client(entry.url or "", http_client=client, max_sse_event_size=around.answer_bytes_max)
