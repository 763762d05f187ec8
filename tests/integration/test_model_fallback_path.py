"""Providers we do not speak to ourselves go through litellm's own client: one attempt, bounded, honestly charged."""

import asyncio
import socket

import pytest

from patterns.core.calls import BilledModelError, Completion, Message, ModelRequest
from patterns.core.errors import Charge, ModelError
from patterns.core.money import Price, Usage
from patterns.models.client import LiteLLMClient
from patterns.models.sdk import litellm_sdk
from patterns.roster.roster import ModelSpec
from tests.fakes.provider import Answer, Call, Provider, Reply

KEY = "gsk-very-secret-key-0123456789"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def client(api_base: str) -> LiteLLMClient:
    spec = ModelSpec("m", "deepseek/deepseek-chat", api_base=api_base, api_key_env="K", price=Price(10**9, 10**9))
    return LiteLLMClient({"m": spec}, {"K": KEY})


def request(*, timeout_s: float = 20.0, stream: bool = True) -> ModelRequest:
    return ModelRequest("m", (Message("user", "What?"),), 100, stream=stream, timeout_s=timeout_s)


async def one_failure(answer: Answer, asked: ModelRequest) -> ModelError:
    async with Provider([answer]) as provider, client(provider.api_base("openai")) as models:
        with pytest.raises(ModelError) as caught:
            await models.complete(models.prepare(asked))
    assert len(provider.calls) == 1
    assert KEY not in str(caught.value)
    return caught.value


async def test_an_answer_comes_in_one_piece_with_its_bill() -> None:
    heard: list[str] = []
    reply = Reply("All of it.", input_tokens=50, output_tokens=20, cached_tokens=30, reasoning_tokens=7)
    async with Provider([reply]) as provider, client(provider.api_base("openai")) as models:
        completion = await models.complete(models.prepare(request()), heard.append)
    assert completion == Completion("All of it.", Usage(50, 20, 30, 7), "stop")
    assert heard == ["All of it."]
    assert provider.calls[0].max_tokens == 100
    assert provider.calls[0].headers["Authorization"] == f"Bearer {KEY}"


async def test_a_schema_travels() -> None:
    async with Provider([{"a": "b"}]) as provider, client(provider.api_base("openai")) as models:
        asked = ModelRequest("m", (Message("user", "What?"),), 100, schema=SCHEMA)
        completion = await models.complete(models.prepare(asked))
    assert completion.text == '{"a": "b"}'


@pytest.mark.parametrize(
    ("status", "reason", "retryable", "charge"),
    [
        (400, "bad_request", False, Charge.NOTHING),
        (401, "auth", False, Charge.NOTHING),
        (429, "rate_limit", True, Charge.NOTHING),
        (500, "server", True, Charge.NOTHING),
        (502, "server", True, Charge.UNCERTAIN),
        (503, "overloaded", True, Charge.NOTHING),
    ],
)
async def test_statuses(status: int, reason: str, *, retryable: bool, charge: Charge) -> None:
    error = await one_failure(Reply(status=status, error=f"bad {KEY}", retry_after_s=9), request())
    assert (error.reason, error.retryable, error.charge) == (reason, retryable, charge)


async def test_the_wish_to_wait_is_handed_on_and_not_waited_for() -> None:
    async with asyncio.timeout(20):
        error = await one_failure(Reply(status=429, retry_after_s=30), request())
    assert error.retry_after_s == 30


async def test_a_long_prompt_is_told_apart() -> None:
    error = await one_failure(Reply(status=400, error="maximum context length is 8192 tokens"), request())
    assert (error.reason, error.retryable, error.charge) == ("context_length", False, Charge.NOTHING)


@pytest.mark.parametrize("fault", ["drop", "drop_mid", "garbage"])
async def test_a_broken_answer_counts_in_full(fault: str) -> None:
    error = await one_failure(Reply("text", fault=fault), request())
    assert error.charge is Charge.UNCERTAIN


async def test_silence_ends_in_time() -> None:
    async with asyncio.timeout(20):
        error = await one_failure(Reply("text", fault="hang"), request(timeout_s=0.3))
    assert (error.reason, error.charge) == ("timeout", Charge.UNCERTAIN)


async def test_a_refused_connection_costs_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with client(f"http://127.0.0.1:{unused.getsockname()[1]}/v1") as models:
            with pytest.raises(ModelError) as caught:
                await models.complete(models.prepare(request()))
    assert (caught.value.reason, caught.value.charge) == ("connection", Charge.NOTHING)


async def test_a_redirect_is_not_followed_with_our_key() -> None:
    async with Provider(["stolen"]) as elsewhere:
        error = await one_failure(Reply(status=307, location=f"{elsewhere.url}/v1/chat/completions"), request())
        assert (error.reason, error.status, elsewhere.calls) == ("bad_request", 307, [])
        elsewhere.strict = False


async def test_a_stop_hangs_up_and_counts_as_sent() -> None:
    asked = asyncio.Event()

    def stall(_: Call) -> Reply:
        asked.set()
        return Reply("text", fault="stall")

    hanging = Provider(stall)
    async with hanging, client(hanging.api_base("openai")) as models:
        task = asyncio.create_task(models.complete(models.prepare(request())))
        await asyncio.wait_for(asked.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        async with asyncio.timeout(20):
            await hanging.idle.wait()
    assert (hanging.hung_up, caught.value.args) == (1, ())


@pytest.mark.parametrize("model", ["groq/llama-3.3-70b-versatile", "groq/gemma2-9b-it", "mistral/mistral-large-latest"])
async def test_an_answer_of_a_schema_is_read_from_text_and_from_a_tool_call(model: str) -> None:
    asked = ModelRequest("m", (Message("user", "What?"),), 100, schema=SCHEMA)
    async with Provider([{"a": "b"}]) as provider:
        spec = ModelSpec("m", model, api_base=provider.api_base("openai"), api_key_env="K", price=Price(10**9, 10**9))
        async with LiteLLMClient({"m": spec}, {"K": KEY}) as models:
            completion = await models.complete(models.prepare(asked))
    assert completion.text == '{"a": "b"}'


async def test_calls_side_by_side_do_not_hear_each_other() -> None:
    asked = [ModelRequest("m", (Message("user", "x" * n),), 100) for n in range(1, 21)]
    provider = Provider(lambda call: Reply(call.user, input_tokens=len(call.user)))
    async with provider, client(provider.api_base("openai")) as models:
        found = await asyncio.gather(*(models.complete(models.prepare(one)) for one in asked))
    assert [(len(one.text), one.usage and one.usage.input_tokens) for one in found] == [(n, n) for n in range(1, 21)]


@pytest.mark.parametrize("finish", ["insufficient_system_resource", "error", "abort"])
async def test_the_providers_own_ending_decides_where_litellm_says_stop(
    finish: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    litellm = litellm_sdk()
    choice = litellm.Choices(finish_reason=finish, message=litellm.Message(content="Half an"))
    reply = litellm.ModelResponse(choices=[choice], usage=litellm.Usage(prompt_tokens=50, completion_tokens=20))
    assert choice.finish_reason == "stop"

    async def another_way(**_: object) -> object:
        return reply

    monkeypatch.setattr(litellm, "acompletion", another_way)
    async with client("http://127.0.0.1:9/v1") as models:
        with pytest.raises(BilledModelError) as caught:
            await models.complete(models.prepare(request()))
    assert (caught.value.reason, caught.value.usage) == ("truncated", Usage(50, 20))
