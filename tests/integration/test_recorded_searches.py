"""Recorded replies with searches of the web, raw, over real HTTP: what is read and cited, how many the bill counts.

The table is tests/data/searches.jsonl. A row: the model, whether a stream was asked for, the raw answer with its head;
then the reason where it is no answer, its text, the searches, their words, what is cited or read, what failed, and what
the attempt cost: $0.01 for each search beside the tokens.
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
from patterns.core.web_search import WebSearch
from patterns.models.client import LiteLLMClient
from patterns.models.sdk import litellm_sdk
from patterns.roster.roster import ModelSpec
from tests.fakes.recorded import Recorded

DATA = Path(__file__).parents[1] / "data" / "searches.jsonl"
Row = dict[str, Any]
ASKED = (Message("system", "You research."), Message("user", "When was Claude Shannon born?"))
SEARCH = WebSearch(searches_max=3, result_tokens_max=10_000, price_nusd=10_000_000)
PLACES = {"openai": "/responses", "anthropic": "/v1/messages", "gemini": "/models/"}
ALLOWED = {
    "openai": '"tools": [{"type": "web_search"}], "max_tool_calls": 3',
    "anthropic": '"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]',
    "gemini": '"tools": [{"google_search": {}}]',
}


def rows() -> list[Row]:
    return [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Load litellm before a call's time begins to run."""
    litellm_sdk()


async def play(row: Row) -> tuple[Row, Recorded]:
    """Send a request that may search, answer it with the row's bytes, and tell what came of it as the table does."""
    raw = row["raw"].encode()
    body_at = raw.index(b"\r\n\r\n") + 4
    pieces = [raw[:body_at], raw[body_at : body_at + 7], raw[body_at + 7 :]]
    async with Recorded(pieces) as server, asyncio.timeout(20):
        price = Price(10**9, 2 * 10**9)
        spec = ModelSpec("m", row["model"], api_base=server.url, api_key_env="K", price=price)
        async with LiteLLMClient({"m": spec}, {"K": "sk-a-key"}) as client:
            request = ModelRequest("m", ASKED, 500, stream=row["stream"], search=SEARCH)
            return await _outcome(client, client.prepare(request)), server


async def _outcome(client: LiteLLMClient, call: PreparedCall) -> Row:
    hold, told = Hold("h", call.bound_nusd), list[str]()
    try:
        found = await client.complete(call, told.append)
    except ModelError as error:
        return {"reason": str(error.reason), "money": _money(charge_for_error(error, call, hold))}
    if call.request.stream:
        assert "".join(told) == found.text
    web = found.found
    return {
        "text": found.text,
        "searches": web.searches if web else 0,
        "queries": list(web.queries) if web else [],
        "sources": [[one.title, one.url] for one in web.sources] if web else [],
        "errors": list(web.errors) if web else [],
        "money": _money(charge_for_answer(found, call, hold)),
    }


def _money(charged: Charged) -> str:
    return f"settled {charged.actual_nusd}" if charged.state == "settled" else charged.state


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
async def test_a_recorded_search_is_read_and_charged_for_what_it_is(row: Row) -> None:
    came, server = await play(row)
    provider = row["model"].partition("/")[0]
    assert came == {name: row[name] for name in row if name not in ("id", "model", "stream", "raw")}
    assert PLACES[provider] in server.paths[0]
    assert ALLOWED[provider] in server.bodies[0].decode()


def test_the_table_has_every_provider_whole_and_streamed() -> None:
    had = {(row["model"].partition("/")[0], row["stream"]) for row in rows()}
    assert had == {(name, streamed) for name in PLACES for streamed in (True, False)}
