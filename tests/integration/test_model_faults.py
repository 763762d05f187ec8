"""Every way a provider fails, over real HTTP, for each of the three shapes: the right reason and the right charge."""

import asyncio
import socket

import aiohttp
import pytest

from patterns.core.calls import Completion, Message, ModelRequest
from patterns.core.errors import NEVER_SENT, Charge, ModelError
from patterns.core.money import Price, Usage
from patterns.models import addresses
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import ModelSpec
from tests.fakes.provider import Answer, Provider, Reply, ShapeName

MODELS: dict[ShapeName, str] = {
    "openai": "openai/gpt-5-mini",
    "anthropic": "anthropic/claude-sonnet-4-5",
    "gemini": "gemini/gemini-2.5-flash",
}
KEY = "sk-very-secret-key-0123456789"
TEXT = "One. Two, three; four: five. Six seven eight."
SCHEMA = {
    "type": "object",
    "properties": {"accepted": {"type": "boolean"}},
    "required": ["accepted"],
    "additionalProperties": False,
}

each_shape = pytest.mark.parametrize("shape", list(MODELS))
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


def client(provider_url: str, shape: ShapeName) -> LiteLLMClient:
    price = Price(input_nusd_per_mtok=10**9, output_nusd_per_mtok=2 * 10**9)
    spec = ModelSpec("m", MODELS[shape], api_base=provider_url, api_key_env="THE_KEY", price=price)
    return LiteLLMClient({"m": spec}, {"THE_KEY": KEY})


def request(*, stream: bool = False, timeout_s: float = 20.0, idle_timeout_s: float = 20.0) -> ModelRequest:
    return ModelRequest(
        "m",
        (Message("system", "You answer."), Message("user", "What?")),
        100,
        stream=stream,
        timeout_s=timeout_s,
        idle_timeout_s=idle_timeout_s,
    )


async def one_call(shape: ShapeName, answer: Answer, asked: ModelRequest) -> tuple[Completion, Provider, list[str]]:
    heard: list[str] = []
    async with Provider([answer]) as provider, client(provider.api_base(shape), shape) as models:
        return await models.complete(models.prepare(asked), heard.append), provider, heard


async def one_failure(shape: ShapeName, answer: Answer, asked: ModelRequest) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await one_call(shape, answer, asked)
    assert KEY not in str(caught.value)
    return caught.value


def judged(error: ModelError) -> tuple[str, bool, Charge]:
    return error.reason, error.retryable, error.charge


@each_shape
@both_ways
async def test_an_answer_arrives_whole_with_the_bill_of_the_provider(shape: ShapeName, *, stream: bool) -> None:
    reply = Reply(TEXT, input_tokens=50, output_tokens=20, cached_tokens=30, reasoning_tokens=0)
    completion, provider, heard = await one_call(shape, reply, request(stream=stream))
    assert completion == Completion(TEXT, Usage(50, 20, 30, 0), "stop")
    assert "".join(heard) == (TEXT if stream else "")
    call = provider.calls[0]
    assert (call.system, call.user, call.max_tokens, call.stream) == ("You answer.", "What?", 100, stream)


@each_shape
@both_ways
async def test_reasoning_counts_as_output(shape: ShapeName, *, stream: bool) -> None:
    reply = Reply(TEXT, input_tokens=50, output_tokens=90, reasoning_tokens=70)
    completion, _, _ = await one_call(shape, reply, request(stream=stream))
    assert completion.usage is not None
    assert completion.usage.output_tokens == 90


@each_shape
@both_ways
@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_an_early_end_is_a_result_that_says_so(shape: ShapeName, finish: str, *, stream: bool) -> None:
    completion, _, _ = await one_call(shape, Reply("Half an", finish=finish), request(stream=stream))
    assert (completion.text, completion.finish_reason) == ("Half an", finish)


@each_shape
@both_ways
async def test_an_empty_answer_was_paid_for(shape: ShapeName, *, stream: bool) -> None:
    completion, _, _ = await one_call(shape, Reply("", input_tokens=9, output_tokens=1), request(stream=stream))
    assert completion == Completion("", Usage(9, 1), "stop")


