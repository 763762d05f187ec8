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
from patterns.core.money import Price
from patterns.core.ports import Charged, Hold
from patterns.core.tools import ToolCall
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import ModelSpec
from tests.fakes.recorded import Recorded
from tests.integration.test_recorded_replies import AWS, AZURE_VERSION
from tests.integration.test_tool_calls import FIRST, TOOLS

DATA = Path(__file__).parents[1] / "data" / "tool_calls.jsonl"
Row = dict[str, Any]
EARLIER = (
    Message("assistant", "", calls=(ToolCall(id="earlier", name="time.now", arguments="{}"),)),
    Message("tool", "12:00", answers="earlier"),
)
ENDED = ("reason", "text", "finish", "calls", "thinking", "money")


def rows() -> list[Row]:
    return [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]


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


@pytest.mark.parametrize("row", rows() if DATA.exists() else [], ids=lambda row: row["id"])
async def test_a_recorded_call_is_read_and_charged_for_what_it_is(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**AWS, "AZURE_API_VERSION": AZURE_VERSION.partition("=")[2]}.items():
        monkeypatch.setenv(name, value)
    assert await play(row) == {name: row[name] for name in ENDED if name in row}
