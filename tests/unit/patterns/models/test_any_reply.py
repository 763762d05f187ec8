"""Whatever a provider sends, in any shape and any split, it is an answer or a broken reply; its bill is a number."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.models.bodies import Body
from patterns.models.replies import BrokenReplyError, Reading
from patterns.models.shapes import SHAPES
from tests.unit.bot.listeners.test_any_payload import VALUES, places
from tests.unit.patterns.models.test_sse import split

WHOLE: dict[str, dict[str, Any]] = {
    "openai": {
        "choices": [{"index": 0, "message": {"content": "a", "tool_calls": []}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 1}},
    },
    "anthropic": {
        "type": "message",
        "content": [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "n", "input": {}}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 1},
    },
    "gemini": {
        "candidates": [{"content": {"parts": [{"text": "a"}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
    },
}
UNHASHABLE: dict[str, Any] = {"type": ["message"], "object": {}, "content": "a"}
AT = st.lists(st.integers(0, 400), max_size=6)


@pytest.mark.parametrize("shape", list(SHAPES))
@given(data=st.data(), at=AT, streamed=st.booleans())
def test_any_damage_is_an_answer_or_a_broken_reply(
    shape: str, data: st.DataObject, at: list[int], *, streamed: bool
) -> None:
    whole: Any = copy.deepcopy(WHOLE.get(shape, WHOLE["openai"]))
    for path in data.draw(st.lists(st.sampled_from(places(whole)), max_size=3, unique=True)):
        node = whole
        try:
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = data.draw(VALUES)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier damage took the place away
    said = json.dumps(whole)
    read(shape, split((f"data: {said}\n\n" if streamed else said).encode(), at))


@pytest.mark.parametrize("shape", list(SHAPES))
@given(body=st.binary(max_size=300), at=AT)
def test_any_bytes_are_an_answer_or_a_broken_reply(shape: str, body: bytes, at: list[int]) -> None:
    read(shape, split(body, at))


@pytest.mark.parametrize("shape", list(SHAPES))
def test_a_type_that_is_no_word_is_no_defect_of_ours(shape: str) -> None:
    read(shape, [json.dumps(UNHASHABLE).encode()])


def read(shape: str, chunks: list[bytes]) -> None:
    reading = Reading(SHAPES[shape])
    body = Body(reading)
    try:
        for chunk in chunks:
            body.feed(chunk)
        body.close()
        reading.completion(0)
    except BrokenReplyError:
        pass
    usage = reading.usage(0)
    assert usage is None or (usage.input_tokens >= 0 and usage.output_tokens >= 0)
