"""Tools over real HTTP, turn after turn: what is offered, asked for, answered and thought arrives whole."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from patterns.core.calls import Completion, Message, ModelRequest
from patterns.core.money import Price
from patterns.core.tools import ToolCall, ToolSchema
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import ModelSpec
from tests.fakes.provider import Provider, Reply, ShapeName
from tests.integration.test_model_faults import MODELS

SHAPES = ["openai", "anthropic", "gemini"]
TOOLS = (
    ToolSchema(
        "tickets.search_issues",
        "Search.",
        {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
    ),
    ToolSchema("time.now", "The time.", {"type": "object"}),
)
FIRST = (Message("system", "You look things up."), Message("user", "Which issues are open?"))
SEARCH = ToolCall(id="call_a", name="tickets.search_issues", arguments='{"q": "é state:open"}')
AGAIN = ToolCall(id="call_b", name="tickets.search_issues", arguments='{"q": "é state:open"}')
NOW = ToolCall(id="call_c", name="time.now", arguments="{}")


@asynccontextmanager
async def asking(shape: ShapeName, *replies: Reply) -> AsyncIterator[tuple[LiteLLMClient, Provider]]:
    async with Provider(list(replies)) as provider:
        spec = ModelSpec(
            "m", MODELS[shape], api_base=provider.api_base(shape), api_key_env="K", price=Price(10**9, 2 * 10**9)
        )
        async with LiteLLMClient(
            {"m": spec, "other": replace(spec, name="other", model=f"{shape}/other")}, {"K": "k"}
        ) as client:
            yield client, provider


async def complete(client: LiteLLMClient, *messages: Message, stream: bool = False, **more: object) -> Completion:
    tools = more.pop("tools", TOOLS)
    request = ModelRequest("m", (*FIRST, *messages), 500, stream=stream, tools=tools, **more)  # type: ignore[arg-type]
    return await client.complete(client.prepare(request))


def turn(completion: Completion, *results: str) -> tuple[Message, ...]:
    """What the next request says of a turn."""
    asked = Message("assistant", completion.text, calls=completion.calls, thinking=completion.thinking)
    answers = zip(completion.calls, results, strict=True)
    return asked, *(Message("tool", result, answers=call.id) for call, result in answers)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
async def test_calls_go_out_and_come_back_with_text_thinking_and_results(shape: ShapeName, *, stream: bool) -> None:
    asks = Reply("Let me look.", calls=[SEARCH, AGAIN, NOW], thinking="They want the open ones.")
    async with asking(shape, asks, Reply("Two are open.")) as (client, provider):
        first = await complete(client, stream=stream)
        assert (first.text, first.finish_reason) == ("Let me look.", "tools")
        assert first.calls == (SEARCH, AGAIN, NOW)
        assert first.usage is not None
        results = ('{"open": [1, 2]}', "data:image/png;base64,AAAA", "12:00")
        last = await complete(client, *turn(first, *results), stream=stream)
        assert (last.text, last.finish_reason, last.calls) == ("Two are open.", "stop", ())
    offered, asked_again = provider.calls
    assert offered.tools == asked_again.tools == ("tickets.search_issues", "time.now")
    assert asked_again.results == results
    history = json.dumps(asked_again.body, ensure_ascii=False)
    assert history.count("é state:open") == 2
    thought = "They want the open ones." if shape == "openai" else "signature-1=="
    assert history.count(thought) == 1
