"""The seam before anything is sent: what goes on the wire, what it can cost at most, and what is refused."""

import json
import subprocess
import sys
from typing import Any

import pytest

from patterns.core.calls import Image, Message, ModelRequest, PreparedCall
from patterns.core.errors import Charge, ModelError, RosterError
from patterns.core.money import Price
from patterns.models.client import LiteLLMClient
from patterns.models.translate import Target
from patterns.roster.model_schema import Sampling
from patterns.roster.roster import ModelSpec

PRICE = Price(10**9, 2 * 10**9)
KEY = "sk-a-key-nobody-may-see"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
FAST = [
    "openai/gpt-4o",
    "openai/gpt-5-mini",
    "openai/o4-mini",
    "openai/some-local-model",
    "hosted_vllm/m",
    "lm_studio/m",
    "openrouter/openai/gpt-4o",
    "xai/grok-4",
    "anthropic/claude-sonnet-4-5",
    "anthropic/an-older-claude",
    "gemini/gemini-2.5-flash",
    "gemini/gemini-3-pro-preview",
]
SLOW = ["groq/llama-3.3-70b-versatile", "deepseek/deepseek-chat", "mistral/mistral-large-latest", "ollama/llama3"]


def client(model: str, **spec: Any) -> LiteLLMClient:
    found = {"api_base": "http://127.0.0.1:9/v1", "api_key_env": "K", "price": PRICE, **spec}
    return LiteLLMClient({"m": ModelSpec("m", model, **found)}, {"K": KEY})


def prepared(
    model: str, *messages: Message, schema: dict[str, Any] | None = None, stream: bool = False, **spec: Any
) -> PreparedCall:
    request = ModelRequest("m", messages or (Message("user", "Hi"),), 100, schema=schema, stream=stream)
    return client(model, **spec).prepare(request)


