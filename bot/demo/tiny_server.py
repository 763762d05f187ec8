"""The tiny model's server, a program of its own: llama.cpp's, as xllamacpp brings it compiled for any processor.

Started as a file, it needs its folder of packages and aiohttp. The address that the bot knows leads through here to
llama.cpp: what a model this small is asked is put simply and held to an end, and a poor text is written anew.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
from aiohttp import web

from bot.demo.process import free_port
from bot.demo.tiny_shape import events, faults, shaped

THREADS = 1
"""Two threads that share a busy core wait for each other: with more work than cores they were 20 times slower."""
TRIES = 4
PATIENCE_S = 8.0
"""No further try is begun after this long."""
_HTTP = web.AppKey("http", aiohttp.ClientSession)
Json = dict[str, Any]


def door(inner: str) -> web.Application:
    """Return the application in front of the server at `inner`."""

    async def session(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(inner, timeout=aiohttp.ClientTimeout(total=None)) as http:
            app[_HTTP] = http
            yield

    async def complete(request: web.Request) -> web.Response:
        asked = await request.json()
        status, reply = await best_of(request.app[_HTTP], asked)
        if not asked.get("stream") or status != web.HTTPOk.status_code:
            return web.json_response(reply, status=status)
        return web.Response(body=b"".join(events(reply)), content_type="text/event-stream")

    async def pass_on(request: web.Request) -> web.Response:
        async with request.app[_HTTP].get(request.path) as found:
            return web.Response(status=found.status, body=await found.read(), content_type=found.content_type)

    app = web.Application(client_max_size=2**24)
    app.cleanup_ctx.append(session)
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_get("/{path:.*}", pass_on)
    return app


async def best_of(http: aiohttp.ClientSession, asked: Mapping[str, Any]) -> tuple[int, Json]:
    """Return status and body of the best of a few replies: the first one without a fault, else the one with fewest."""
    started, kept, fewest = asyncio.get_running_loop().time(), (0, Json()), sys.maxsize
    for number in range(TRIES):
        async with http.post("/v1/chat/completions", json=shaped(asked, number)) as found:
            status, reply = found.status, await found.json()
        if status != web.HTTPOk.status_code:
            return status, reply
        count = faults(asked, reply)
        if count < fewest:
            kept, fewest = (status, reply), count
        if not count or asyncio.get_running_loop().time() - started > PATIENCE_S:
            break
    return kept


def llama(asked: argparse.Namespace) -> Any:  # noqa: ANN401 - xllamacpp has no types
    """Start llama.cpp's server on a free port of loopback and return it."""
    sys.path.insert(0, asked.packages)
    from xllamacpp import CommonParams, Server  # noqa: PLC0415 - it is found there only

    params = CommonParams()
    params.model.path, params.model_alias = asked.model, {asked.alias}
    params.hostnames, params.port = ["127.0.0.1"], free_port()
    params.n_ctx, params.n_parallel = asked.context * asked.slots, asked.slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.ui = False
    return Server(params)


async def serve(inner: str, port: int) -> None:
    """Serve until somebody ends the process."""
    # A caller that gives up is heard at once, so that llama.cpp stops writing for nobody.
    runner = web.AppRunner(door(inner), access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(f"listening on http://127.0.0.1:{port}, in front of {inner}", flush=True)  # noqa: T201 - into its log
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    await ended.wait()
    await runner.cleanup()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("packages", "model", "alias"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("port", "slots", "context"):
        parser.add_argument(f"--{name}", type=int, required=True)
    asked = parser.parse_args()
    server = llama(asked)
    asyncio.run(serve(str(server.listening_address), asked.port))


if __name__ == "__main__":
    main()
