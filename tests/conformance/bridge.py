"""A server on standard streams behind an address, because the suite asks servers over HTTP only."""

import asyncio
import json
import socket
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.shells import PROJECT

ANSWER_S = 60.0


class Bridge:
    """Hands each message on to a process, and each answer back to whoever waits for its id."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[Any, asyncio.Future[dict[str, Any]]] = {}

    async def read(self) -> None:
        """Read answers until the process ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            message = json.loads(line)
            waiting = self._waiting.pop(message.get("id"), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)

    async def post(self, request: Request) -> Response:
        """Send a message; return the answer to a request, nothing to a notification."""
        assert self._process.stdin is not None
        message = await request.json()
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if "id" in message and "method" in message:
            self._waiting[message["id"]] = answer
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        if message.get("id") not in self._waiting:
            return Response(status_code=202)
        return JSONResponse(await asyncio.wait_for(answer, ANSWER_S))


@asynccontextmanager
async def bridged(command: Sequence[str], env: Mapping[str, str]) -> AsyncIterator[str]:
    """The address of a server on standard streams; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=PROJECT, env=dict(env), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=10_000_000
    )
    bridge = Bridge(process)
    app = Starlette(routes=[Route("/mcp", bridge.post, methods=["POST"])])
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    tasks = [asyncio.create_task(bridge.read()), asyncio.create_task(server.serve(sockets=[listening]))]
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    finally:
        server.should_exit = True
        assert process.stdin is not None
        process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), ANSWER_S)
        await asyncio.gather(*tasks)
