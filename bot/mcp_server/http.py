"""`/mcp` in HTTP mode: the protocol's streamable HTTP without sessions, for whoever has a token."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from mcp.server.mcpserver import Context
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.mcp_server.server import build_server
from bot.mcp_server.slack_desk import DeskFor, SlackDesk
from bot.mcp_tokens import Grantee, grantee_of
from patterns.core.errors import UserError

PATH = "/mcp"
BODY_MAX_BYTES = 1_000_000


class McpPage:
    """The page; `running` has to be open while it answers."""

    def __init__(self, grantees: Sequence[Grantee], desk_for: DeskFor) -> None:
        self._grantees = grantees
        self._desk_for = desk_for
        self._server = build_server(self._desk_of)
        self._app: ASGIApp = self._server.streamable_http_app(
            streamable_http_path=PATH,
            stateless_http=True,
            max_request_body_size=BODY_MAX_BYTES,
            # Whoever calls has a token, and is no browser that a page elsewhere could make call.
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while the block runs."""
        async with self._server.session_manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 401 without a token that is known, before anything of it is read."""
        if grantee_of(Request(scope).headers.get("authorization", ""), self._grantees) is None:
            refused = PlainTextResponse(
                "Bring a token of AGENTS_MCP_TOKENS as `Authorization: Bearer …`.\n",
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _desk_of(self, ctx: Context) -> SlackDesk:
        headers = ctx.headers or {}
        whose = grantee_of(headers.get("authorization", ""), self._grantees)
        if whose is None:
            raise UserError("That token is not known here.")
        return self._desk_for(whose)
