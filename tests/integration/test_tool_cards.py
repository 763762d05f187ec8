"""Tools in a channel, from the switch to the answer: real functions behind a server, real buttons and forms."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.messages.action_ids import RUN_DETAILS, TOOL_APPROVE, TOOL_DENY, TOOL_MENU, TOOL_REVOKE, TOOLS_CHANGE
from patterns.core.tools import ToolCall
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.integration.test_shell_tools import FUNCTIONS
from tests.support.later import reminders
from tests.support.running_bot import House, Opened, open_house

PLATFORM, DANA, LEE, SAM = "C0PLATFORM", "U0DANA", "U0LEE", "U0SAM"
ROSTER = """
extends: shipped
tools:
  orders:
    python: "tools.py:find_order,cancel_order"
    read_only: [find_order]
    price_usd: {cancel_order: 0.02}
    dm: true
agents:
  clerk:
    description: Answers questions about orders.
    model: fast
    prompt: You answer questions about orders.
    tools: [orders]
    max_output_tokens: 300
    timeout_s: 60
flows:
  orders: {description: Answers a question about an order., examples: [a, b, c], agent: clerk}
budgets:
  new_channels: on
limits: {confirm_above_usd: 5}
"""
FIND, CANCEL = "orders.find_order", "orders.cancel_order"
REQUEST = "use orders: cancel order 7"


class Clerk:
    """Finds the order, cancels it, then says what it read; what it was told by the tools is kept."""

    def __init__(self) -> None:
        self.offered: list[tuple[str, ...]] = []
        self.results: list[str] = []

    def __call__(self, call: Call) -> Reply:
        self.offered.append(call.tools)
        self.results = list(call.results)
        if not call.tools or len(call.results) > 1:
            link = "https://orders.example/7, https://evil.example/x"
            return Reply(f"It is done: {link}. {call.results[-1] if call.results else ''}")
        name = CANCEL if call.results else FIND
        return Reply("", calls=(ToolCall(id=f"c{len(call.results)}", name=name, arguments='{"number": 7}'),))


@pytest.fixture
def team() -> Clerk:
    return Clerk()


@pytest.fixture
def opened(slack: SlackServer, provider: Provider, tmp_path: Path) -> Opened:
    slack.workspace.add_user(SAM, "Sam")
    slack.workspace.channels[PLATFORM].members.add(SAM)
    (tmp_path / "tools.py").write_text(FUNCTIONS, "utf-8")
    return partial(open_house, api_url=slack.url, provider=provider, folder=tmp_path, roster=ROSTER)


def said(slack: SlackServer, channel: str = PLATFORM) -> str:
    return json.dumps([m for m in slack.messages(channel) if m["user"] == BOT_USER], ensure_ascii=False)


def privately(slack: SlackServer, user: str) -> list[str]:
    return [m["text"] for m in slack.ephemerals(user)]


def cancelled(folder: Path) -> list[str]:
    kept = folder / "cancelled"
    return kept.read_text().split() if kept.exists() else []


async def switch_on(slack: SlackServer, house: House, *names: str, outside: bool = False) -> None:
    """An admin's way through `/agents tools`."""
    await slack.command("tools", user=DANA)
    await slack.wait_for(lambda: any(TOOLS_CHANGE in json.dumps(m) for m in slack.ephemerals(DANA)))
    before = len(slack.workspace.views)
    await slack.click(TOOLS_CHANGE, user=DANA)
    await slack.wait_for(lambda: len(slack.workspace.views) > before)
    values: dict[str, Any] = {"tools0": {"tools0": list(names)}}
    await slack.submit({**values, **({"outside": {"outside": ["allowed"]}} if outside else {})}, user=DANA)
    await house.bot.background.drain(10)


async def until_card(slack: SlackServer) -> None:
    await slack.wait_for(lambda: TOOL_APPROVE in said(slack))


async def ask(slack: SlackServer, house: House) -> None:
    """Both tools are on, and the clerk wants to cancel."""
    await switch_on(slack, house, FIND, CANCEL)
    await slack.command(REQUEST, user=LEE)
    await until_card(slack)


async def choose(slack: SlackServer, house: House, choice: str, user: str) -> None:
    """Pick from the menu of the open card."""
    card = next(m for m in reversed(slack.messages(PLATFORM)) if TOOL_MENU in json.dumps(m))
    block = next(block for block in card["blocks"] if block["type"] == "actions")
    element = next(one for one in block["elements"] if one["action_id"] == TOOL_MENU)
    option = next(one for one in element["options"] if one["value"] == choice)
    await slack._press(card, block, {**element, "selected_option": option}, user=user, channel=PLATFORM)
    await house.bot.background.drain(10)


