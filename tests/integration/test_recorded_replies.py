"""Recorded replies, raw, over real HTTP and through the whole retry loop: what is shown, what is charged, what is said.

The tables stand in tests/data: `replies.jsonl` for the three shapes and the way through `acompletion` (deepseek),
`providers.jsonl` for the providers of docs/models.md. A row: the model, whether a stream was asked for, the raw answer
with its head, then the text that people get, how each attempt ended in money, and words of the reason.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from patterns.core.events import PatternResult
from patterns.core.money import Price
from patterns.models.client import LiteLLMClient
from patterns.pattern import Solo
from patterns.roster.roster import ModelSpec
from tests.fakes.memory import Call, Memory
from tests.fakes.recorded import Recorded
from tests.support.pattern_runs import CTX, services

DATA = Path(__file__).parents[1] / "data"
Row = dict[str, Any]
AWS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION_NAME": "us-east-1"}
AZURE_VERSION = "?api-version=2024-10-21"


def rows(name: str) -> list[Row]:
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


def ended(call: Call) -> str:
    """How an attempt ended in money; an uncertain one always counts its whole hold."""
    if call.state == "uncertain":
        assert call.actual_nusd == call.request.amount_nusd
    return f"settled {call.actual_nusd}" if call.state == "settled" else call.state


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Load litellm before a call's time begins to run."""
    LiteLLMClient({"m": ModelSpec("m", "openai/gpt-4o")}, {}).price("m")


async def play(row: Row, memory: Memory | None = None) -> tuple[PatternResult, list[str], Recorded]:
    memory = memory or Memory()
    raw = row["raw"].encode()
    # The end of the head, and a place inside the body that splits characters and lines: every reply comes in pieces.
    body_at = raw.index(b"\r\n\r\n") + 4
    pieces = [raw[:body_at], raw[body_at : body_at + 7], raw[body_at + 7 :]]
    server = Recorded(pieces, keeps_open=row.get("keeps_open", False))
    async with server, asyncio.timeout(10):
        spec = ModelSpec(
            "fast",
            row["model"],
            api_base=server.url + row.get("path", ""),
            api_key_env="K",
            price=Price(10**9, 2 * 10**9),
        )
        async with LiteLLMClient({"fast": spec}, {"K": "sk-a-key"}) as client:
            place = services(client, memory, may_stream=row["stream"])  # type: ignore[arg-type]
            result = await Solo("a").run(CTX, place)
    return result, [ended(call) for call in memory.calls.values()], server


def said(result: PatternResult) -> str:
    """What is told beside the text, but for the sentence that belongs to every uncertain call."""
    notes = [note for note in result.notes if not note.startswith("Nobody can tell")]
    return " ".join([*notes, *(voice.reason for voice in result.missing)])


@pytest.mark.parametrize("row", rows("replies.jsonl"), ids=lambda row: row["id"])
async def test_a_recorded_reply_is_read_charged_and_told_for_what_it_is(row: Row) -> None:
    result, calls, _ = await play(row)
    assert (result.output, calls) == (row["output"], row["calls"])
    assert row["words"] in said(result)
    assert bool(row["words"]) == bool(said(result))


@pytest.mark.parametrize("row", rows("providers.jsonl"), ids=lambda row: row["id"])
async def test_every_provider_is_asked_and_read_in_its_own_shape(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AZURE_API_VERSION", AZURE_VERSION.partition("=")[2])
    result, calls, server = await play(row)
    assert (result.output, calls) == (row["output"], row["calls"])
    assert row["words"] in said(result)
    assert bool(row["words"]) == bool(said(result))
    assert {path.removesuffix(AZURE_VERSION) for path in server.paths} == {row["asks"]}


WAITS = [
    ("retry-after-ms: 350", "slow down", 0.35),
    ("x: y", "Please try again in 1.5s", 1.5),
    ("retry-after: 7", "slow down", 7.0),
]


@pytest.mark.parametrize("model", ["openai/gpt-5-mini", "deepseek/deepseek-chat"])
@pytest.mark.parametrize("status", ["200 OK", "429 Too Many Requests"])
@pytest.mark.parametrize(("header", "words", "wait_s"), WAITS)
async def test_a_wish_to_wait_is_obeyed(model: str, status: str, header: str, words: str, wait_s: float) -> None:
    body = json.dumps({"error": {"message": words, "type": "rate_limit_error"}})
    raw = f"HTTP/1.1 {status}\r\n{header}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    memory = Memory()
    _, calls, _ = await play({"model": model, "raw": raw, "stream": False}, memory)
    assert (calls, memory.slept_s) == (["released"] * 2, [wait_s])