@each_shape
@both_ways
async def test_an_answer_without_usage_has_no_known_price(shape: ShapeName, *, stream: bool) -> None:
    completion, _, _ = await one_call(shape, Reply(TEXT, fault="no_usage"), request(stream=stream))
    assert completion == Completion(TEXT, None, "stop")


@each_shape
async def test_a_schema_travels_and_its_json_comes_back_unstreamed(shape: ShapeName) -> None:
    asked = ModelRequest("m", (Message("user", "Well?"),), 100, schema=SCHEMA, stream=True)
    completion, provider, heard = await one_call(shape, {"accepted": True}, asked)
    assert (completion.text, heard) == ('{"accepted": true}', [])
    sent = provider.calls[0].schema
    assert sent is not None
    assert list(sent["properties"]) == ["accepted"]


STATUSES = [
    (400, "bad_request", False),
    (401, "auth", False),
    (402, "rate_limit", False),
    (403, "auth", False),
    (404, "bad_request", False),
    (408, "timeout", True),
    (413, "context_length", False),
    (422, "bad_request", False),
    (429, "rate_limit", True),
    (500, "server", True),
    (502, "server", True),
    (503, "overloaded", True),
    (504, "timeout", True),
    (529, "overloaded", True),
    (301, "bad_request", False),
    (206, "bad_request", False),
]


@each_shape
@both_ways
@pytest.mark.parametrize(("status", "reason", "retryable"), STATUSES)
async def test_an_error_status_costs_nothing_unless_a_gateway_gave_up_waiting(
    shape: ShapeName,
    status: int,
    reason: str,
    *,
    retryable: bool,
    stream: bool,
) -> None:
    error = await one_failure(shape, Reply(status=status, error=f"bad key {KEY}"), request(stream=stream))
    assert judged(error) == (reason, retryable, Charge.UNCERTAIN if status in (206, 502, 504) else Charge.NOTHING)
    assert error.status == status


async def test_a_provider_at_its_own_address_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Provider([Reply(status=504)]) as provider:
        monkeypatch.setitem(addresses.OWN_ADDRESSES, "gemini", provider.api_base("gemini"))
        async with LiteLLMClient(
            {"m": ModelSpec("m", MODELS["gemini"], price=Price(1, 1))}, {"GEMINI_API_KEY": KEY}
        ) as m:
            with pytest.raises(ModelError) as caught:
                await m.complete(m.prepare(request()))
    assert caught.value.charge is Charge.NOTHING


WORDS = [
    (400, "This model's maximum context length is 8192 tokens", "context_length"),
    (400, "prompt is too long: 210000 tokens > 200000 maximum", "context_length"),
    (400, "The input token count (1100000) exceeds the maximum number of tokens allowed", "context_length"),
    (400, "Your request was rejected as a result of our safety system", "content_policy"),
    (400, "API key not valid. Please pass a valid API key.", "auth"),
    (429, "You exceeded your current quota, please check your plan and billing details", "rate_limit"),
]


@each_shape
@pytest.mark.parametrize(("status", "words", "reason"), WORDS)
async def test_what_a_status_hides_is_read_from_its_words(
    shape: ShapeName, status: int, words: str, reason: str
) -> None:
    error = await one_failure(shape, Reply(status=status, error=words), request())
    assert judged(error) == (reason, False, Charge.NOTHING)


@each_shape
async def test_the_wish_to_wait_is_handed_on(shape: ShapeName) -> None:
    error = await one_failure(shape, Reply(status=429, retry_after_s=7.5), request())
    assert error.retry_after_s == 7.5


FAULTS = [
    ("drop", False, "truncated"),
    ("drop", True, "truncated"),
    ("drop_mid", False, "truncated"),
    ("drop_mid", True, "truncated"),
    ("truncate", False, "truncated"),
    ("truncate", True, "truncated"),
    ("bad_chunk", True, "malformed"),
    ("garbage", False, "malformed"),
    ("garbage", True, "malformed"),
    ("error_event", True, "server"),
    ("repeat", True, "malformed"),
]


@each_shape
@pytest.mark.parametrize(("fault", "stream", "reason"), FAULTS)
async def test_a_broken_answer_counts_in_full(shape: ShapeName, fault: str, *, stream: bool, reason: str) -> None:
    error = await one_failure(shape, Reply(TEXT * 3, fault=fault), request(stream=stream))
    assert judged(error) == (reason, True, Charge.UNCERTAIN)


