"""A tool server behind a real authorization server: tokens are signed by that one, and checked here by its keys."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.request import urlopen

import jwt
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.demo.process import free_port
from tests.fakes.tool_server import HttpToolServer
from tests.support.node import PINNED, bring, node

READ, WRITE = "tickets:read", "tickets:write"


@asynccontextmanager
async def authorization_server(
    clients: Sequence[Mapping[str, Any]], ttl_s: int = 600, host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """oidc-provider of npm, a certified one, in a process of its own, with these clients; its issuer."""
    issuer = f"http://{host}:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        str(node() / "bin" / "node"), str(PINNED / "authorization_server.cjs"), issuer, json.dumps(clients), str(ttl_s),
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(bring() / "node_modules")}, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    saying = asyncio.create_task(process.communicate()) if await process.stdout.readline() else None
    try:
        yield issuer
    finally:
        process.terminate()
        if saying is not None:
            await saying


@dataclass
class AuthorizedToolServer(HttpToolServer):
    """Looking up needs a scope, acting another one on top. `tokens` are those it was shown."""

    issuer: str = ""
    tokens: list[str] = field(default_factory=list)
    says_where: str = ""
    """Where it says that one logs in, if that is not the issuer."""

    def _guarded(self, app: ASGIApp) -> ASGIApp:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
            elif scope["path"].startswith("/.well-known/oauth-protected-resource"):
                await self._about()(scope, receive, send)
            else:
                body = await _read(receive)
                self.shown = dict(scope["headers"]).get(b"authorization", b"").decode()
                refusal = self._refusal(self.shown, body)
                await (refusal or app)(scope, _again(body, receive), send)

        return guarded

    def _about(self) -> Response:
        return JSONResponse({
            "resource": self.url, "authorization_servers": [self.says_where or self.issuer],
            "scopes_supported": [READ, WRITE],
        })  # fmt: skip

    def _refusal(self, header: str, body: bytes) -> Response | None:
        token = header.removeprefix("Bearer ")
        granted = self._granted(token)
        needed = {READ, WRITE} if b'"act"' in body else {READ}
        if needed <= granted:
            self.tokens.append(token)
            return None
        self.refused += 1
        where = self.url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
        error = 'error="insufficient_scope", ' if granted else ""
        asked = f'Bearer {error}resource_metadata="{where}", scope="{" ".join(sorted(needed))}"'
        return Response(status_code=403 if granted else 401, headers={"WWW-Authenticate": asked})

    def _granted(self, token: str) -> set[str]:
        if not token:
            return set()
        with urlopen(f"{self.issuer}/jwks") as answer:  # noqa: S310 - loopback, over HTTP
            keys = jwt.PyJWKSet.from_dict(json.load(answer))
        try:
            key = keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(token, key, algorithms=["RS256"], audience=self.url, issuer=self.issuer)
        except jwt.PyJWTError:
            return set()
        return set(claims.get("scope", "").split())


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), bool(message.get("more_body"))
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read, once more; then whatever comes."""
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
