"""Ourselves as a tool: the protocol's own client asks over stdio and HTTP, and the right budget pays."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from bot.manifest import EVENTS_PATH
from patterns.core.money import NUSD_PER_USD
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import TEAM
from tests.fakes.team import ANSWER, Team
from tests.integration.test_past_runs import add_twin
from tests.support.running_bot import House
from tests.support.shells import COMMAND, PROJECT, Shell
from tests.support.signed import hearing

DANA, LEE = "token-of-dana-0123456789", "token-of-lee-0123456789"
TOKENS = f"{DANA}={TEAM}/C0PLATFORM/U0DANA, {LEE}={TEAM}/C0PLATFORM/U0LEE"
ASK = {"request": "SQLite or PostgreSQL?", "flow": "answer"}
TOOLS = {"flows", "estimate", "balance", "run_status", "ask", "stop"}


@asynccontextmanager
async def by_stdio(shell: Shell) -> AsyncIterator[Client]:
    started = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "mcp"], env=shell.env, cwd=PROJECT)
    async with Client(started) as client:
        yield client


@asynccontextmanager
async def by_http(slack: SlackServer, token: str) -> AsyncIterator[Client]:
    url = slack.request_url.replace(EVENTS_PATH, "/mcp")
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def told(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    return str(result.content[0].text)  # type: ignore[union-attr]


# ---------------------------------------------------------------- stdio


async def test_an_editor_asks_over_stdio_and_the_shell_s_channel_pays(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        async with by_stdio(shell) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            assert "answer" in [flow["name"] for flow in (await told(client, "flows"))["result"]]
            estimate = await told(client, "estimate", **ASK)
            progress: list[str | None] = []

            async def note(_done: float, _total: float | None, said: str | None) -> None:
                progress.append(said)

            result = await client.call_tool("ask", {**ASK, "wait_s": 60}, progress_callback=note)
            answered = result.structured_content
            assert answered is not None
            balance = await told(client, "balance")
            columns = "workspace, channel_kind, user_id, kind, status, created_us"
            elsewhere = f"'{answered['run_id'][:6]}', 'C9', 'x'"
            shell.sql(f"INSERT INTO run (id, channel, delivery_key, {columns}) SELECT {elsewhere}, {columns} FROM run")  # noqa: S608 - our own words
            named = await told(client, "run_status", run_id=answered["run_id"][:5])
    assert named["run_id"] == answered["run_id"]
    assert (answered["state"], answered["answer"]) == ("answered", ANSWER)
    assert 0 < answered["cost_usd"] <= estimate["at_most_usd"]
    assert progress[0] == "waiting, 0 steps done"
    assert shell.paid_nusd() == round(answered["cost_usd"] * NUSD_PER_USD)
    assert (balance["account"], round(balance["spent_usd"] * NUSD_PER_USD)) == ("terminal", shell.paid_nusd())


async def test_the_same_id_is_the_same_request_and_what_costs_too_much_is_not_started(tmp_path: Path) -> None:
    async with Provider(Team()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        async with by_stdio(shell) as client:
            twice = [await told(client, "ask", **ASK, request_id="mine", wait_s=60) for _ in range(2)]
            dear = await refused(client, "ask", **ASK, at_most_usd=0.000001)
            unknown = await refused(client, "ask", request="Why?", flow="nope")
            empty = await refused(client, "ask", request="  ")
            await told(client, "ask", request="dry run: Why?", flow=ASK["flow"], wait_s=60)
            blank = await refused(client, "ask", request="dry run:")
            nobody = await refused(client, "run_status", run_id="r000")
    assert twice[0] == twice[1]
    assert shell.sql("SELECT COUNT(*) FROM run") == [(2,)]
    assert [("dry" in options) for (options,) in shell.sql("SELECT options_json FROM run ORDER BY created_us")] == [
        False,
        True,
    ]
    assert "Write the request after" in blank
    assert "Not started, nothing spent: it can cost" in dear
    assert "There is no flow 'nope'" in unknown
    assert "Say what the agents should do." in empty
    assert "There is no such request of yours here." in nobody


class Waiting(Team):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, call: Call) -> Reply:  # type: ignore[override]
        self.asked.set()
        await self.go_on.wait()
        return super().__call__(call)


async def test_a_request_is_stopped_when_it_is_told_to_and_when_its_client_leaves(tmp_path: Path) -> None:
    team = Waiting()
    async with Provider(team) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        async with by_stdio(shell) as client:
            run_id = (await told(client, "ask", **ASK))["run_id"]
            await team.asked.wait()
            assert (await told(client, "run_status", run_id=run_id))["state"] == "working"
            assert (await told(client, "stop", run_id=run_id))["state"] == "stopped"
            team.asked.clear()
            await told(client, "ask", **ASK)
            await team.asked.wait()
        team.go_on.set()
    assert shell.sql("SELECT stop_reason FROM run") == [("cancelled",), ("cancelled",)]
    assert shell.sql("SELECT COUNT(*) FROM call WHERE closed_us IS NULL") == [(0,)]


# ---------------------------------------------------------------- HTTP


Housing = Callable[[], AbstractAsyncContextManager[House]]


@pytest.fixture
def housed(slack: SlackServer, provider: Provider, tmp_path: Path) -> Housing:
    """Opens a bot; in the task of the test, as the protocol's server wants it."""
    return lambda: hearing(slack, provider, tmp_path, AGENTS_MCP_TOKENS=TOKENS)


