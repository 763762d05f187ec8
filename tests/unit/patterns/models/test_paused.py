"""The blocks of a paused turn go back as the provider wrote them, whole or streamed."""

import json

import pytest

from patterns.models.paused import blocks_of, returned

QUERY = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "é 1"}}
RESULT = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"encrypted_content": "E=="}]}
THOUGHT = {"type": "thinking", "thinking": "I look.", "signature": "sig"}
CITATION = {"type": "web_search_result_location", "url": "https://x.example", "encrypted_index": "i"}
TEXT = {"type": "text", "text": "So far.", "citations": [CITATION]}
WHOLE = [THOUGHT, QUERY, RESULT, TEXT]


def delta(at: int, kind: str, **said: object) -> dict[str, object]:
    return {"type": "content_block_delta", "index": at, "delta": {"type": kind, **said}}


def start(at: int, block: dict[str, object]) -> dict[str, object]:
    return {"type": "content_block_start", "index": at, "content_block": block}


EVENTS = [
    {"type": "message_start", "message": {}},
    start(0, {"type": "thinking", "thinking": "", "signature": ""}),
    delta(0, "thinking_delta", thinking="I "),
    delta(0, "thinking_delta", thinking="look."),
    delta(0, "signature_delta", signature="sig"),
    {"type": "content_block_stop", "index": 0},
    start(1, {**QUERY, "input": {}}),
    delta(1, "input_json_delta", partial_json='{"query": "\u00e9'),
    delta(1, "input_json_delta", partial_json=' 1"}'),
    start(2, RESULT),
    {"type": "ping"},
    start(3, {"type": "text", "text": ""}),
    delta(3, "text_delta", text="So "),
    delta(3, "text_delta", text="far."),
    delta(3, "citations_delta", citation=CITATION),
    start(4, {"type": "text", "text": ""}),
]


@pytest.mark.parametrize("values", [EVENTS, [{"type": "message", "content": WHOLE}]], ids=["streamed", "whole"])
def test_the_blocks_are_those_of_the_provider(values: list[dict[str, object]]) -> None:
    assert blocks_of(values) == WHOLE


def test_what_the_provider_hides_counts_beyond_its_bytes() -> None:
    size = len(json.dumps(WHOLE, ensure_ascii=False).encode())
    told = [json.loads(returned(WHOLE, model="m", tokens=tokens)) for tokens in (5, size + 7)]
    assert told == [{"model": "m", "paused": WHOLE, "tokens": hidden} for hidden in (0, 7)]
