"""A model provider on loopback, because a client is only proven over real HTTP, faults and bills included.

It speaks three shapes: OpenAI (`/v1/chat/completions`), Anthropic (`/v1/messages`) and Gemini
(`/v1beta/models/NAME:generateContent`), plain and streamed. A test scripts the replies; the double answers what it was
asked, writes a bill for every reply a provider would charge, and complains at the end about calls nobody expected and
replies nobody fetched::

    async with Provider(["first answer", Reply(status=429, retry_after_s=2)]) as provider:
        spec = {"model": "openai/test", "api_base": provider.api_base("openai"), ...}

A script is a sequence of replies, a function from `Call` to a reply, or nothing (a polite echo, for load). A reply is a
`Reply`, a plain text or a JSON object. As a program: `python -m tests.fakes.provider --port 0 --bills FILE`.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

from patterns.core.tools import ToolCall
from tests.fakes import provider_shapes as shapes

ShapeName = Literal["openai", "anthropic", "gemini"]

Fault = Literal[
    "drop",  # the connection is reset before a byte of the reply
    "drop_mid",  # reset after half of the stream or body
    "truncate",  # the stream ends early, cleanly, with no finish reason
    "stall",  # half of it, then silence until the client gives up
    "hang",  # not even a status line, until the client gives up
    "bad_chunk",  # half of it, then a chunk that is not JSON, then the rest
    "garbage",  # the whole stream or body is no JSON
    "error_event",  # an error inside a stream that began well
    "no_usage",  # everything but the usage
    "repeat",  # the same chunk for ever
]


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, and what to charge. Tokens default to a count of words, so they look like the real thing."""

    text: str = ""
    finish: Literal["stop", "length", "content_filter", "paused"] = "stop"
    calls: Sequence[ToolCall] = ()
    """Tools that the model asks for, beside its text. Names as in the roster; arguments as it wrote them."""
    searches: Sequence[str] = ()
    """What it looked for on the web, where the request allows it, and the `pages` (title, address) it cites."""
    pages: Sequence[tuple[str, str]] = ()
    thinking: str = ""
    """What it thought before, signed as its provider does; OpenAI's shape has no signature for it."""
    status: int = 200
    body: Any = None
    """With an error status: a JSON object, or text, instead of the provider's usual error object."""
    error: str = "scripted failure"
    retry_after_s: float | None = None
    location: str | None = None
    """With a redirect: where to."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    chunks: int = 8
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the provider understood it, whatever its shape."""

    number: int
    shape: ShapeName
    model: str
    system: str
    user: str
    """Text of the last user message."""
    messages: tuple[tuple[str, str], ...]
    max_tokens: int | None
    schema: Mapping[str, Any] | None
    stream: bool
    images: int
    body: dict[str, Any]
    headers: dict[str, str]
    tools: tuple[str, ...] = ()
    """Names of the tools that may be called, as in the roster."""
    results: tuple[str, ...] = ()
    """What the tools answered so far, in order."""
    searches_max: int = 0
    """How often the web may be searched."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What the provider charges for one call."""

    number: int
    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    searches: int = 0


Answer = Reply | str | Mapping[str, Any]
Script = Callable[[Call], Answer | Awaitable[Answer]] | Sequence[Answer] | None


def echo(call: Call) -> Reply:
    """The reply of an unscripted double: JSON where a schema asks for it, else a sentence about the request."""
    if call.schema is not None:
        return Reply(json.dumps(shapes.sample(call.schema)))
    return Reply(f"Reply {call.number} to: {call.user[:80]}")


