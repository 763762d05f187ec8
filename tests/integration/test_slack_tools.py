"""An agent that acts in Slack, with a real server of functions: off until enabled, asked with a card, done once."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bot.messages.action_ids import RUN_CONFIRM, TOOL_APPROVE
from bot.people.channel_rules import StoredRules
from storage.channels import ChannelSettings
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER, TEAM
from tests.integration.test_shell_tools import CANCEL, FIND, FUNCTIONS, ROSTER, cancelled
from tests.support.running_bot import House, Opened, open_house

PLATFORM, ASKER, ADMIN = "C0PLATFORM", "U0LEE", "U0DANA"
TOOLS = frozenset({"orders.find_order", "orders.cancel_order"})


def desk(call: Call) -> Reply:
    """A clerk who looks the order up, then cancels it, as far as there are tools for it."""
    results = " ".join(call.results)
    if call.schema is not None or not set(call.tools) >= TOOLS:
        return Reply(f"The end. {results}")
    if len(call.results) < 2:
        return Reply("", calls=[CANCEL] if call.results else [FIND])
    return Reply(f"Done: {results} https://evil.example/x")


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider(desk) as provider:
        yield provider


@pytest.fixture
def opened(slack: SlackServer, provider: Provider, tmp_path: Path) -> Opened:
    return at_desk(slack, provider, tmp_path)


def at_desk(slack: SlackServer, provider: Provider, tmp_path: Path) -> Opened:
    (tmp_path / "tools.py").write_text(FUNCTIONS, "utf-8")
    roster = f"{ROSTER}budgets:\n  new_channels: on\nlimits: {{confirm_above_usd: 5}}\n"
    return partial(open_house, api_url=slack.url, provider=provider, folder=tmp_path, roster=roster)


async def enable(house: House) -> None:
    engine = house.bot.engine
    rules = StoredRules(ChannelSettings(engine.db, engine.clock))
    await rules.change_rules(lambda now: replace(now, tools=TOOLS), workspace=TEAM, channel=PLATFORM, actor=ADMIN)


def said(slack: SlackServer) -> str:
    found = [m for m in slack.messages(PLATFORM) if m["user"] == BOT_USER]
    return json.dumps([[m["text"], m.get("blocks", [])] for m in found], ensure_ascii=False)


async def until_said(slack: SlackServer, words: str) -> None:
    await slack.wait_for(lambda: words in said(slack))


async def test_a_tool_is_off_in_a_channel_until_somebody_says_so(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    await slack.command("use orders: cancel order 7", user=ASKER)
    await until_said(slack, "The end.")
    assert all(not [tool for tool in call.tools if tool.startswith("orders")] for call in provider.calls)
    assert house.ledger("SELECT COUNT(*) FROM tool_call") == 0


async def test_a_person_approves_on_the_card_and_the_agent_acts_once(
    slack: SlackServer, house: House, tmp_path: Path
) -> None:
    await enable(house)
    await slack.command("use orders: cancel order 7", user=ASKER)
    await until_said(slack, TOOL_APPROVE)
    assert RUN_CONFIRM not in said(slack)
    assert (cancelled(tmp_path), house.held_nusd()) == ([], 0)
    await slack.click(TOOL_APPROVE, user=ASKER)
    await until_said(slack, "Order 7 is cancelled.")
    await house.until_no_run_is_open()
    assert cancelled(tmp_path) == ["7"]
    assert "`evil.example/x` (not from a source)" in said(slack)
    assert "https://orders.example/7" in said(slack)
    assert house.ledger("SELECT COUNT(*) FROM tool_call WHERE approved_by = 'U0LEE'") == 1
    assert house.ledger("SELECT SUM(actual_nusd) FROM call WHERE model LIKE 'tool:%'") == 21_000_000
    assert house.held_nusd() == 0


async def test_a_dry_run_reads_acts_on_nothing_and_says_what_it_left_out(
    slack: SlackServer, house: House, tmp_path: Path, provider: Provider
) -> None:
    await enable(house)
    await slack.command("dry run use orders: cancel order 7", user=ASKER)
    await until_said(slack, "A real run would also have called this, for $0.02 more:")
    shown = said(slack)
    assert "• `orders.cancel_order` · number: 7 · $0.02 · asked for by clerk" in shown
    assert "Dry run: no tool that acts was called." in shown
    assert "· dry run" in shown
    assert TOOL_APPROVE not in shown
    assert cancelled(tmp_path) == []
    assert house.ledger("SELECT COUNT(*) FROM call WHERE model = 'tool:orders.cancel_order'") == 0
    assert house.ledger("SELECT SUM(actual_nusd) FROM call WHERE model LIKE 'tool:%'") == 1_000_000

    marked = {
        "runs": "✅ answered · dry run · cancel order 7",
        "show": "✅ answered · dry run",
        "stats": "1 of them dry",
    }
    for words, expected in marked.items():
        before = len(slack.ephemerals(ASKER))
        await slack.command(words, user=ASKER)
        await slack.wait_for(lambda before=before: len(slack.ephemerals(ASKER)) > before)
        assert expected in str(slack.ephemerals(ASKER)[-1])

    root = next(m["ts"] for m in slack.messages(PLATFORM) if "cancel order 7" in m["text"])
    await slack.say(f"<@{BOT_USER}> use orders: now cancel it", user=ASKER, thread_ts=root)
    await until_said(slack, TOOL_APPROVE)
    assert "The request before was a dry run; this one is not" in said(slack)
    assert "(Dry run: no tool that acts was called.)" in str(provider.calls[-1].body)
    await house.until_no_run_is_open()


async def test_a_dry_run_that_is_resumed_stays_dry(slack: SlackServer, tmp_path: Path) -> None:
    gate, is_asked = asyncio.Event(), asyncio.Event()

    async def slow_desk(call: Call) -> Reply:
        if call.results:
            is_asked.set()
            await gate.wait()
        return desk(call)

    async with Provider(slow_desk) as provider:
        opened = at_desk(slack, provider, tmp_path)
        async with opened() as house:
            await enable(house)
            await slack.command("dry run use orders: cancel order 7", user=ASKER)
            await is_asked.wait()
        gate.set()
        async with opened() as house:
            await until_said(slack, "this would have been called")
            await house.until_no_run_is_open()
            assert house.ledger("SELECT MAX(epoch) FROM run") > 1
            assert cancelled(tmp_path) == []


async def test_a_restart_between_the_card_and_the_click_changes_nothing(
    slack: SlackServer, opened: Opened, tmp_path: Path
) -> None:
    async with opened() as house:
        await enable(house)
        await slack.command("use orders: cancel order 7", user=ASKER)
        await until_said(slack, TOOL_APPROVE)
        await house.until_no_run_is_open()
    async with opened() as house:
        await slack.click(TOOL_APPROVE, user=ASKER)
        await until_said(slack, "Order 7 is cancelled.")
        await house.until_no_run_is_open()
        assert cancelled(tmp_path) == ["7"]
        assert house.ledger("SELECT COUNT(*) FROM call WHERE model = 'tool:orders.find_order'") == 1
