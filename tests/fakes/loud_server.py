"""A tool server that answers in lines, bodies and events of any length: `python loud_server.py`, or over HTTP.

It speaks MCP by hand, so that nothing it sends is ever whole in memory.
"""

import asyncio
import gzip
import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MEGABYTE = b"x" * 1_000_000
MARK = "LOUD"


def answer(message: dict[str, Any]) -> dict[str, Any] | None:
    """What is said to a message; MARK stands where a long text comes."""
    method, params = message.get("method"), message.get("params", {})
    if "id" not in message:
        return None
    if method == "initialize":
        result: Any = {
            "protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "loud", "version": "1"},
        }  # fmt: skip
    elif method == "tools/list":
        schema = {"type": "object"}
        result = {"tools": [{"name": name, "inputSchema": schema} for name in ("shout", "say", "hint")]}
    elif method == "tools/call":
        text = MARK if params["name"] == "shout" else "said"
        result = {"content": [{"type": "text", "text": text}]}
    else:
        return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "Method not found"}}
    last = params.get("arguments", {}).get("id_last")
    return {"result": result, "jsonrpc": "2.0", "id": message["id"]} if last else {
        "jsonrpc": "2.0", "id": message["id"], "result": result,
    }  # fmt: skip


def pieces(message: dict[str, Any], said: dict[str, Any]) -> Iterator[bytes]:
    """An answer as bytes, the long text a megabyte at a time."""
    before, mark, after = json.dumps(said).encode().partition(MARK.encode())
    yield before
    if mark:
        for _ in range(message["params"]["arguments"]["megabytes"]):
            yield MEGABYTE
        yield after


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        said = answer(message)
        if said is None:
            continue
        if message.get("params", {}).get("name") == "hint":
            hint = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": MARK}}
            _say(message, hint)
        _say(message, said)


def _say(message: dict[str, Any], said: dict[str, Any]) -> None:
    for piece in pieces(message, said):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


@dataclass
class LoudHttp:
    """The same over HTTP at `url`: in one JSON body, in one event, or compressed, as `how` says."""

    how: str = "json"
    url: str = field(init=False)

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        app = Starlette(routes=[Route("/mcp", self._post, methods=["POST"])])
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        await self._task

    async def _post(self, request: Request) -> Response:
        message = await request.json()
        said = answer(message)
        if said is None:
            return Response(status_code=202)
        if message["method"] != "tools/call":
            return JSONResponse(said)
        body = pieces(message, said)
        if self.how == "events":
            return StreamingResponse(_event(body), media_type="text/event-stream")
        if self.how == "compressed":
            packed = gzip.compress(b"".join(body))
            return Response(packed, media_type="application/json", headers={"Content-Encoding": "gzip"})
        return StreamingResponse(body, media_type="application/json")


def _event(body: Iterator[bytes]) -> Iterator[bytes]:
    yield b"event: message\ndata: "
    yield from body
    yield b"\n\n"


if __name__ == "__main__":
    main()