async def test_a_token_asks_as_its_person_in_its_channel(slack: SlackServer, housed: Housing) -> None:
    async with housed() as house:
        async with by_http(slack, DANA) as client, by_http(slack, LEE) as other:
            answered = await told(client, "ask", **ASK, wait_s=60)
            balance = await told(client, "balance")
            foreign = await refused(other, "run_status", run_id=answered["run_id"])
            kept = await refused(other, "stop", run_id=answered["run_id"])
        await slack.wait_for(lambda: any("once two programs write" in repr(one) for one in slack.messages()))
        whose = house.ledger_text("SELECT workspace || '/' || channel || '/' || user_id FROM run")
        spent_nusd = house.spent_nusd()
    assert (answered["state"], answered["answer"]) == ("answered", ANSWER)
    assert whose == f"{TEAM}/C0PLATFORM/U0DANA"
    assert balance["account"] == "#platform"
    assert [round(usd * NUSD_PER_USD) for usd in (balance["spent_usd"], answered["cost_usd"])] == [spent_nusd] * 2
    assert "no such request of yours" in foreign
    assert "no such request of yours" in kept


async def test_a_beginning_of_an_id_is_counted_among_ones_own(slack: SlackServer, housed: Housing) -> None:
    async with housed() as house:
        async with by_http(slack, DANA) as client, by_http(slack, LEE) as other:
            run = (await told(client, "ask", **ASK, wait_s=60))["run_id"]
            own = await told(client, "run_status", run_id=run[:6])
            add_twin(house, run)
            several = await refused(client, "run_status", run_id=run[:6])
            foreign = [await refused(other, "run_status", run_id=one) for one in ("r000000000000", run, run[:6])]
        await slack.wait_for(lambda: any("once two programs write" in repr(one) for one in slack.messages()))
    assert own["run_id"] == run
    assert "That beginning fits 2 requests" in several
    assert foreign == [foreign[0]] * 3


async def test_whoever_has_no_token_is_not_read(slack: SlackServer, housed: Housing) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    async with housed() as house, aiohttp.ClientSession() as session:
        url = slack.request_url.replace(EVENTS_PATH, "/mcp")
        for headers in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": f"Basic {DANA}"}):
            async with session.post(url, json=ping, headers=headers) as reply:
                assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert house.ledger("SELECT COUNT(*) FROM run") == 0


async def test_whoever_left_a_private_channel_asks_there_no_more(slack: SlackServer, housed: Housing) -> None:
    channel = slack.workspace.channels["C0PLATFORM"]
    channel.is_private = True
    channel.members.discard("U0LEE")
    async with housed(), by_http(slack, LEE) as client:
        assert "You are not in that conversation" in await refused(client, "ask", **ASK)


async def test_many_clients_at_once_pay_from_one_budget(slack: SlackServer, housed: Housing) -> None:
    async def one(number: int) -> dict[str, Any]:
        async with by_http(slack, DANA if number % 2 else LEE) as client:
            estimate = await told(client, "estimate", **ASK)
            assert estimate["fits_the_budget"]
            # Each has a thread in one channel, which takes a message a second.
            return await told(client, "ask", **ASK, wait_s=60) if number < 6 else estimate

    async with housed() as house:
        told_all = await asyncio.gather(*(one(number) for number in range(32)))
        await house.until_no_run_is_open()
        answers = [one for one in told_all if "run_id" in one]
        assert sum(round(answer["cost_usd"] * NUSD_PER_USD) for answer in answers) == house.spent_nusd()
        assert house.held_nusd() == 0
    assert {answer["state"] for answer in answers} == {"answered"}
    assert len({answer["run_id"] for answer in answers}) == 6


async def test_without_tokens_there_is_no_such_page(slack: SlackServer, provider: Provider, tmp_path: Path) -> None:
    async with (
        hearing(slack, provider, tmp_path),
        aiohttp.ClientSession() as session,
        session.post(slack.request_url.replace(EVENTS_PATH, "/mcp")) as reply,
    ):
        assert reply.status == 404