def refusal(model: str, *messages: Message, **spec: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        prepared(model, *messages, **spec)
    assert (caught.value.reason, caught.value.charge) == ("bad_request", Charge.NOTHING)
    return caught.value


@pytest.mark.parametrize("model", FAST + SLOW)
@pytest.mark.parametrize("schema", [None, SCHEMA], ids=["text", "json"])
def test_the_cap_with_reasoning_is_on_the_wire(model: str, schema: dict[str, Any] | None) -> None:
    call = prepared(model, schema=schema, stream=True, reasoning_tokens_max=400)
    assert call.output_tokens_max == 500
    assert b"500" in call.body
    assert call.input_tokens_max > len(call.body)


@pytest.mark.parametrize("model", FAST + SLOW)
def test_a_wanted_shape_travels_with_the_call(model: str) -> None:
    body = prepared(model, schema=SCHEMA).body.decode()
    assert json.loads(body)
    assert all(word in body for word in ('"properties"', '"a"', '"required"'))


@pytest.mark.parametrize("model", FAST)
def test_streams_of_the_fast_path_ask_for_usage(model: str) -> None:
    call = prepared(model, stream=True)
    body = json.loads(call.body)
    if model.startswith("gemini/"):
        assert call.wire.url.endswith(":streamGenerateContent?alt=sse")
    else:
        assert body["stream"] is True
        assert body.get("stream_options") == (None if model.startswith("anthropic/") else {"include_usage": True})


def test_a_model_without_json_mode_is_asked_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    models = client("openai/gpt-4o")
    resolve = models._target

    def without_schemas(model: str) -> Target:
        target = resolve(model)
        return Target(
            target.provider, target.name, None, target.api_base, target.key, target.supported - {"response_format"}
        )

    monkeypatch.setattr(models, "_target", without_schemas)
    call = models.prepare(ModelRequest("m", (Message("user", "Hi"),), 100, schema=SCHEMA))
    first = json.loads(call.body)["messages"][0]
    assert first["role"] == "system"
    assert json.dumps(SCHEMA) in first["content"]


def test_only_closed_schemas_are_strict() -> None:
    def strict(schema: dict[str, Any]) -> bool:
        body = json.loads(prepared("openai/gpt-4o", schema=schema).body)
        return bool(body["response_format"]["json_schema"]["strict"])

    assert strict(SCHEMA) is True
    assert strict({**SCHEMA, "additionalProperties": True}) is False
    assert strict({**SCHEMA, "required": []}) is False


def test_the_schema_of_the_caller_is_left_alone() -> None:
    schema = {"type": "object", "$defs": {"x": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/x"}}}
    before = json.dumps(schema)
    for model in FAST:
        prepared(model, schema=schema)
    assert json.dumps(schema) == before


def test_text_is_sent_as_it_is_and_broken_text_is_mended() -> None:
    body = prepared("openai/gpt-4o", Message("user", "é \ud800 \x00")).body.decode()
    assert '"é ? \\u0000"' in body


def test_pictures_count_as_pictures() -> None:
    picture = Image("image/png", "iVBORw0KGgo" + "A" * 400_000)
    for model, most in (("openai/gpt-4o", 10_000), ("anthropic/claude-sonnet-4-5", 5_000), ("gemini/g", 10_400)):
        call = prepared(model, Message("user", "See:", (picture,)), sees_images=True)
        assert call.images == 1
        assert len(call.body) > 400_000
        assert most < call.input_tokens_max < most + 1_000


def test_text_that_repeats_a_picture_counts_as_text() -> None:
    picture = Image("image/png", "AAAA")
    call = prepared("openai/gpt-4o", Message("user", "AAAA" * 10_000, (picture,)), sees_images=True)
    assert call.input_tokens_max > 40_000 + 10_000


def test_a_blind_model_is_sent_no_picture() -> None:
    error = refusal("openai/gpt-4o", Message("user", "See:", (Image("image/png", "AAAA"),)))
    assert (
        str(error) == "m cannot take this request. It does not see images: send text, or set sees_images in the roster."
    )


def test_what_litellm_cannot_translate_is_refused_in_a_sentence() -> None:
    error = refusal("anthropic/claude-sonnet-4-5", Message("system", "Nobody asks."))
    assert str(error) == "m cannot take this request. litellm could not translate it (AnthropicError)."


def test_a_body_that_lost_its_cap_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    models = client("openai/gpt-4o")
    target = models._target("m")
    monkeypatch.setitem(models._targets, "m", target)
    monkeypatch.setattr(type(target.config), "map_openai_params", lambda *_, **__: {})
    with pytest.raises(ModelError, match="no cap on the output"):
        models.prepare(ModelRequest("m", (Message("user", "Hi"),), 100))


def test_prices_come_from_the_roster_else_from_litellm_else_the_start_fails() -> None:
    assert client("openai/gpt-5-mini").price("m") == PRICE
    known = client("openai/gpt-5-mini", price=None).price("m")
    assert (known.input_nusd_per_mtok, known.output_nusd_per_mtok) == (250_000_000, 2_000_000_000)
    assert known.source.startswith("litellm 1.")
    with pytest.raises(RosterError, match="No price is known for m"):
        client("openai/some-local-model", price=None).price("m")
    with pytest.raises(RosterError, match="no model litellm knows"):
        client("no-such-model", price=None).price("m")
    with pytest.raises(RosterError, match="has no model 'x'"):
        client("openai/gpt-5-mini").price("x")


def test_fallbacks_are_the_rosters() -> None:
    assert client("openai/gpt-4o", fallback=("a", "b")).fallbacks("m") == ("a", "b")


@pytest.mark.parametrize("model", FAST)
def test_the_key_is_in_no_repr_and_no_body(model: str) -> None:
    models = client(model)
    call = models.prepare(ModelRequest("m", (Message("user", "Hi"),), 100))
    assert KEY in str(call.wire.headers)
    assert KEY not in repr(call) + repr(models._targets) + call.body.decode() + call.wire.url


def test_keys_have_their_usual_names() -> None:
    env = {"OPENAI_API_KEY": "o", "GOOGLE_API_KEY": "g", "XAI_API_KEY": "x"}
    specs = {name: ModelSpec(name, f"{name}/m") for name in ("openai", "gemini", "xai", "anthropic")}
    models = LiteLLMClient(specs, env)
    assert [models._target(name).key for name in specs] == ["o", "g", "x", None]


def test_the_command_line_never_loads_litellm_or_aiohttp() -> None:
    heavy = "('litellm', 'aiohttp', 'openai')"
    code = f"import sys, patterns.models.client; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def body_of(model: str, **sampling: Any) -> dict[str, Any]:
    return dict(json.loads(prepared(model, sampling=Sampling(**sampling)).body))


@pytest.mark.parametrize("model", ["openai/some-local-model", "lm_studio/m", "ollama/llama3"])
def test_sampling_of_the_roster_is_on_the_wire(model: str) -> None:
    body = body_of(model, temperature=0.25, top_p=0.9, seed=7, repeat_penalty=1.1)
    assert {name: body.get(name) for name in ("temperature", "top_p", "seed", "repeat_penalty")} == {
        "temperature": 0.25,
        "top_p": 0.9,
        "seed": 7,
        "repeat_penalty": 1.1,
    }


def test_sampling_has_the_providers_names() -> None:
    assert body_of("hosted_vllm/m", repeat_penalty=1.1)["repetition_penalty"] == 1.1
    assert body_of("anthropic/claude-sonnet-4-5", temperature=0.5)["temperature"] == 0.5
    assert body_of("gemini/gemini-2.5-flash", temperature=0.5)["generationConfig"]["temperature"] == 0.5


@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash", "xai/grok-4"])
def test_sampling_that_a_provider_does_not_take_is_refused_in_a_sentence(model: str) -> None:
    assert "does not take repeat_penalty: remove it" in str(refusal(model, sampling=Sampling(repeat_penalty=1.1)))


def test_without_sampling_nothing_of_it_is_sent() -> None:
    assert not {"temperature", "top_p", "seed", "repeat_penalty"} & set(body_of("openai/some-local-model"))
