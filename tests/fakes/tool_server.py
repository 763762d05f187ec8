"""A tool server over HTTP on loopback, made of the SDK's own: what it was sent, and who it let in."""

import asyncio
import socket
from dataclasses import dataclass, field
from typing import Any, Self

import uvicorn
from mcp.server import MCPServer
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass
class HttpToolServer:
    """Tools `look` and `act` at `url`; with `token`, only for those who bring it. `metas` are what calls carried."""

    token: str = ""
    did: list[str] = field(default_factory=list)
    metas: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    instead: tuple[int, str, str] | None = None
    """Status, content type and body that a gateway answers with, after the tool has done its work."""
    repeats: bool = False
    """Looking up answers with what it was shown as a pass."""
    shown: str = ""

    async def __aenter__(self) -> Self:
        server = MCPServer("desk")

        @server.tool()
        async def look(what: str) -> str:
            """Look something up."""
            self.did.append(f"look {what}")
            if self.repeats:
                return f"you brought {self.shown}"
            return f"{what} is here: https://desk.example/{what}"

        @server.tool()
        async def act(what: str, key: str = "") -> str:
            """Do something."""
            self.did.append(f"act {what} {key}")
            return f"{what} is done"

        app = self._guarded(server.streamable_http_app())
        listening = socket.create_server(("127.0.0.1", 0))  # whoever comes before it serves waits in its queue
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        await self._task

    def _guarded(self, app: ASGIApp) -> ASGIApp:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            headers = {name.decode(): value.decode() for name, value in scope.get("headers", ())}
            self.shown = headers.get("authorization", "")
            if scope["type"] == "http" and self.token and headers.get("authorization") != f"Bearer {self.token}":
                self.refused += 1
                await send({"type": "http.response.start", "status": 401, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return
            if scope["type"] == "http" and self.instead:
                await app(scope, receive, _swallow)
                status, kind, body = self.instead
                await send(
                    {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind.encode())]}
                )
                await send({"type": "http.response.body", "body": body.encode()})
                return
            await app(scope, receive, send)

        return guarded


async def _swallow(_: object) -> None:
    """Take what a tool says, and hand nothing on."""
