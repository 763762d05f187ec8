"""A server that asks in the middle of a call, in a channel: the card, the form, its mistakes, and what it came to."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.messages.action_ids import FORM_DECLINE, FORM_FILL_IN, FORM_OPENED
from patterns.core.tools import ToolCall
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.integration.test_tool_cards import DANA, LEE, PLATFORM, privately, said, switch_on
from tests.support.running_bot import House, Opened, open_house

ROOT = Path(__file__).parents[2]
SAM = "U0SAM"


def roster(era: str) -> str:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.fakes.asking_server import {era}; {era}()"
    command = json.dumps([sys.executable, "-c", code])
    return f"""
extends: shipped
tools:
  desk: {{mcp: {{command: {command}}}, allow: [book, pay], read_only: [book, pay]}}
agents:
  clerk: {{description: Books., model: fast, prompt: You book., tools: [desk], max_output_tokens: 300, timeout_s: 60}}
flows:
  desk: {{description: Books something., examples: [a, b, c], agent: clerk}}
budgets: {{new_channels: on}}
limits: {{confirm_above_usd: 5}}
"""


class Clerk:
    """Books a room, or pays, and says what came of it."""

    def __call__(self, call: Call) -> Reply:
        if not call.tools or call.results:
            return Reply(f"The desk says: {' '.join(call.results)}")
        tool, given = ("desk.pay", "{}") if "pay" in call.user else ("desk.book", '{"what": "a room"}')
        return Reply("", calls=(ToolCall(id="c1", name=tool, arguments=given),))


@pytest.fixture
def team() -> Clerk:
    return Clerk()


@pytest.fixture
def era() -> str:
    return "old"


@pytest.fixture
def opened(slack: SlackServer, provider: Provider, tmp_path: Path, era: str) -> Opened:
    slack.workspace.add_user(SAM, "Sam")
    slack.workspace.channels[PLATFORM].members.add(SAM)
    return partial(open_house, api_url=slack.url, provider=provider, folder=tmp_path, roster=roster(era))


async def until_asked(slack: SlackServer, house: House, request: str = "use desk: book a room") -> None:
    tools = ["desk.book"] if "old" not in request and "pay" not in request else ["desk.book", "desk.pay"]
    await switch_on(slack, house, *tools)
    await slack.command(request, user=LEE)
    await slack.wait_for(lambda: FORM_DECLINE in said(slack))


async def fill_in(slack: SlackServer, house: House, *, user: str = LEE, **values: Any) -> Any:
    before = len(slack.workspace.views)
    await slack.click(FORM_FILL_IN, user=user)
    await slack.wait_for(lambda: len(slack.workspace.views) > before)
    found = await slack.submit({f"field{at}": {"field": one} for at, one in enumerate(values.values())}, user=user)
    await house.bot.background.drain(10)
    return found


@pytest.mark.parametrize("era", ["old", "new"])
async def test_the_asker_fills_in_the_form_and_the_server_gets_it(slack: SlackServer, house: House) -> None:
    await until_asked(slack, house)
    card = said(slack)
    for words in ("*desk asks something* before `desk.book`", "> How should a room be booked?", "Size and How many"):
        assert words in card
    assert "Lee answers that, or whoever may approve the tool." in card
    assert house.held_nusd() == 0
    await fill_in(slack, house, size="1", count="3")
    await slack.wait_for(lambda: "The desk says:" in said(slack))
    assert "Lee answered it · " in said(slack)
    assert "a room: accept" in said(slack)
    assert "large" in said(slack)
    assert house.ledger("SELECT COUNT(*) FROM call WHERE model = 'tool:desk.book'") == 2


async def test_mistakes_are_told_at_their_fields_and_can_be_mended(slack: SlackServer, house: House) -> None:
    await until_asked(slack, house)
    answer = await fill_in(slack, house, size="1", count="12")
    assert "from 1 to 9" in json.dumps(answer)
    await slack.submit({"field0": {"field": "1"}, "field1": {"field": "9"}}, user=LEE)
    await slack.wait_for(lambda: "The desk says:" in said(slack))
    assert '\\"count\\": 9' in said(slack) or '"count": 9' in said(slack).replace("\\", "")


async def test_somebody_else_may_not_answer_and_is_told_so(slack: SlackServer, house: House) -> None:
    await until_asked(slack, house)
    await slack.click(FORM_FILL_IN, user=SAM)
    await house.bot.background.drain(10)
    assert "Only the person who asked" in privately(slack, SAM)[-1]
    assert FORM_DECLINE in said(slack)


async def test_declining_reaches_the_server(slack: SlackServer, house: House) -> None:
    await until_asked(slack, house)
    await slack.click(FORM_DECLINE, user=DANA)
    await slack.wait_for(lambda: "The desk says:" in said(slack))
    assert "Dana declined it · " in said(slack)
    assert "a room: decline" in said(slack)


async def test_an_address_is_shown_and_opens_nothing(slack: SlackServer, house: House) -> None:
    await until_asked(slack, house, "use desk: pay")
    card = said(slack)
    assert "It wants you to open an address of pay.example yourself" in card
    assert "`https://pay.example/7`" in card
    assert '"url"' not in json.dumps([m.get("blocks") for m in slack.messages(PLATFORM)])
    await slack.click(FORM_OPENED, user=LEE)
    await slack.wait_for(lambda: "The desk says:" in said(slack))
    assert "pay: accept" in said(slack)


async def test_a_form_waits_over_a_restart(slack: SlackServer, opened: Opened) -> None:
    async with opened() as house:
        await until_asked(slack, house)
        await house.until_no_run_is_open()
    async with opened() as house:
        await fill_in(slack, house, size="0", count="1")
        await slack.wait_for(lambda: "The desk says:" in said(slack))