async def test_no_tool_is_on_until_an_admin_says_so(slack: SlackServer, house: House, team: Clerk) -> None:
    await slack.command(REQUEST, user=LEE)
    await slack.wait_for(lambda: "It is done" in said(slack))
    assert set(team.offered) == {()}
    assert "sources looked up" not in said(slack)
    await slack.command("tools", user=LEE)
    await house.bot.background.drain(10)
    assert "none is on" in privately(slack, LEE)[-1]
    assert TOOLS_CHANGE not in json.dumps(slack.ephemerals(LEE))


async def test_a_call_that_acts_waits_for_the_card_and_is_made_once(
    slack: SlackServer, house: House, tmp_path: Path
) -> None:
    await ask(slack, house)
    assert cancelled(tmp_path) == []
    assert house.held_nusd() == 0
    card = said(slack)
    for words in ("*clerk* wants to use `orders.cancel_order` for Lee's request", "*number*: 7", "$0.02"):
        assert words in card
    assert "Goes to `orders`. The call costs $0.02." in card
    assert "It called before:\\n• `orders.find_order` said: `Order 7 is on its way: https://orders.example/7 `" in card
    assert "Lee or an admin has to decide. Open until " in card
    assert "Approve cancel_order once" in card
    await slack.click(TOOL_APPROVE, user=LEE)
    await slack.wait_for(lambda: "It is done" in said(slack))
    await house.until_no_run_is_open()
    assert cancelled(tmp_path) == ["7"]
    assert "Lee approved it once · " in said(slack)
    assert TOOL_APPROVE not in said(slack)
    assert "It called before" not in said(slack)


async def test_an_answer_says_what_was_looked_up_and_links_only_there(slack: SlackServer, house: House) -> None:
    await ask(slack, house)
    await slack.click(TOOL_APPROVE, user=LEE)
    await slack.wait_for(lambda: "Looked up 1 source" in said(slack))
    answer = said(slack)
    assert "1. <https://orders.example/7>" in answer
    assert "(not from a source)" in answer
    assert "<https://evil.example" not in answer
    await slack.click(RUN_DETAILS, user=LEE)
    await house.bot.background.drain(10)
    details = json.dumps(slack.ephemerals(LEE)[-1], ensure_ascii=False)
    assert "clerk: `orders.find_order` · number: 7" in details
    assert "clerk: `orders.cancel_order` · number: 7" in details
    assert "approved by Lee" in details
    assert "$0.02" in details


async def test_a_denial_with_a_reason_reaches_the_agent(
    slack: SlackServer, house: House, team: Clerk, tmp_path: Path
) -> None:
    await ask(slack, house)
    await slack.click(TOOL_DENY, user=LEE)
    await slack.wait_for(lambda: slack.workspace.views)
    await slack.submit({"reason": {"reason": "it is paid already"}}, user=LEE)
    await slack.wait_for(lambda: "It is done" in said(slack))
    assert "a person denied it. The reason given: it is paid already" in team.results[-1]
    assert cancelled(tmp_path) == []
    assert "Lee denied it: it is paid already · " in said(slack)


async def test_a_typed_yes_and_a_reaction_approve_nothing(slack: SlackServer, house: House, tmp_path: Path) -> None:
    await ask(slack, house)
    card = next(m for m in slack.messages(PLATFORM) if TOOL_APPROVE in json.dumps(m))
    await slack.say("lgtm", user=LEE, thread_ts=card["thread_ts"])
    item = {"type": "message", "channel": PLATFORM, "ts": card["ts"]}
    await slack.event(
        {
            "type": "reaction_added",
            "reaction": "+1",
            "item": item,
            "user": LEE,
            "item_user": BOT_USER,
            "event_ts": "9.9",
        }
    )
    await house.bot.background.drain(10)
    assert "What a tool may do is decided with the buttons on the card only" in privately(slack, LEE)[-1]
    assert TOOL_APPROVE in said(slack)
    assert cancelled(tmp_path) == []


async def test_who_may_not_is_told_so(slack: SlackServer, house: House, tmp_path: Path) -> None:
    await ask(slack, house)
    await slack.click(TOOL_APPROVE, user=SAM)
    await slack.click(TOOL_DENY, user=SAM)
    await house.bot.background.drain(10)
    told = privately(slack, SAM)
    assert ["Only the person who asked and admins can decide that." in one for one in told] == [True, True]
    assert all(view["user"] != SAM for view in slack.workspace.views.values())
    assert cancelled(tmp_path) == []


