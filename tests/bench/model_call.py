"""What our model seam costs per call, beside hand-written aiohttp and `litellm.acompletion`, interleaved in one run.

    .venv/bin/python -m tests.bench.model_call [--rounds 5] [--calls 150]

The server is the bare minimum in a process of its own, so that all three rows pay the same for it. Milliseconds differ
between machines and hours; the ratios are what to compare.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from patterns.core.calls import Message, ModelRequest
from patterns.core.money import Price
from patterns.models import recorder
from patterns.models.client import LiteLLMClient
from patterns.models.sdk import litellm_sdk
from patterns.roster.roster import ModelSpec
from tests.bench.figures import tell

CHUNKS = 200
CONCURRENT = 100
BATCHES = 5
MESSAGES = [{"role": "system", "content": "You answer."}, {"role": "user", "content": "What? " * 50}]
USAGE = {"prompt_tokens": 60, "completion_tokens": 200, "total_tokens": 260}
One = Callable[[bool], Awaitable[Any]]


def reply(**choice: Any) -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o",
        "choices": [{"index": 0, **choice}],
    }


PLAIN = json.dumps(
    {**reply(message={"role": "assistant", "content": "word " * CHUNKS}, finish_reason="stop"), "usage": USAGE}
)
EVENTS = [
    *(f"data: {json.dumps(reply(delta={'content': f'word{n} '}, finish_reason=None))}\n\n" for n in range(CHUNKS)),
    f"data: {json.dumps(reply(delta={}, finish_reason='stop'))}\n\n",
    f"data: {json.dumps({'id': 'c', 'choices': [], 'usage': USAGE})}\n\n",
    "data: [DONE]\n\n",
]


async def answer(request: web.Request) -> web.StreamResponse:
    if not (await request.json()).get("stream"):
        return web.Response(text=PLAIN, content_type="application/json")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for event in EVENTS:
        await response.write(event.encode())
    await response.write_eof()
    return response


async def serve() -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.Event().wait()


def by_hand(session: aiohttp.ClientSession, url: str) -> One:
    async def one(stream: bool) -> str:  # noqa: FBT001 - the bench's one switch
        body: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES, "max_tokens": 300}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        async with session.post(f"{url}/chat/completions", json=body) as response:
            if not stream:
                return str((await response.json())["choices"][0]["message"]["content"])
            found = [json.loads(line[6:])["choices"] async for line in response.content if line.startswith(b"data: {")]
            return "".join(choices[0]["delta"].get("content", "") for choices in found if choices)

    return one


def ours(client: LiteLLMClient) -> One:
    messages = tuple(Message(m["role"], m["content"]) for m in MESSAGES)  # type: ignore[arg-type]

    async def one(stream: bool) -> str:  # noqa: FBT001 - the bench's one switch
        call = client.prepare(ModelRequest("m", messages, 300, stream=stream))
        return (await client.complete(call, lambda _: None)).text

    return one


def theirs(url: str) -> One:
    litellm = litellm_sdk()

    async def one(stream: bool) -> str:  # noqa: FBT001 - the bench's one switch
        extra = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        found = await litellm.acompletion(
            "openai/gpt-4o", MESSAGES, max_tokens=300, api_base=url, api_key="k", num_retries=0, max_retries=0, **extra
        )
        if not stream:
            return str(found.choices[0].message.content)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in found if chunk.choices])

    return one


async def measure(one: One, calls: int) -> tuple[float, float, float]:
    """Milliseconds per call one by one, calls per second at 100 at once, milliseconds per stream of 200 chunks."""
    started = time.perf_counter()
    for _ in range(calls):
        await one(False)
    alone_ms = (time.perf_counter() - started) / calls * 1000
    await asyncio.gather(*(one(False) for _ in range(CONCURRENT)))  # opens the connections
    started = time.perf_counter()
    for _ in range(BATCHES):
        await asyncio.gather(*(one(False) for _ in range(CONCURRENT)))
    per_s = BATCHES * CONCURRENT / (time.perf_counter() - started)
    started = time.perf_counter()
    for _ in range(calls // 10):
        await one(True)
    return alone_ms, per_s, (time.perf_counter() - started) / (calls // 10) * 1000


def leave_litellm_alone() -> None:
    """Have litellm send by itself, as it does for whoever uses it without us; our own calls do not pass through it."""
    recorder.install = lambda _handler: None


async def bench(url: str, rounds: int, calls: int) -> None:
    leave_litellm_alone()
    spec = ModelSpec("m", "openai/gpt-4o", api_base=url, api_key_env="K", price=Price(10**9, 10**9))
    async with aiohttp.ClientSession() as session, LiteLLMClient({"m": spec}, {"K": "k"}) as client:
        rows = {"aiohttp by hand": by_hand(session, url), "ours": ours(client), "litellm.acompletion": theirs(url)}
        for one in rows.values():
            assert (await one(False)).split()[0] == "word"
            assert len((await one(True)).split()) == CHUNKS
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in rows}
        for _ in range(rounds):
            for name, one in rows.items():
                found[name].append(await measure(one, calls))
    floor = [statistics.median(column) for column in zip(*found["aiohttp by hand"], strict=True)]
    print(f"{'':22}{'ms a call':>12}{'':>8}{'calls/s @100':>14}{'':>8}{'ms a stream':>14}")
    for name, results in found.items():
        alone, per_s, stream = (statistics.median(column) for column in zip(*results, strict=True))
        for what, value, unit in (("a call", alone, "ms"), ("100 at once", per_s, "/s"), ("a stream", stream, "ms")):
            tell(f"{name}, {what}", value, unit)
        print(
            f"{name:22}{alone:12.2f}{alone / floor[0]:7.1f}x{per_s:14.0f}{floor[1] / per_s:7.1f}x"
            f"{stream:14.2f}{stream / floor[2]:7.1f}x"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of a model call, three ways.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=150)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.model_call", "--serve"], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        try:
            asyncio.run(bench(server.stdout.readline().decode().strip(), options.rounds, options.calls))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