@each_shape
@pytest.mark.parametrize(
    ("fault", "asked"),
    [
        ("hang", request(timeout_s=0.2)),
        ("hang", request(stream=True, timeout_s=0.2)),
        ("stall", request(timeout_s=0.2)),
        ("stall", request(stream=True, timeout_s=0.2)),
        ("stall", request(stream=True, idle_timeout_s=0.2)),
    ],
)
async def test_silence_ends_in_time(shape: ShapeName, fault: str, asked: ModelRequest) -> None:
    async with asyncio.timeout(20):
        error = await one_failure(shape, Reply(TEXT, fault=fault), asked)
    assert judged(error) == ("timeout", True, Charge.UNCERTAIN)


@each_shape
async def test_a_refused_connection_costs_nothing(shape: ShapeName) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with client(address, shape) as models:
            with pytest.raises(ModelError) as caught:
                await models.complete(models.prepare(request()))
    assert judged(caught.value) == ("connection", True, Charge.NOTHING)


@each_shape
async def test_a_missing_key_is_found_before_anything_is_sent(shape: ShapeName) -> None:
    models = LiteLLMClient({"m": ModelSpec("m", MODELS[shape])}, {})
    with pytest.raises(ModelError) as caught:
        await models.complete(models.prepare(request()))
    assert judged(caught.value) == ("auth", False, Charge.NOTHING)


@each_shape
async def test_an_endless_reply_is_cut_off(shape: ShapeName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patterns.models.http.REPLY_BYTES_MAX", 10_000)
    error = await one_failure(shape, Reply("x" * 20_000), request())
    assert judged(error) == ("malformed", True, Charge.UNCERTAIN)


@each_shape
async def test_cancelling_hangs_up_within_a_second(shape: ShapeName) -> None:
    heard = asyncio.Event()
    endless = Provider([Reply(TEXT, fault="stall")])
    async with endless, client(endless.api_base(shape), shape) as models:
        call = models.prepare(request(stream=True))
        task = asyncio.create_task(models.complete(call, lambda _: heard.set()))
        await asyncio.wait_for(heard.wait(), 5)
        task.cancel()
        async with asyncio.timeout(1):
            with pytest.raises(asyncio.CancelledError):
                await task
            await endless.idle.wait()
    assert endless.hung_up == 1


async def test_a_stop_while_connecting_says_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    connecting = asyncio.Event()

    async def never(*_: object, **__: object) -> None:
        connecting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(aiohttp.resolver.DefaultResolver, "resolve", never)
    async with client("http://slow.example/v1", "openai") as models:
        task = asyncio.create_task(models.complete(models.prepare(request())))
        await asyncio.wait_for(connecting.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError, match=NEVER_SENT):
            await task


async def test_an_older_claude_answers_through_a_tool_where_newer_ones_take_a_schema() -> None:
    async with Provider([{"accepted": False}, {"accepted": True}]) as provider:
        for name, field in (("an-older-claude", "tools"), ("claude-sonnet-4-5", "output_format")):
            spec = ModelSpec("m", f"anthropic/{name}", api_base=provider.url, price=Price(1, 1))
            async with LiteLLMClient({"m": spec}, {}) as models:
                call = models.prepare(ModelRequest("m", (Message("user", "Well?"),), 100, schema=SCHEMA))
                completion = await models.complete(call)
            assert field in provider.calls[-1].body
            assert "json_mode" not in provider.calls[-1].body
            assert completion.text == ('{"accepted": false}' if field == "tools" else '{"accepted": true}')


async def test_a_redirect_is_not_followed_with_our_key() -> None:
    async with Provider(["stolen"]) as elsewhere:
        error = await one_failure(
            "openai", Reply(status=307, location=f"{elsewhere.url}/v1/chat/completions"), request()
        )
        assert (error.reason, error.status, elsewhere.calls) == ("bad_request", 307, [])
        elsewhere.strict = False


async def test_a_broken_connection_keeps_its_cause_for_the_log() -> None:
    error = await one_failure("openai", Reply("text", fault="drop"), request())
    assert isinstance(error.__cause__, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