async def test_a_restart_while_it_waits_changes_nothing(slack: SlackServer, opened: Opened, tmp_path: Path) -> None:
    async with opened() as house:
        await ask(slack, house)
        spent_nusd = house.spent_nusd()
    async with opened() as house:
        await slack.click(TOOL_APPROVE, user=DANA)
        await slack.wait_for(lambda: "It is done" in said(slack))
        await house.until_no_run_is_open()
        assert house.spent_nusd() > spent_nusd
        assert house.ledger("SELECT COUNT(*) FROM slack_out WHERE name LIKE 'ask/%'") == 1
    assert cancelled(tmp_path) == ["7"]


async def test_nobody_in_time_is_a_denial(slack: SlackServer, house: House, team: Clerk, tmp_path: Path) -> None:
    await ask(slack, house)
    await reminders(house, ahead_s=5 * 3600).process_waiting()
    assert "<@U0LEE>, the call above waits for you until " in said(slack)
    await reminders(house, ahead_s=2 * 86_400).process_waiting()
    await slack.wait_for(lambda: "It is done" in said(slack))
    assert "nobody approved it in time" in team.results[-1]
    assert "Nobody decided in time, so it counts as denied · " in said(slack)
    assert cancelled(tmp_path) == []


async def test_an_admin_has_it_stop_asking_here_and_ask_again(slack: SlackServer, house: House, tmp_path: Path) -> None:
    await ask(slack, house)
    await choose(slack, house, "standing", LEE)
    assert "Only admins of this workspace" in privately(slack, LEE)[-1]
    await choose(slack, house, "standing", DANA)
    await slack.wait_for(lambda: "It is done" in said(slack))
    assert "Dana approved it and had it stop asking here for 30 days · " in said(slack)
    await slack.command(REQUEST, user=LEE)
    await slack.wait_for(lambda: said(slack).count("Looked up 1 source") >= 4)  # text and blocks of two answers
    assert cancelled(tmp_path) == ["7", "7"]
    await slack.command("tools", user=DANA)
    await slack.wait_for(lambda: any(TOOL_REVOKE in json.dumps(m) for m in slack.ephemerals(DANA)))
    assert "Dana said so" in json.dumps(slack.ephemerals(DANA)[-1])
    await slack.click(TOOL_REVOKE, user=DANA)
    await slack.wait_for(lambda: "had orders.cancel_order ask again" in said(slack))
    await slack.command(REQUEST, user=LEE)
    await until_card(slack)
    assert cancelled(tmp_path) == ["7", "7"]


async def test_the_menu_shows_everything_and_stops_the_request(
    slack: SlackServer, house: House, tmp_path: Path
) -> None:
    await ask(slack, house)
    await choose(slack, house, "stop", LEE)
    await slack.wait_for(lambda: "stopped" in said(slack) and TOOL_APPROVE not in said(slack))
    await house.until_no_run_is_open()
    assert "Lee stopped it · " in said(slack)
    assert (cancelled(tmp_path), house.held_nusd()) == ([], 0)


async def test_nothing_is_on_where_guests_read_unless_that_is_allowed(
    slack: SlackServer, house: House, team: Clerk
) -> None:
    slack.workspace.add_user("U0GUEST", "Gina", is_restricted=True)
    slack.workspace.channels[PLATFORM].members.add("U0GUEST")
    await switch_on(slack, house, FIND)
    assert "The tools stay off for now" in privately(slack, DANA)[-1]
    await slack.command(REQUEST, user=LEE)
    await slack.wait_for(lambda: "It is done" in said(slack))
    assert set(team.offered) == {()}
    await switch_on(slack, house, FIND, outside=True)
    await slack.command(REQUEST, user=LEE)
    await slack.wait_for(lambda: any(team.offered))


async def test_direct_messages_have_what_the_roster_opens(slack: SlackServer, house: House, tmp_path: Path) -> None:
    dm = slack.workspace.dm(LEE).id
    await slack.say(REQUEST, user=LEE, channel=dm)
    await slack.wait_for(lambda: TOOL_APPROVE in said(slack, dm))
    assert "Stop asking here" not in said(slack, dm)
    await slack.click(TOOL_APPROVE, user=LEE, channel=dm)
    await slack.wait_for(lambda: "It is done" in said(slack, dm))
    await house.until_no_run_is_open()
    assert cancelled(tmp_path) == ["7"]


async def test_the_home_of_the_asker_says_what_waits(slack: SlackServer, house: House) -> None:
    await ask(slack, house)
    await slack.open_home(user=LEE)
    await slack.wait_for(lambda: "orders.cancel_order" in json.dumps(slack.workspace.homes.get(LEE, {})))