@dataclass
class Provider:
    """The double. `calls`, `bills` and `failures` (what went against the script) are plain lists to look at."""

    script: Script = None
    bill_file: Path | None = None
    """Each bill is appended here as a line of JSON and fsynced before the reply is sent: it survives kill -9."""
    host: str = "127.0.0.1"
    port: int = 0
    strict: bool = True
    calls: list[Call] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    in_flight: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no request is being answered, for tests that wait for a hang-up."""
    in_flight_max: int = 0
    hung_up: int = 0
    """Replies the client did not wait for."""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/{path:.*}", self._post)
        self._queue = list(self.script) if self.script is not None and not callable(self.script) else None
        self._closing = asyncio.Event()
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._closing.set()
        await self._runner.cleanup()
        if self.strict and error is None:
            left = [f"never asked for: {reply!r}" for reply in self._queue or ()]
            assert [*self.failures, *left] == []

    @property
    def url(self) -> str:
        """The root, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    def api_base(self, shape: ShapeName) -> str:
        """What to put into a roster as `api_base` for a model of that shape."""
        return self.url + {"openai": "/v1", "anthropic": "", "gemini": "/v1beta"}[shape]

    async def _post(self, request: web.Request) -> web.StreamResponse:
        call = shapes.read_call(len(self.calls) + 1, request.path, await request.json(), dict(request.headers))
        if call is None:
            self.failures.append(f"no such endpoint: {request.path}")
            return web.json_response({"error": {"message": "no such endpoint"}}, status=404)
        self.calls.append(call)
        self.in_flight += 1
        self.idle.clear()
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        try:
            return await self._answer(request, call)
        except (asyncio.CancelledError, ConnectionResetError):
            self.hung_up += 1
            raise
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self.idle.set()

    async def _answer(self, request: web.Request, call: Call) -> web.StreamResponse:
        reply = await self._reply(call)
        if reply.status != web.HTTPOk.status_code:
            await asyncio.sleep(reply.delay_s)
            return _error(call, reply)
        if len(reply.searches) > call.searches_max and call.shape != "gemini":
            self.failures.append(f"call {call.number} searches more often than it may: {reply.searches}")
        bill = self._charge(call, reply)
        await asyncio.sleep(reply.delay_s)
        if reply.fault == "drop":
            return _reset(request)
        if reply.fault == "hang":
            await self._closing.wait()
            return _reset(request)
        if call.stream:
            return await self._stream(request, call, reply, bill)
        return await self._plain(request, call, reply, bill)

    async def _reply(self, call: Call) -> Reply:
        if self._queue is not None:
            if not self._queue:
                self.failures.append(f"unexpected call {call.number}: {call.model}: {call.user[:200]!r}")
                return Reply(status=418, error="unexpected call: the script is used up")
            answer: Answer = self._queue.pop(0)
        else:
            made = (self.script or echo)(call)  # type: ignore[operator]
            answer = await made if asyncio.iscoroutine(made) else made
        if isinstance(answer, Reply):
            return answer
        return Reply(answer if isinstance(answer, str) else json.dumps(answer))

    def _charge(self, call: Call, reply: Reply) -> Bill:
        words = sum(len(text.split()) for _, text in call.messages) + 3 * len(call.messages)
        written = len(reply.text.split()) + sum(len(one.arguments.split()) + 1 for one in reply.calls) + 1
        bill = Bill(
            number=call.number,
            model=call.model,
            input_tokens=reply.input_tokens if reply.input_tokens is not None else words,
            output_tokens=written if reply.output_tokens is None else reply.output_tokens,
            cached_tokens=reply.cached_tokens,
            reasoning_tokens=reply.reasoning_tokens,
            images=call.images,
            searches=len(reply.searches),
        )
        self.bills.append(bill)
        if self.bill_file is not None:
            with self.bill_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(bill)) + "\n")
                file.flush()
                os.fsync(file.fileno())
        return bill

    async def _plain(self, request: web.Request, call: Call, reply: Reply, bill: Bill) -> web.StreamResponse:
        if reply.fault == "garbage":
            return web.Response(text="<html>the gateway is on fire</html>", content_type="text/html")
        data = json.dumps(shapes.plain(call, reply, bill)).encode()
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(data))})
        await response.prepare(request)
        if reply.fault in {"drop_mid", "stall", "truncate"}:
            await response.write(data[: len(data) // 2])
            if reply.fault == "stall":
                await self._closing.wait()
            return _reset(request)
        await response.write(data)
        await response.write_eof()
        return response

    async def _stream(self, request: web.Request, call: Call, reply: Reply, bill: Bill) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        events = shapes.stream(call, reply, bill)
        half = shapes.half(events)
        for number, event in enumerate(events):
            if number == half and reply.fault in {"drop_mid", "truncate", "stall"}:
                if reply.fault == "truncate":
                    break
                if reply.fault == "stall":
                    await self._closing.wait()
                return _reset(request)
            await response.write(event)
            if reply.fault == "repeat" and number == half:
                while not self._closing.is_set():
                    await response.write(event)
            if reply.chunk_delay_s:
                await asyncio.sleep(reply.chunk_delay_s)
        await response.write_eof()
        return response


def _error(call: Call, reply: Reply) -> web.Response:
    headers = {} if reply.retry_after_s is None else {"Retry-After": f"{reply.retry_after_s:g}"}
    if reply.location is not None:
        headers["Location"] = reply.location
    body = shapes.error(call, reply) if reply.body is None else reply.body
    if isinstance(body, str):
        return web.Response(text=body, status=reply.status, headers=headers)
    return web.json_response(body, status=reply.status, headers=headers)


def _reset(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.provider", description="A model provider on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--bills", type=Path, help="append each bill here, fsynced before the reply")
    parser.add_argument("--delay-s", type=float, default=0.0, help="before each reply")
    parser.add_argument("--chunk-delay-s", type=float, default=0.0, help="between chunks of a stream")
    parser.add_argument("--text", help="answer this instead of an echo")
    parser.add_argument("--input-tokens", type=int)
    parser.add_argument("--output-tokens", type=int)
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    def answer(call: Call) -> Reply:
        text = options.text if options.text and call.schema is None else echo(call).text
        return Reply(
            text,
            delay_s=options.delay_s,
            chunk_delay_s=options.chunk_delay_s,
            input_tokens=options.input_tokens,
            output_tokens=options.output_tokens,
        )

    async with Provider(answer, bill_file=options.bills, port=options.port) as provider:
        print(provider.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(_options()))
