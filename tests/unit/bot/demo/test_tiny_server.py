"""The door in front of llama.cpp: a poor text is asked for anew, and the bot reads replies like any provider's."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from bot.demo.tiny_server import TRIES, door
from patterns.core.calls import Message, ModelRequest
from patterns.core.errors import ModelError
from patterns.core.money import Price
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import ModelSpec

GOOD, POOR = "SQLite suits a small team.", "Bananas are yellow."
ASKED = Message("user", "<request:0123456789ab>\nShould a small team use SQLite?\n</request:0123456789ab>")
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}

Serve = Callable[..., AbstractAsyncContextManager[LiteLLMClient]]


async def started(app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    """What reached llama.cpp."""
    return []


@pytest.fixture
def behind(asked: list[dict[str, Any]]) -> Serve:
    @asynccontextmanager
    async def serve(*texts: str, status: int = 200) -> AsyncIterator[LiteLLMClient]:
        async def llama(request: web.Request) -> web.Response:
            asked.append(await request.json())
            text = texts[min(len(asked), len(texts)) - 1]
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}
            return web.json_response({"id": "x", "choices": [choice], "usage": usage}, status=status)

        inside = web.Application()
        inside.router.add_post("/v1/chat/completions", llama)
        inner, inner_url = await started(inside)
        outer, url = await started(door(inner_url))
        spec = ModelSpec("m", "openai/tiny", api_base=f"{url}/v1", price=Price(1, 1))
        try:
            async with LiteLLMClient({"m": spec}, {}) as client:
                yield client
        finally:
            await outer.cleanup()
            await inner.cleanup()

    return serve


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_good_text_is_taken_at_once(behind: Serve, asked: list[dict[str, Any]], *, stream: bool) -> None:
    pieces: list[str] = []
    async with behind(GOOD) as client:
        done = await client.complete(client.prepare(ModelRequest("m", (ASKED,), 100, stream=stream)), pieces.append)
    assert (done.text, done.finish_reason, len(asked)) == (GOOD, "stop", 1)
    assert done.usage is not None
    assert (done.usage.input_tokens, done.usage.output_tokens) == (9, 6)
    assert "".join(pieces) == (GOOD if stream else "")


async def test_a_poor_text_is_written_anew(behind: Serve, asked: list[dict[str, Any]]) -> None:
    async with behind(POOR, GOOD) as client:
        done = await client.complete(client.prepare(ModelRequest("m", (ASKED,), 100)))
    assert (done.text, len(asked)) == (GOOD, 2)


async def test_the_least_poor_one_is_taken_in_the_end(behind: Serve, asked: list[dict[str, Any]]) -> None:
    better = "A small band of bananas is yellow."
    async with behind(POOR, better, POOR) as client:
        done = await client.complete(client.prepare(ModelRequest("m", (ASKED,), 100)))
    assert (done.text, len(asked)) == (better, TRIES)


async def test_a_structured_reply_is_asked_for_by_schema(behind: Serve, asked: list[dict[str, Any]]) -> None:
    async with behind('{"a": "It is short"}') as client:
        done = await client.complete(client.prepare(ModelRequest("m", (ASKED,), 100, schema=SCHEMA)))
    assert (done.text, len(asked)) == ('{"a": "It is short"}', 1)
    assert "pattern" in asked[0]["response_format"]["json_schema"]["schema"]["properties"]["a"]


async def test_an_error_of_llama_cpp_is_the_bots_to_judge(behind: Serve) -> None:
    async with behind("", status=500) as client:
        with pytest.raises(ModelError):
            await client.complete(client.prepare(ModelRequest("m", (ASKED,), 100)))
