"""Tools over real HTTP, turn after turn: what is offered, asked for, answered and thought arrives whole."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from patterns.core.calls import BilledModelError, Completion, Message, ModelRequest
from patterns.core.errors import Charge, ModelError
from patterns.core.money import Price
from patterns.core.reasons import Reason
from patterns.core.tools import ToolCall, ToolSchema
from patterns.models.client import LiteLLMClient
from patterns.models.pricing import TOOLS_TOKENS
from patterns.roster.roster import ModelSpec
from tests.fakes.provider import Fault, Provider, Reply, ShapeName
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


@pytest.mark.parametrize("shape", SHAPES)
async def test_another_model_gets_the_history_without_thinking(shape: ShapeName) -> None:
    replies = Reply(calls=[SEARCH], thinking="They want the open ones."), Reply("Two."), Reply("Two.")
    async with asking(shape, *replies) as (client, provider):
        history = turn(await complete(client), "[1, 2]")
        await complete(client, *history)
        request = ModelRequest("other", (*FIRST, *history), 500, tools=TOOLS)
        await client.complete(client.prepare(request))
    _, same, other = (json.dumps(call.body) for call in provider.calls)
    thought = "They want" if shape == "openai" else "signature-1=="
    assert (thought in same, thought in other) == (True, False)
    assert provider.calls[2].results == ("[1, 2]",)


@pytest.mark.parametrize("schema", [None, {"type": "object", "properties": {"n": {"type": "integer"}}}])
@pytest.mark.parametrize("shape", SHAPES)
async def test_the_closing_turn_offers_nothing_and_is_answered(
    shape: ShapeName, schema: dict[str, object] | None
) -> None:
    answer = '{"n": 2}' if schema else "Two are open."
    async with asking(shape, Reply(calls=[SEARCH, NOW]), Reply(answer)) as (client, provider):
        history = turn(await complete(client), "[1, 2]", "12:00")
        last = await complete(client, *history, tools=(), schema=schema)
    assert (last.text, last.finish_reason, last.calls) == (answer, "stop", ())
    closing = provider.calls[1]
    assert (closing.tools, closing.results) == ((), ("[1, 2]", "12:00"))
    assert (closing.schema is not None) == (schema is not None)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_call_in_the_closing_turn_is_an_error_that_was_paid(shape: ShapeName, *, stream: bool) -> None:
    async with asking(shape, Reply(calls=[NOW]), Reply("Let me look again.", calls=[SEARCH])) as (client, _):
        history = turn(await complete(client), "12:00")
        with pytest.raises(BilledModelError) as caught:
            await complete(client, *history, tools=(), stream=stream)
    assert (caught.value.reason, caught.value.retryable) == (Reason.CALLS, True)


@pytest.mark.parametrize("shape", SHAPES)
async def test_arguments_that_do_not_parse_go_back_to_the_model_that_wrote_them(shape: ShapeName) -> None:
    broken = ToolCall(id="call_a", name="tickets.search_issues", arguments='{"q": open')
    async with asking(shape, Reply(calls=[broken]), Reply("Two.")) as (client, provider):
        first = await complete(client, stream=True)
        assert first.calls == (broken,)
        await complete(client, *turn(first, "Those are no arguments."))
    assert "not_json" in json.dumps(provider.calls[1].body)


@pytest.mark.parametrize("fault", ["drop_mid", "truncate", "bad_chunk", "error_event"])
@pytest.mark.parametrize("shape", SHAPES)
async def test_a_stream_that_breaks_in_a_call_is_no_turn(shape: ShapeName, fault: Fault) -> None:
    async with asking(shape, Reply(calls=[SEARCH, AGAIN], thinking="Hm.", fault=fault)) as (client, _):
        with pytest.raises(ModelError) as caught:
            await complete(client, stream=True)
    assert (caught.value.retryable, caught.value.charge) == (True, Charge.UNCERTAIN)


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_price_is_bound_before_by_tools_calls_results_and_thinking(shape: ShapeName) -> None:
    async with asking(shape, Reply(calls=[SEARCH], thinking="x" * 400, output_tokens=450)) as (client, _):
        first = await complete(client)
        plain = client.prepare(ModelRequest("m", FIRST, 500))
        offered = client.prepare(ModelRequest("m", FIRST, 500, tools=TOOLS))
        history = turn(first, "y" * 1000)
        told = client.prepare(ModelRequest("m", (*FIRST, *history), 500, tools=TOOLS))
        bare = tuple(replace(message, thinking="") for message in history)
        other = client.prepare(ModelRequest("m", (*FIRST, *bare), 500, tools=TOOLS))
    assert offered.input_tokens_max - plain.input_tokens_max >= TOOLS_TOKENS + len("tickets.search_issues")
    assert told.input_tokens_max - offered.input_tokens_max >= 1000 + 450 + len(SEARCH.arguments)
    assert told.input_tokens_max - other.input_tokens_max >= 450


async def test_calls_and_results_that_do_not_match_are_never_sent() -> None:
    asked = Message("assistant", "", calls=(NOW,))
    for messages in (
        (asked,),
        (Message("tool", "12:00", answers="nothing"),),
        (asked, Message("tool", "", answers="x")),
    ):
        async with asking("openai") as (client, _):
            with pytest.raises(ModelError, match="do not match") as caught:
                await complete(client, *messages)
        assert (caught.value.charge, caught.value.retryable) == (Charge.NOTHING, False)
