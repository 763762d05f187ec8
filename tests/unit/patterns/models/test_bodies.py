"""Whatever form a reply comes in, and in whatever chunks, it is read the same."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patterns.core.calls import Completion
from patterns.core.money import Usage
from patterns.models.bodies import Body, members
from patterns.models.faults import Failure
from patterns.models.replies import BrokenReplyError, Reading
from patterns.models.shapes import SHAPES
from tests.unit.patterns.models.test_sse import split

DATA = Path(__file__).parents[3] / "data"
USAGE = {"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70}
CHOICE: dict[str, Any] = {"message": {"content": "Günther says 你好."}, "finish_reason": "stop"}
WHOLE: dict[str, Any] = {"choices": [CHOICE], "usage": USAGE}
ANSWER = Completion("Günther says 你好.", Usage(50, 20), "stop")


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}], **more}


def event(data: Any, end: str = "\n\n") -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}{end}"


PIECES = [chunk("Günther "), chunk("says 你好."), chunk(None, "stop"), {"choices": [], "usage": USAGE}]
STREAM = "".join(map(event, PIECES)) + "data: [DONE]\n\n"
FORMS = {
    "events": STREAM,
    "events with comments, a mark and pings": "\ufeff: hi\n\n" + STREAM.replace("\n\n", "\n\n: ping\n\ndata:\n\n"),
    "events by carriage return": STREAM.replace("\n", "\r"),
    "events by both": STREAM.replace("\n", "\r\n"),
    "events with indented JSON": "".join(
        "".join(f"data: {line}\n" for line in json.dumps(piece, indent=1, ensure_ascii=False).split("\n")) + "\n"
        for piece in PIECES
    ),
    "events without empty lines": STREAM.replace("\n\n", "\n"),
    "events without a last line end": STREAM.rstrip(),
    "events without their mark of the end": "".join(map(event, PIECES)),
    "events and noise behind their end": STREAM + 'data: {"error": "late"}\n\ndata: <html>\n\n',
    "one value": json.dumps(WHOLE),
    "one value after a mark and white space": "\ufeff\n\n  " + json.dumps(WHOLE, indent=2),
    "one value and noise behind it": json.dumps(WHOLE) + "\n<!-- cached -->",
    "one value a line": "\n".join(json.dumps(piece) for piece in PIECES),
    "a list of values": json.dumps(PIECES),
    "a list of one": json.dumps([WHOLE]),
    "one value cut behind its bill": json.dumps({**WHOLE, "system_fingerprint": "fp"})[:-6],
    "its usage first": json.dumps({"usage": USAGE, **WHOLE}),
    "events and words that keep the connection open": STREAM.replace(
        "\n\n", '\n\ndata: null\n\ndata: "keepalive"\n\ndata: OPENROUTER PROCESSING\n\n', 1
    ),
    "an error that says there is none": json.dumps({"error": {"code": 0, "message": "success"}, **WHOLE}),
    "an empty error": json.dumps({"error": {"code": 0, "message": ""}, **WHOLE}),
    "a usage in a list": json.dumps({**WHOLE, "usage": [USAGE]}),
    "a message that is its text": json.dumps(
        {"choices": [{"message": "Günther says 你好.", "finish_reason": "stop"}], "usage": USAGE}
    ),
    "choices as an object": json.dumps({**WHOLE, "choices": {"0": CHOICE}}),
    "a number in quotes": json.dumps({**WHOLE, "choices": [{**CHOICE, "index": "0"}]}),
    "a tool call of nothing": json.dumps(
        {
            **WHOLE,
            "choices": [{"message": {"content": "Günther says 你好.", "tool_calls": [{}]}, "finish_reason": "stop"}],
        }
    ),
}


def answer(chunks: list[bytes]) -> Completion:
    reading = Reading(SHAPES["openai"])
    body = Body(reading)
    try:
        for one in chunks:
            body.feed(one)
        body.close()
    except BrokenReplyError:
        assert reading.is_complete  # broken only behind its end
    return reading.completion(images=0)


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
@settings(max_examples=30, deadline=None)
@given(at=st.lists(st.integers(0, 2000), max_size=12))
def test_every_form_is_read_the_same_in_any_split(form: str, at: list[int]) -> None:
    assert answer(split(form.encode(), at)) == ANSWER


BROKEN = {
    "nothing": ("", "malformed", None),
    "white space": (" \n\n", "malformed", None),
    "a page": ("<html>on fire</html>", "malformed", None),
    "half a page": ("<html><body>on fi", "truncated", None),
    "half a value": (json.dumps(WHOLE)[:60], "truncated", None),
    "half a value behind its bill": (json.dumps({"usage": USAGE, **WHOLE})[:90], "truncated", Usage(50, 20)),
    "a bill that is cut itself": (json.dumps({"a": 1, "usage": USAGE})[:-2], "truncated", None),
    "prose": ("upstream connect error", "malformed", None),
    "half an event": (STREAM[:150], "truncated", None),
    "an event that is a page": ("data: <html>\n\n", "malformed", None),
    "events that stop before their end": ("".join(map(event, PIECES[:2])), "truncated", None),
    "events that stop behind their bill": (
        "".join(map(event, [PIECES[0], PIECES[3]])) + "data: <html>\n\n",
        "malformed",
        Usage(50, 20),
    ),
    "an error by the event's name": (
        'event: error\ndata: {"code": 429, "message": "slow down"}\n\n',
        "rate_limit",
        None,
    ),
    "an error with its bill": (json.dumps({"error": {"code": 500}, "usage": USAGE}), "server", Usage(50, 20)),
    "an error in the choice": (
        json.dumps({"choices": [{"finish_reason": "error", "error": {"code": 502, "message": "x"}}], "usage": USAGE}),
        "server",
        Usage(50, 20),
    ),
    "no choice but a bill": (json.dumps({"choices": [], "usage": USAGE}), "truncated", Usage(50, 20)),
}


@pytest.mark.parametrize(("text", "reason", "usage"), BROKEN.values(), ids=list(BROKEN))
@settings(max_examples=30, deadline=None)
@given(at=st.lists(st.integers(0, 400), max_size=8))
def test_what_is_no_answer_keeps_its_bill_in_any_split(
    text: str, reason: str, usage: Usage | None, at: list[int]
) -> None:
    reading = Reading(SHAPES["openai"])
    body = Body(reading)
    with pytest.raises(BrokenReplyError) as caught:  # noqa: PT012 - it may break anywhere on the way
        for one in split(text.encode(), at):
            body.feed(one)
        body.close()
        reading.completion(images=0)
    assert (caught.value.failure.reason, reading.usage(0)) == (reason, usage)


@settings(max_examples=60, deadline=None)
@given(end=st.integers(0, 200))
def test_no_part_of_a_value_is_taken_for_more_than_it_is(end: int) -> None:
    text = json.dumps({"a": 12345, "b": [1, {"c": "d"}], "e": None, "f": 1.5})
    whole = json.loads(text)
    assert members(text[:end]) == {name: whole[name] for name in members(text[:end])}


def test_an_open_connection_adds_nothing_to_a_whole_value() -> None:
    body = Body(Reading(SHAPES["openai"]))
    body.feed(json.dumps(WHOLE).encode()[:-1])
    assert not body.is_whole
    body.feed(b"}")
    assert body.is_whole


ROWS = [json.loads(line) for line in (DATA / "replies.jsonl").read_text("utf-8").splitlines()]
SHAPE_OF = {"openai": "openai", "anthropic": "anthropic", "gemini": "gemini", "deepseek": "any"}


def reading(shape: str, chunks: list[bytes]) -> tuple[object, Usage | None, str]:
    """What a recorded body comes to: the answer or the reason, the bill, and what was heard of it on the way."""
    heard: list[str] = []
    found = Reading(SHAPES[shape], heard.append)
    body, failure = Body(found), None
    try:
        for one in chunks:
            if not found.has_ended:
                body.feed(one)
        body.close()
    except BrokenReplyError as error:
        failure = error.failure
    try:
        return found.completion(0, failure), found.usage(0), "".join(heard)
    except BrokenReplyError as error:
        return error.failure, found.usage(0), "".join(heard)


@settings(max_examples=300, deadline=None)
@given(row=st.sampled_from(ROWS), at=st.lists(st.integers(0, 3000), max_size=20))
def test_any_split_of_any_recorded_reply_gives_the_same_reading(row: dict[str, Any], at: list[int]) -> None:
    body = row["raw"].partition("\r\n\r\n")[2].encode()
    shape = SHAPE_OF[row["model"].partition("/")[0]]
    assert reading(shape, split(body, at)) == reading(shape, [body])


UNREADABLE = {
    "openai, no choice in it": ("openai", {"choices": [None], "usage": USAGE}),
    "openai, a content of numbers": ("openai", {"choices": [{"message": {"content": 42}}], "usage": USAGE}),
    "anthropic, no content": (
        "anthropic",
        {"type": "message", "content": None, "usage": {"input_tokens": 50, "output_tokens": 20}},
    ),
    "anthropic, a block without a type": (
        "anthropic",
        {"type": "message", "content": [{"x": 1}], "usage": {"input_tokens": 50, "output_tokens": 20}},
    ),
    "gemini, a content of numbers": (
        "gemini",
        {"candidates": [{"content": 7}], "usageMetadata": {"promptTokenCount": 50, "candidatesTokenCount": 20}},
    ),
}


@pytest.mark.parametrize(("shape", "body"), UNREADABLE.values(), ids=UNREADABLE)
def test_the_bill_of_an_unreadable_reply_is_known(shape: str, body: dict[str, Any]) -> None:
    reading = Reading(SHAPES[shape])
    whole = Body(reading)
    whole.feed(json.dumps(body).encode())
    with suppress(BrokenReplyError):
        whole.close()
    with pytest.raises(BrokenReplyError):
        reading.completion(0)
    assert reading.usage(0) == Usage(50, 20)


def test_a_message_delta_without_a_reason_to_stop_is_a_bill_once_the_message_has_stopped() -> None:
    reading = Reading(SHAPES["anthropic"])
    reading.take({"type": "message_start", "message": {"usage": {"input_tokens": 50, "output_tokens": 1}}})
    reading.take({"type": "message_delta", "usage": {"output_tokens": 7}})
    reading.take({"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 20}})
    assert reading.usage(0) is None
    reading.take({"type": "message_stop"})
    assert reading.usage(0) == Usage(50, 20)


def test_a_count_that_text_follows_is_not_the_bill() -> None:
    reading = Reading(SHAPES["openai"])
    for piece in (PIECES[0], {"choices": [], "usage": {"prompt_tokens": 50, "completion_tokens": 3}}):
        reading.take(piece)
    assert reading.usage(0) == Usage(50, 3)
    reading.take(PIECES[1])
    assert reading.usage(0) is None
    for piece in PIECES[2:]:
        reading.take(piece)
    assert reading.usage(0) == Usage(50, 20)


KEEPING_OPEN: list[Any] = [
    {"type": "ping"},
    {"type": "content_block_stop"},
    {"type": "keepalive"},
    {"type": "heartbeat", "message": "still working"},
    {"status": "queued", "message": "you are number 3"},
    {"event": "ping", "id": 1},
    {"ping": True},
    {"id": "x", "object": "chat.completion.chunk"},
    {"content": "", "usage": None},
    {"error": None},
    {},
    [],
    [{"type": "ping"}],
]


@pytest.mark.parametrize("ping", KEEPING_OPEN, ids=json.dumps)
@pytest.mark.parametrize("shape", ["any", "openai"])
def test_objects_that_say_nothing_break_no_stream_of_any_provider(shape: str, ping: Any) -> None:
    stream = "".join(event(ping) + event(piece) for piece in PIECES) + event(ping) + "data: [DONE]\n\n"
    assert reading(shape, [stream.encode()])[0] == ANSWER


DAMAGED = {
    "a mark before the field": "\ufeffdata: ",
    "a space before the field": " data: ",
    "another case": "Data: ",
    "no field": "",
    "a mark inside the event": "data: \ufeff",
    "a broken letter inside the event": "data: \ufffd",
    "another field": "chunk: ",
}


@pytest.mark.parametrize("start", DAMAGED.values(), ids=DAMAGED)
@settings(max_examples=20, deadline=None)
@given(at=st.lists(st.integers(0, 400), max_size=8))
def test_a_stream_that_lost_a_piece_is_broken_and_no_shorter_answer(start: str, at: list[int]) -> None:
    found, usage, _ = reading("openai", split(STREAM.replace("\n\ndata: ", f"\n\n{start}", 1).encode(), at))
    assert (found, usage) == (Failure("malformed"), Usage(50, 20))


def test_damage_behind_the_end_is_no_matter() -> None:
    assert reading("openai", [(STREAM + '\n{"choices": 1}\n\n').encode()])[0] == ANSWER


def test_an_object_that_says_more_than_it_keeps_open_is_an_error() -> None:
    found = reading("any", [(event(PIECES[0]) + event({"status": "ok", "code": 429, "message": "slow"})).encode()])[0]
    assert (found.reason if isinstance(found, Failure) else found) == "rate_limit"
