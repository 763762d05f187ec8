"""What is fuzzed: each target takes any bytes and raises nothing, and what it promises of them is checked."""

from collections.abc import Callable
from contextlib import suppress

from bot.commands.parser import parse
from bot.messages.mrkdwn import unescape
from bot.messages.pagination import PAGE_BLOCKS, UNIT_MAX, finished_markdown, paginate
from patterns.core.structured import InvalidOutputError, read
from patterns.core.visible_text import VisibleText, visible_text
from patterns.models.bodies import Body
from patterns.models.replies import BrokenReplyError, Reading
from patterns.models.shapes import SHAPES
from patterns.models.sse import ServerSentEvents
from patterns.supervisor import VERDICT_SCHEMA

FLOWS, AGENTS = ("decide", "review", "answer"), ("critic", "writer", "analyst")


def read_stream(data: bytes) -> None:
    """Any split of a stream gives the same events."""
    whole, parts = ServerSentEvents(), ServerSentEvents()
    step = 1 + data[0] % 7 if data else 1
    at_once = [*whole.feed(data), *whole.pending()]
    in_parts = [event for at in range(0, len(data), step) for event in parts.feed(data[at : at + step])]
    assert at_once == [*in_parts, *parts.pending()], "another split gave other events"
    assert whole.damaged_at == parts.damaged_at, "another split found other damage"


def render_markdown(data: bytes) -> None:
    """Any text becomes blocks within Slack's limits in which nothing is live."""
    text = data.decode(errors="replace")
    for profile in ("plain", "rich"):
        for page in paginate(text, profile):
            assert len(page) <= PAGE_BLOCKS, "too many blocks"
            for unit in page:
                bare = unescape(unit.text) if "<" not in unit.text else unit.text
                assert "<!" not in unit.text, "something is live"
                assert "<@" not in unit.text, "somebody is mentioned"
                assert unit.block["type"] == "table" or len(bare) <= 2 * UNIT_MAX, "a block is too long"
    finished_markdown(text)


def parse_command(data: bytes) -> None:
    """Any text is a command, or something that is answered with a sentence."""
    text = data.decode(errors="replace")
    for escaped in (True, False):
        parse(text, flows=FLOWS, agents=AGENTS, escaped=escaped)


def read_answer(data: bytes) -> None:
    """Any split of a text has the same visible part, and any text is a verdict or is refused."""
    text = data.decode(errors="replace")
    parts = VisibleText()
    for at in range(0, len(text), 3):
        parts.feed(text[at : at + 3])
    parts.close()
    assert parts.text == visible_text(text), "another split showed something else"
    with suppress(InvalidOutputError):
        read(text, VERDICT_SCHEMA, [text[: len(text) // 2]])


def read_reply(data: bytes) -> None:
    """Any bytes are an answer or a broken reply, in every shape of a provider."""
    shape = list(SHAPES)[data[0] % len(SHAPES)] if data else "openai"
    reading = Reading(SHAPES[shape])
    body = Body(reading)
    with suppress(BrokenReplyError):
        for at in range(1, len(data), 64):
            body.feed(data[at : at + 64])
        body.close()
        reading.completion(0)
    reading.usage(0)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "stream": read_stream,
    "markdown": render_markdown,
    "command": parse_command,
    "answer": read_answer,
    "reply": read_reply,
}
SEEDS: dict[str, tuple[bytes, ...]] = {
    "stream": (
        b'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: [DONE]\n\n',
        b"\xef\xbb\xbfevent: a\r\ndata: b\r\ndata\r\n\r\n: c\rid: 1\r\r",
    ),
    "markdown": (
        b"# a\n\n- [x] **b** `c`\n  1. ~~d~~ [e](https://f.g)\n\n> h\n\n```py\ni\n```\n\n| j |\n|---|\n| l |\n",
        b"<!channel> <@U1> <https://a.b|c> \\(d\\) $e^2$ __init__ C:\\a ![g](h) $0.03 \xc2\xb7 2 agents",
    ),
    "command": (
        b"use decide with critic, writer: a or b?",
        b"budget set channel 50",
        b"stop r0123456789ab",
        b"estimate: a",
        b"<@U1|dana> runs all",
    ),
    "reply": (
        b'\x00data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n',
        b'\x01{"type": "message", "content": [{"type": "text", "text": "a"}], "usage": {"input_tokens": 5}}',
        b'\x02{"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": {"promptTokenCount": 5}}',
    ),
    "answer": (
        b'<think>a</think>```json\n{"accepted": true, "score": 0.5, "feedback": "b"}\n```',
        b"<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b",
        b"\xc2\x81<analysis>a</analysis> <s>b</s> \x1b[31m \xe2\x80\x8b",
    ),
}
