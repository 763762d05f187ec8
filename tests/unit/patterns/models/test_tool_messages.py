"""A history with calls goes on the wire as each provider takes it, whatever litellm would have made of it."""

import json
from typing import Any

import pytest

from patterns.core.calls import Message, ModelRequest, PreparedCall
from patterns.core.errors import Charge, ModelError
from patterns.core.tools import ToolCall, ToolSchema
from patterns.models.tool_messages import arguments_text, wire_id
from tests.unit.patterns.models.test_client import FAST, SLOW, client

TOOL = ToolSchema("tickets.search", "Search.", {"type": "object", "properties": {"q": {"type": "string"}}})
SAME = '{"q": "a"}'
ASKED = (ToolCall(id="a", name=TOOL.name, arguments=SAME), ToolCall(id="b", name=TOOL.name, arguments=SAME))
IMAGE = "data:image/png;base64,AAAA"


def prepared(model: str, *messages: Message, tools: tuple[ToolSchema, ...] = (TOOL,), **more: Any) -> PreparedCall:
    request = ModelRequest("m", (Message("user", "Hi"), *messages), 100, tools=tools, **more)
    return client(model).prepare(request)


def body(model: str, *messages: Message, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(prepared(model, *messages, **more).body)
    return found


def turn(blocks: list[dict[str, Any]] | None = None, *, model: str = "", text: str = "Look.") -> tuple[Message, ...]:
    thinking = json.dumps({"model": model, "tokens": 5, "blocks": blocks}) if blocks else ""
    asked = Message("assistant", text, calls=ASKED, thinking=thinking)
    return asked, Message("tool", "one", answers="a"), Message("tool", IMAGE, answers="b")


@pytest.mark.parametrize("model", [*FAST, *SLOW[:-1]])
def test_every_provider_is_told_of_tools_calls_and_results(model: str) -> None:
    wire = json.dumps(body(model, *turn()))
    assert wire.count("tickets__search") >= 3
    assert "tickets.search" not in wire
    assert wire.count(IMAGE) == 1
    assert "one" in wire


def test_a_model_that_takes_no_tools_is_refused_them_and_told_an_earlier_call_in_words() -> None:
    with pytest.raises(ModelError, match="takes no tools") as caught:
        prepared("ollama/llama3")
    assert (caught.value.reason, caught.value.charge) == ("bad_request", Charge.NOTHING)
    said = [message["content"] for message in body("ollama/llama3", *turn(), tools=())["messages"]]
    assert said[1:] == [
        f"Look.\n[Call a: tickets.search {SAME}]\n[Call b: tickets.search {SAME}]",
        "[Result of the call a]\none",
        f"[Result of the call b]\n{IMAGE}",
    ]


def test_equal_calls_are_told_vertex_in_words_because_litellm_would_make_one_of_them() -> None:
    other = Message("assistant", "", calls=(ToolCall(id="c", name=TOOL.name, arguments="{}"),))
    said = body("vertex_ai/gemini-2.5-pro", *turn(), other, Message("tool", "two", answers="c"))["messages"][1:]
    assert [message["role"] for message in said] == ["assistant", "user", "user", "assistant", "tool"]
    assert [len(message.get("tool_calls", ())) for message in said] == [0, 0, 0, 1, 0]


def test_vertex_is_told_schemas_in_geminis_dialect() -> None:
    tool = ToolSchema("a.b", "", {"type": "object", "properties": {"n": {"type": ["integer", "null"]}, "any": True}})
    declared = body("vertex_ai/gemini-2.5-pro", tools=(tool,))["tools"][0]["function"]["parameters"]
    assert declared["properties"] == {"n": {"type": "integer", "nullable": True}, "any": {"type": "string"}}


def test_a_schema_that_no_provider_takes_is_refused_with_its_tool() -> None:
    broken = ToolSchema("tickets.search", "", {"type": "string"})
    with pytest.raises(ModelError, match=r"the schema of tickets\.search must describe an object"):
        prepared("openai/gpt-4o", tools=(broken,))
    assert "tickets.search" in client("openai/gpt-4o").refusal("m", (broken,))
    assert client("openai/gpt-4o").refusal("m", (TOOL,)) == ""


@pytest.mark.parametrize("model", FAST)
def test_tools_and_a_schema_together_ask_for_json_in_words(model: str) -> None:
    wire = json.dumps(body(model, schema={"type": "object", "properties": {"unlikely_name": {"type": "string"}}}))
    assert wire.count("unlikely_name") == 1
    assert "nothing but one JSON value" in wire


def test_anthropics_thinking_goes_back_byte_for_byte_to_its_place() -> None:
    thought = {"type": "thinking", "thinking": "é\x00 \ud800", "signature": "EqQB+/=="}
    hidden = {"type": "redacted_thinking", "data": "ENC=="}
    model = "anthropic/claude-sonnet-4-5"
    order: list[dict[str, Any]] = [{"block": thought}, {"call": "a"}, {"block": hidden}, {"text": {}}, {"call": "b"}]
    sent = client(model).prepare(
        ModelRequest("m", (Message("user", "Hi"), *turn(order, model=model)), 9, tools=(TOOL,))
    )
    blocks = sent.wire.body["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["thinking", "tool_use", "redacted_thinking", "text", "tool_use"]
    assert (blocks[0], blocks[2]) == (thought, hidden)


def test_geminis_signatures_stand_where_they_stood_and_equal_calls_stay_two() -> None:
    model = "gemini/gemini-2.5-flash"
    order = [{"text": {"signature": "t=="}}, {"call": "a", "marks": {"signature": "a=="}}, {"call": "b"}]
    parts = body(model, *turn(order, model=model))["contents"]
    call = {"function_call": {"name": "tickets__search", "args": {"q": "a"}}}
    assert parts[1]["parts"] == [
        {"text": "Look.", "thoughtSignature": "t=="},
        {**call, "thoughtSignature": "a=="},
        call,
    ]
    answers = [part["function_response"] for part in parts[2]["parts"]]
    assert answers == [{"name": "tickets__search", "response": {"content": text}} for text in ("one", IMAGE)]


@pytest.mark.parametrize("result", ['{"a": NaN}', '["x"]', '{"content": 1}', "", "x#1"])
def test_a_result_reaches_gemini_as_text_whatever_it_looks_like(result: str) -> None:
    asked = Message("assistant", "", calls=ASKED[:1])
    sent = body("gemini/gemini-2.5-flash", asked, Message("tool", result, answers="a"))
    assert sent["contents"][2]["parts"][0]["function_response"]["response"] == {"content": result}


def test_details_of_thinking_go_back_in_the_shape_of_openai() -> None:
    model = "openrouter/openai/gpt-4o"
    detail = {"type": "reasoning.encrypted", "data": "ENC", "index": 0}
    order: list[dict[str, Any]] = [
        {"detail": detail},
        {"call": "a", "marks": {"extra_content": {"x": 1}}},
        {"call": "b"},
    ]
    told = body(model, *turn(order, model=model))["messages"][1]
    assert told["reasoning_details"] == [detail]
    assert [call.get("extra_content") for call in told["tool_calls"]] == [{"x": 1}, None]


@pytest.mark.parametrize("thinking", ["no JSON", "[]", '{"model": "another", "blocks": [{"block": {}}]}'])
def test_thinking_that_is_not_this_models_is_left_out(thinking: str) -> None:
    asked = Message("assistant", "", calls=ASKED[:1], thinking=thinking)
    blocks = body("anthropic/claude-sonnet-4-5", asked, Message("tool", "", answers="a"))["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["tool_use"]


@pytest.mark.parametrize("arguments", ["{broken", '["x"]', "null", "", '{"a": NaN}', '"x"', "[" * 100_000])
def test_arguments_in_a_history_are_always_an_object(arguments: str) -> None:
    assert json.loads(arguments_text(arguments)) == {"not_json": arguments}
    assert arguments_text(SAME) == SAME


def test_an_id_of_another_provider_is_one_that_this_one_takes() -> None:
    long = "functions.search:0/" + "x" * 60
    assert wire_id(long, "hosted_vllm") == long
    for provider in ("openai", "azure", "anthropic", "gemini"):
        assert wire_id("call_1", provider) == "call_1"
        assert len(wire_id(long, provider)) == len("call_") + 24
    assert wire_id("srvtoolu_1", "anthropic").startswith("call_")
    assert wire_id("a__thought__b", "gemini").startswith("call_")
    assert len(wire_id("call_1", "mistral")) == 9
    assert wire_id("abcDEF123", "mistral") == "abcDEF123"
