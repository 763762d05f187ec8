"""A call that stands in the text is no answer; a text about calls is one."""

import pytest

from patterns.models.offer import Offer
from patterns.models.replies import BrokenReplyError, Reading
from patterns.models.shapes import SHAPES
from patterns.models.written_calls import is_written_call

NAMES = ["tickets__search", "time__now"]
WRITTEN = [
    '<tool_call>\n{"name": "time__now", "arguments": {}}\n</tool_call>',
    'Let me look.\n<tool_call>{"name": "time__now", "arguments": {}}</tool_call>\n',
    "<tool_call>\n<function=time__now>\n<parameter=a>1</parameter>\n</function>\n</tool_call>",
    '<function=time__now>{"a": 1}</function>',
    '[TOOL_CALLS][{"name": "time__now", "arguments": {}}]',
    '[TOOL_CALLS]time__now{"a": 1}',
    '<|python_tag|>{"name": "time__now", "parameters": {}}',
    '{"name": "time__now", "parameters": {"a": 1}}',
    "<|tool▁calls▁begin|><|tool▁call▁begin|>time__now<|tool▁sep|>{}<|tool▁call▁end|><|tool▁calls▁end|>".replace(
        "|", "\uff5c"
    ),
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.time__now:0<|tool_call_end|><|tool_calls_section_end|>",
    '<function_calls>\n<invoke name="time__now">\n</invoke>\n</function_calls>',
]
TEXTS = [
    "It is noon.",
    "I called time__now: it is noon.",
    'A call looks like this:\n```\n<tool_call>{"name": "time__now"}</tool_call>\n```',
    '<tool_call>{"name": "time__now"}</tool_call> is how I ask for the time.',
    '<tool_call>{"name": "another__tool", "arguments": {}}</tool_call>',
    '{"time": "time__now", "arguments": {}}',
    '{"name": ["time__now"], "arguments": {}}',
    '{"name": "time__now"}',
    "",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_call_in_any_template_is_found(text: str) -> None:
    assert is_written_call(text, NAMES)
    assert not is_written_call(text, [])


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_about_calls_is_an_answer(text: str) -> None:
    assert not is_written_call(text, NAMES)


@pytest.mark.parametrize(
    "offer",
    [Offer(names={"time__now": "time.now"}), Offer(called=frozenset({"time__now"}), taken=frozenset({"c"}))],
    ids=["offered", "called before"],
)
def test_a_written_call_is_a_broken_reply(offer: Offer) -> None:
    reading = Reading(SHAPES["openai"], offer=offer)
    reading.take({"choices": [{"message": {"content": WRITTEN[0]}, "finish_reason": "stop"}]})
    with pytest.raises(BrokenReplyError) as caught:
        reading.completion(images=0)
    assert caught.value.failure.reason == "malformed"


def test_without_tools_it_is_a_text_like_any_other() -> None:
    reading = Reading(SHAPES["openai"])
    reading.take({"choices": [{"message": {"content": WRITTEN[0]}, "finish_reason": "stop"}]})
    assert reading.completion(images=0).text == WRITTEN[0]
