"""Recorded replies with calls of tools, raw, over real HTTP: what is asked for, what is thought, what is charged.

The table is tests/data/tool_calls.jsonl. A row: the model, whether a stream was asked for, whether tools were offered
(`offers`) and called before (`history`), the raw answer with its head; then the reason where it is no answer, its text,
ending, calls (id, name, arguments), the blocks that go back with them, and what the attempt cost.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from patterns.charges import charge_for_answer, charge_for_error
from patterns.core.calls import Message, ModelRequest, PreparedCall
from patterns.core.errors import ModelError
from patterns.core.holds import Charged, Hold
from patterns.core.money import Price
from patterns.core.tools import ToolCall
from patterns.models.client import LiteLLMClient
from patterns.models.sdk import litellm_sdk
from patterns.roster.roster import ModelSpec
from tests.fakes.recorded import Recorded
from tests.integration.test_recorded_replies import AWS, AZURE_VERSION
from tests.integration.test_tool_calls import FIRST, TOOLS, turn

DATA = Path(__file__).parents[1] / "data" / "tool_calls.jsonl"
Row = dict[str, Any]
EARLIER = (
    Message("assistant", "", calls=(ToolCall(id="earlier", name="time.now", arguments="{}"),)),
    Message("tool", "12:00", answers="earlier"),
)
ENDED = ("reason", "text", "finish", "calls", "thinking", "money")


def rows() -> list[Row]:
    return [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Load litellm before a call's time begins to run."""
    litellm_sdk()


async def play(row: Row) -> Row:
    """Send a request, answer it with the row's bytes, and tell what came of it in the words of the table."""
    raw = row["raw"].encode()
    body_at = raw.index(b"\r\n\r\n") + 4
    async with Recorded([raw[:body_at], raw[body_at : body_at + 7], raw[body_at + 7 :]]) as server, asyncio.timeout(20):
        price = Price(10**9, 2 * 10**9)
        spec = ModelSpec("m", row["model"], api_base=server.url, api_key_env="K", price=price)
        async with LiteLLMClient({"m": spec}, {"K": "sk-a-key"}) as client:
            request = ModelRequest(
                "m",
                (*FIRST, *(EARLIER if row.get("history") else ())),
                500,
                stream=row["stream"],
                tools=TOOLS if row.get("offers", True) else (),
            )
            return await _outcome(client, client.prepare(request))


async def _outcome(client: LiteLLMClient, call: PreparedCall) -> Row:
    hold = Hold("h", call.bound_nusd)
    try:
        found = await client.complete(call)
    except ModelError as error:
        return {"reason": str(error.reason), "money": _money(charge_for_error(error, call, hold))}
    return {
        "text": found.text,
        "finish": found.finish_reason,
        "calls": [[one.id, one.name, one.arguments] for one in found.calls],
        "thinking": json.loads(found.thinking)["blocks"] if found.thinking else [],
        "money": _money(charge_for_answer(found, call, hold)),
    }


def _money(charged: Charged) -> str:
    return f"settled {charged.actual_nusd}" if charged.state == "settled" else charged.state


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
async def test_a_recorded_call_is_read_and_charged_for_what_it_is(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**AWS, "AZURE_API_VERSION": AZURE_VERSION.partition("=")[2]}.items():
        monkeypatch.setenv(name, value)
    assert await play(row) == {name: row[name] for name in ENDED if name in row}


MIB = 2**20


def openai_stream(arguments: str) -> str:
    """A stream with these arguments in pieces, each of 64 KiB."""
    pieces = [arguments[at : at + 2**16] for at in range(0, len(arguments), 2**16)]
    made = [{"index": 0, "id": "c", "function": {"name": "time__now", "arguments": ""}}]
    made += [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
    choices = [{"index": 0, "delta": {"tool_calls": [one]}} for one in made]
    events = [{"choices": [choice]} for choice in choices]
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


def anthropic_body(arguments: str) -> str:
    """A whole message with these arguments."""
    block = {"type": "tool_use", "id": "c", "name": "time__now", "input": {"a": arguments}}
    usage = {"input_tokens": 50, "output_tokens": 20}
    return json.dumps({"type": "message", "content": [block], "stop_reason": "tool_use", "usage": usage})


def raw_reply(body: str, kind: str) -> str:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n{body}"


async def test_ten_megabytes_of_arguments_are_a_broken_reply_whose_bill_counts() -> None:
    much = "x" * (10 * MIB)
    stream = {"model": "openai/gpt-5-mini", "stream": True, "raw": raw_reply(openai_stream(much), "text/event-stream")}
    whole = {"model": "anthropic/claude-sonnet-4-5", "stream": False}
    whole["raw"] = raw_reply(anthropic_body(much), "application/json")
    assert await play(stream) == {"reason": "malformed", "money": "uncertain"}
    assert await play(whole) == {"reason": "malformed", "money": "settled 90000"}


async def test_half_a_megabyte_of_arguments_is_read() -> None:
    body = anthropic_body("x" * (MIB // 2))
    row = {"model": "anthropic/claude-sonnet-4-5", "stream": False, "raw": raw_reply(body, "application/json")}
    found = await play(row)
    assert len(found["calls"][0][2]) > MIB // 2


@pytest.mark.parametrize(
    ("row", "there", "closing"),
    [
        ("thinking beside a call, acompletion", '"reasoning_content": "They want x."', '"tool_call_id": "call_1"'),
        (
            "thinking, text and a call, bedrock",
            '{"text": "They want x.", "signature": "s=="}',
            "[Result of the call tooluse_1]",
        ),
        ("redacted thinking and two calls, bedrock", '"toolUseId": "tooluse_2"', "[Result of the call tooluse_2]"),
        ("two calls, ollama", '"tool_call_id": "call_2_1"', '"tool_call_id": "call_2_1"'),
    ],
)
async def test_a_turn_goes_back_through_litellm_with_its_thinking(
    row: str, there: str, closing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    found = next(one for one in rows() if one["id"] == row)
    async with Recorded([found["raw"].encode()]) as server:
        spec = ModelSpec("m", found["model"], api_base=server.url, api_key_env="K", price=Price(1, 1))
        async with LiteLLMClient({"m": spec}, {"K": "sk-a-key"}) as client:
            first = await client.complete(client.prepare(ModelRequest("m", FIRST, 500, tools=TOOLS)))
            history = (*FIRST, *turn(first, *("12:00",) * len(first.calls)))
            await client.complete(client.prepare(ModelRequest("m", history, 500, tools=TOOLS)))
            with pytest.raises(ModelError, match="asked for a tool"):
                await client.complete(client.prepare(ModelRequest("m", history, 500)))
    _, again, last = (body.decode() for body in server.bodies)
    assert there in again
    assert again.count("12:00") == last.count("12:00") == len(first.calls)
    assert closing in last
    assert ("reasoningContent" in again) == ('"signature"' in there)
