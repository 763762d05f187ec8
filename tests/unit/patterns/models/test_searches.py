"""What a search of the web costs before it is made: which models have one, at what price, and the bound of a call."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.core.calls import Message, ModelRequest, PreparedCall
from patterns.core.errors import ModelError
from patterns.core.money import Price, Usage
from patterns.core.tools import ToolCall, ToolSchema
from patterns.core.web_search import WebSearch
from patterns.models.client import LiteLLMClient
from patterns.models.searches import QUERIES_MAX, search_nusd
from patterns.roster.model_schema import Sampling
from patterns.roster.roster import ModelSpec
from tests.support.examples import examples

PRICE = Price(10**9, 2 * 10**9)
SEARCH = WebSearch(searches_max=3, result_tokens_max=10_000)
ASKED = (Message("system", "You research."), Message("user", "When?"))


def client(model: str, **spec: Any) -> LiteLLMClient:
    found = {"api_base": "http://127.0.0.1:9/v1", "api_key_env": "K", "price": PRICE, **spec}
    return LiteLLMClient({"m": ModelSpec("m", model, **found)}, {"K": "sk-a-key"})


def prepared(model: str, search: WebSearch | None = SEARCH, **spec: Any) -> PreparedCall:
    return client(model, **spec).prepare(ModelRequest("m", ASKED, 100, search=search))


@pytest.mark.parametrize(
    ("model", "searches", "each_nusd"),
    [
        ("openai/gpt-5-mini", 3, 10_000_000),
        ("openai/gpt-4.1", 3, 25_000_000),
        ("openai/gpt-5-pro", 3, 10_000_000),
        ("anthropic/claude-sonnet-4-5", 3, 10_000_000),
        ("gemini/gemini-2.5-flash", 1, 35_000_000),
        ("gemini/gemini-3-flash-preview", QUERIES_MAX, 14_000_000),
    ],
)
def test_a_call_is_held_for_its_searches_at_the_price_of_the_map(model: str, searches: int, each_nusd: int) -> None:
    call = prepared(model)
    assert (call.searches_max, call.price.search_nusd) == (searches, each_nusd)
    without = prepared(model, None)
    assert call.bound_nusd >= without.bound_nusd + searches * each_nusd + 30_000 * 1000
    assert Price.from_version(call.price.version).search_nusd == each_nusd


def test_the_price_of_the_roster_counts_before_that_of_the_map() -> None:
    assert prepared("openai/gpt-5-mini", WebSearch(1, 1000, 5)).price.search_nusd == 5
    assert prepared("openai/gpt-5-mini", WebSearch(1, 1000, 0)).price.search_nusd == 0


@examples(60)
@given(count=st.integers(1, 10), found=st.integers(500, 200_000))
def test_everything_read_again_after_each_search_is_below_the_bound(count: int, found: int) -> None:
    call = prepared("anthropic/claude-sonnet-4-5", WebSearch(count, found))
    plain = prepared("anthropic/claude-sonnet-4-5", None)
    given_tokens, made = 0, 0
    for done in range(count + 1):  # the model is asked once more after each search
        given_tokens += plain.input_tokens_max + done * found + made
        made = done * call.output_tokens_max // count
    worst = Usage(given_tokens, call.output_tokens_max, cache_write_tokens=given_tokens, searches=count)
    assert call.price.cost_nusd(worst) <= call.bound_nusd


@pytest.mark.parametrize(
    "model",
    ["ollama/llama3", "hosted_vllm/m", "xai/grok-4", "groq/llama-3.3-70b-versatile", "mistral/mistral-large-latest"],
)
def test_other_providers_have_none_and_say_so(model: str) -> None:
    assert client(model).search_refusal("m", SEARCH) == f"{model} has no web search that we can ask for."
    with pytest.raises(ModelError, match="cannot search the web") as refused:
        prepared(model)
    assert not refused.value.retryable


def test_a_search_without_a_price_is_off_until_the_roster_says_one() -> None:
    local = client("openai/some-local-model")
    assert "set price_usd" in local.search_refusal("m", SEARCH)
    assert local.search_refusal("m", WebSearch(3, 1000, 1)) == ""
    with pytest.raises(ModelError, match="No price is known"):
        prepared("openai/some-local-model")


def test_a_search_goes_with_no_tools_and_no_earlier_calls() -> None:
    tool = ToolSchema("a.b", "", {"type": "object"})
    calls = (ToolCall(id="1", name="a.b", arguments="{}"),)
    history = (*ASKED, Message("assistant", "", calls=calls), Message("tool", "x", answers="1"))
    for request in (
        ModelRequest("m", ASKED, 100, search=SEARCH, tools=(tool,)),
        ModelRequest("m", history, 100, search=SEARCH),
    ):
        with pytest.raises(ModelError, match="cannot search the web"):
            client("anthropic/claude-sonnet-4-5").prepare(request)


def test_openai_is_asked_at_its_newer_endpoint_and_stores_nothing() -> None:
    call = prepared("openai/gpt-5-mini", sampling=Sampling(temperature=1))
    body = json.loads(call.body)
    assert call.wire.url == "http://127.0.0.1:9/v1/responses"
    assert (body["store"], body["max_output_tokens"], body["temperature"]) == (False, 100, 1)
    assert body["instructions"] == "You research."
    assert body["input"] == [{"role": "user", "content": [{"type": "input_text", "text": "When?"}]}]
    with pytest.raises(ModelError, match="temperature and top_p"):
        prepared("openai/gpt-4.1", sampling=Sampling(repeat_penalty=1.1))
    seeded = client("openai/gpt-4.1", sampling=Sampling(seed=1))
    assert seeded.search_refusal("m", SEARCH).endswith("takes no `sampling` with a search but temperature and top_p.")


def test_an_answer_in_a_form_is_asked_for_in_words_beside_a_search() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    for model in ("openai/gpt-5-mini", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash"):
        call = client(model).prepare(ModelRequest("m", ASKED, 100, schema=schema, stream=True, search=SEARCH))
        assert "Answer with nothing but one JSON value" in call.body.decode()
        assert not call.wire.stream


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -0.01, True])
def test_a_price_of_the_map_that_is_none_is_unknown(rate: float) -> None:
    assert search_nusd({"search_context_cost_per_query": {"low": 0.01, "high": rate}}) is None
    assert search_nusd({"search_context_cost_per_query": {"low": 0.01, "high": 0.05}}) == 50_000_000
