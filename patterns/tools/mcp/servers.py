"""The tool servers of one process: each started once, on first use, and restarted with back-off."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patterns.core.forms import NOBODY_TO_ASK, FormAnswers
from patterns.core.tools import ToolError, ToolOutput, ToolSchema, without_arguments
from patterns.roster.tool_schema import ToolServer
from patterns.tools.mcp.connection import Connection
from patterns.tools.mcp.limits import answer_bytes_max
from patterns.tools.mcp.transports import Login, Surroundings, by_client_credentials
from patterns.tools.resources import Offers


@dataclass
class ToolServers:
    """The connections of a process, by what the roster says of a server: rosters that say the same share one.

    `env` is the environment, of which a server gets only the variables named for it; `folder` is the roster's, where
    its Python files stand; `login` is how addresses with `oauth` are logged in to.
    """

    env: Mapping[str, str]
    folder: Path
    login: Login = by_client_credentials
    _connections: dict[str, Connection] = field(default_factory=dict)

    def toolbox(self, servers: Mapping[str, ToolServer]) -> "ServerTools":
        """Return the tool box of a roster; nothing is started before it is used."""
        reached = {name: entry for name, entry in servers.items() if entry.mcp or entry.python}
        return ServerTools({name: self._connection(name, entry) for name, entry in reached.items()}, reached)

    def _connection(self, name: str, entry: ToolServer) -> Connection:
        bytes_max = answer_bytes_max(entry.output_bytes_max)
        key = f"{name} {bytes_max} {entry.mcp.model_dump_json() if entry.mcp else entry.python}"
        if key not in self._connections:
            around = Surroundings(self.env, self.folder, bytes_max, self.login)
            self._connections[key] = Connection(name, entry, around)
        return self._connections[key]

    @property
    def health(self) -> dict[str, str]:
        """Return what is wrong with each server that was used and does not answer, by name."""
        return {one.name: one.failure for one in self._connections.values() if one.failure}

    async def close(self) -> None:
        """End every server."""
        await asyncio.gather(*(one.close() for one in self._connections.values()))


@dataclass(frozen=True)
class ServerTools:
    """The `ToolBox` of one roster."""

    connections: Mapping[str, Connection]
    servers: Mapping[str, ToolServer]

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        """Return the tools of these names as their servers describe them now; see the port."""
        return tuple([await self._schema(name) for name in names])

    async def _schema(self, name: str) -> ToolSchema:
        server, _, tool = name.partition(".")
        described = await self._of(server).described()
        if tool not in described:
            raise ToolError(f"{server} has no tool {tool}.", was_sent=False)
        description, parameters = described[tool]
        if ours := self._secrets(server, tool):
            parameters = without_arguments(parameters, ours)
        return ToolSchema(name, description, parameters)

    def _secrets(self, server: str, tool: str) -> dict[str, str]:
        """Return the arguments of a tool that get the values of variables.

        Raises:
            ToolError: some are not set.
        """
        ours = self.servers[server].secret_arguments.get(tool, {})
        try:
            found = self._of(server).around.named(tuple(ours.values()))
        except LookupError as error:
            raise ToolError(f"{server}.{tool} cannot be called: {error}.", was_sent=False) from error
        return {argument: found[variable] for argument, variable in ours.items()}

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
        server, _, name = tool.partition(".")
        connection = self._of(server)
        arguments = {**arguments, **self._secrets(server, name)}
        return await connection.call(name, arguments, key=key, timeout_s=timeout_s, asker=asker, answers=answers)

    async def listed(self, server: str) -> Mapping[str, tuple[str, Mapping[str, Any]]]:
        """Return every tool that a server has, on or not, with its description and parameters.

        Raises:
            ToolError: it cannot be reached, or a variable that its tools need is not set.
        """
        described = await self._of(server).described()
        for tool in self.servers[server].secret_arguments:
            self._secrets(server, tool)
        return described

    async def offers(self, server: str) -> Offers:
        """Return what a server has besides tools.

        Raises:
            ToolError: it cannot be reached.
        """
        return await self._of(server).offers()

    async def read(self, server: str, uri: str, *, timeout_s: float) -> str:
        """Return a resource of a server as text.

        Raises:
            ToolError: it cannot be read.
        """
        return await self._of(server).read(uri, timeout_s=timeout_s)

    def _of(self, server: str) -> Connection:
        if server not in self.connections:
            raise ToolError(f"There is no server {server} in the roster.", was_sent=False)
        return self.connections[server]
