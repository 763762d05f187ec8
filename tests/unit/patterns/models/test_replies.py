"""Replies are read strictly: a cut or made-up ending never passes for an answer."""

import json
from typing import Any

import pytest

from patterns.core.calls import Completion
from patterns.core.money import Usage
from patterns.models.replies import BrokenReplyError, Reading
from patterns.models.shapes import SHAPES


def read(shape: str, *parts: Any, takes_tool: bool = False) -> Completion:
    reading = Reading(SHAPES[shape], takes_tool=takes_tool)
    for part in parts:
        reading.take(json.loads(json.dumps(part)))
    return reading.completion(images=0)


def reason(shape: str, *parts: Any) -> str:
    with pytest.raises(BrokenReplyError) as caught:
        read(shape, *parts)
    return caught.value.failure.reason


def openai(text: Any = None, finish: Any = None) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish}]}


@pytest.mark.parametrize(
    "part", [5, [], "x", None, {"choices": [5]}, {"choices": [{"delta": {"content": 5}}]}, {"choices": {"a": 1}}]
)
def test_json_of_another_shape_is_malformed(part: Any) -> None:
    assert reason("openai", part) == "malformed"


def test_nothing_at_all_is_malformed_and_no_ending_is_a_cut() -> None:
    assert reason("openai") == "malformed"
    assert reason("openai", openai("half")) == "truncated"
    assert reason("openai", openai("half", "error")) == "truncated"


def test_a_loop_of_one_chunk_is_noticed_but_not_a_ruler() -> None:
    assert reason("openai", *[openai("again ")] * 102) == "malformed"
    assert read("openai", *[openai("-")] * 500, openai("", "stop")).text == "-" * 500


@pytest.mark.parametrize("cell", ["    ", " no |", "yes, ", "<td>0</td>", "\tn/a"])
def test_equal_cells_and_indents_are_no_loop(cell: str) -> None:
    assert read("openai", *[openai(cell)] * 150, openai("", "stop")).text == cell * 150


def test_content_in_parts_is_joined() -> None:
    assert read("openai", openai([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "stop")).text == "ab"
    assert read("openai", openai(["a", "b"], " Stop ")).text == "ab"
    assert read("openai", openai({"type": "text", "text": "ab"}, "STOP")).text == "ab"
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert read("openai", openai([thinking, {"type": "reasoning", "text": "hm"}, {"text": "ab"}], "stop")).text == "ab"


def test_anthropics_thinking_is_not_the_answer_but_its_tool_is() -> None:
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Here:"}]
    tool = {"type": "tool_use", "input": {"ok": True}}
    head = {"type": "message", "stop_reason": "tool_use", "usage": {"input_tokens": 3, "output_tokens": 2}}
    assert read("anthropic", {**head, "content": blocks}) == Completion("Here:", Usage(3, 2), "stop")
    assert read("anthropic", {**head, "content": [*blocks, tool]}, takes_tool=True).text == '{"ok": true}'
    assert reason("anthropic", {**head, "content": [*blocks, tool]}) == "calls"


def test_geminis_thoughts_are_not_the_answer_and_a_blocked_prompt_has_a_reason() -> None:
    parts = [{"text": "hm", "thought": True}, {"text": "Yes."}]
    assert read("gemini", {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}).text == "Yes."
    blocked = read(
        "gemini",
        {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}},
    )
    assert blocked == Completion("", Usage(4, 0), "content_filter")


def test_a_count_from_before_the_ending_is_not_the_bill() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}
    text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Long."}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    assert read("anthropic", start, text, end).usage is None
    assert read("anthropic", start, text, end, {"type": "message_stop"}).usage == Usage(9, 1)
    long = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "A long one. " * 100}}
    assert read("anthropic", start, long, end, {"type": "message_stop"}).usage is None
    assert read("anthropic", start, text, {**end, "usage": {"output_tokens": 40}}).usage == Usage(9, 40)
    early = {"usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 5}, "candidates": [{"content": {}}]}
    assert read("gemini", early, {"candidates": [{"finishReason": "STOP"}]}).usage == Usage(4, 1)
    late = {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}
    assert read("openai", openai("x"), openai("", "stop"), late).usage == Usage(10, 5)


USAGES = [
    ("openai", {"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, 5)),
    ("openai", {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 95}, Usage(10, 85)),
    (
        "anthropic",
        {"input_tokens": 5, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 7, "output_tokens": 2},
        Usage(102, 2, 90, cache_write_tokens=7),
    ),
    (
        "gemini",
        {"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 40, "totalTokenCount": 53},
        Usage(10, 43, 0, 40),
    ),
    (
        "gemini",
        {"promptTokenCount": 10, "candidatesTokenCount": 43, "thoughtsTokenCount": 40, "totalTokenCount": 53},
        Usage(10, 43, 0, 40),
    ),
    ("gemini", {"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 4}, Usage(10, 7, 0, 4)),
    ("openai", {}, None),
    ("openai", {"prompt_tokens": -1, "completion_tokens": 5}, None),
    ("openai", {"prompt_tokens": "10", "completion_tokens": 5.0}, Usage(10, 5)),
    ("openai", {"prompt_tokens": "ten", "completion_tokens": 5}, None),
    ("openai", {"prompt_tokens": 10**12, "completion_tokens": 5}, None),
    ("openai", {"prompt_tokens": True, "completion_tokens": 5}, None),
]


@pytest.mark.parametrize(("shape", "told", "usage"), USAGES)
def test_usage_means_the_same_for_every_provider(shape: str, told: dict[str, Any], usage: Usage | None) -> None:
    assert SHAPES[shape].count(told) == usage
