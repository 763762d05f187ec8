"""A call of which nobody knows whether it was done: the bot is killed while it waits for the answer, and starts again.

The card in the thread asks, and what the person says is what happens: nothing acts twice by itself.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.messages.action_ids import OUTCOME_AGAIN, OUTCOME_DONE, RUN_DETAILS, TOOL_APPROVE, TOOLS_CHANGE
from tests.crash.fleet import Member
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.integration.test_tool_cards import CANCEL, DANA, FIND, LEE, REQUEST, ROSTER, Clerk, cancelled, said
from tests.support.running_bot import bot_environment

SOON_S = 100
"""Two starts of the bot and the end of a lease lie in it, on a machine that may be busy."""
TIMEOUT_S = 4
pytestmark = pytest.mark.timeout(300)
FUNCTIONS = '''
import time
from pathlib import Path

HERE = Path(__file__).parent

def find_order(number: int) -> str:
    """Say where an order is."""
    return f"Order {number} is on its way: https://orders.example/{number}"

def cancel_order(number: int) -> str:
    """Cancel an order, and answer once nothing holds it up any more."""
    with (HERE / "cancelled").open("a") as kept:
        kept.write(f"{number}\\n")
    while (HERE / "held up").exists():
        time.sleep(0.05)
    return f"Order {number} is cancelled."
'''


@pytest.fixture
def team() -> Clerk:
    return Clerk()


@pytest.fixture
async def bot(slack: SlackServer, provider: Provider, tmp_path: Path) -> AsyncIterator[Member]:
    """The bot as a process, whose tool never answers."""
    (tmp_path / "tools.py").write_text(FUNCTIONS, "utf-8")
    (tmp_path / "held up").touch()
    roster = ROSTER.replace("    dm: true\n", f"    timeout_s: {TIMEOUT_S}\n")
    (tmp_path / "roster.yml").write_text(roster, "utf-8")
    env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=tmp_path)
    member = Member("run", None, {**env, "AGENTS_ROSTER": str(tmp_path / "roster.yml")}, tmp_path / "bot.log")
    member.start()
    try:
        assert await member.ready(), member.said()[-2000:].decode()
        yield member
    finally:
        (tmp_path / "held up").unlink(missing_ok=True)
        member.kill()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.05)


async def lost(slack: SlackServer, bot: Member, folder: Path) -> None:
    """An approved call that was done, whose answer nobody heard; the bot runs again, and its card asks."""
    await slack.command("tools", user=DANA)
    await until(lambda: any(TOOLS_CHANGE in json.dumps(m) for m in slack.ephemerals(DANA)))
    await slack.click(TOOLS_CHANGE, user=DANA)
    await until(lambda: bool(slack.workspace.views))
    await slack.submit({"tools0": {"tools0": [FIND, CANCEL]}}, user=DANA)
    await until(lambda: "switched on" in said(slack))
    await slack.command(REQUEST, user=LEE)
    await until(lambda: TOOL_APPROVE in said(slack))
    await slack.click(TOOL_APPROVE, user=LEE)
    await until(lambda: cancelled(folder) == ["7"])
    bot.kill()
    (folder / "held up").unlink()
    bot.start()
    assert await bot.ready(), bot.said()[-2000:].decode()
    await until(lambda: OUTCOME_DONE in said(slack))


def details(slack: SlackServer) -> str:
    """What Lee was shown last."""
    return json.dumps(slack.ephemerals(LEE)[-1:], ensure_ascii=False)


def tools_paid(folder: Path) -> list[tuple[str, int]]:
    """State and charge of each call that acted, in order."""
    with closing(sqlite3.connect(folder / "agents.db")) as db:
        question = "SELECT state, actual_nusd FROM call WHERE model = 'tool:orders.cancel_order' ORDER BY opened_us"
        return [(str(state), int(nusd)) for state, nusd in db.execute(question)]


async def test_a_person_says_that_it_was_done_and_it_is_not_done_again(
    slack: SlackServer, bot: Member, team: Clerk, tmp_path: Path
) -> None:
    await lost(slack, bot, tmp_path)
    card = said(slack)
    assert "Nobody knows whether `cancel_order` was done." in card
    assert "*number*: 7" in card
    assert OUTCOME_AGAIN in card
    assert cancelled(tmp_path) == ["7"]
    await slack.click(OUTCOME_DONE, user=LEE)
    await until(lambda: "It is done" in said(slack))
    assert "A person has looked and says that this was done" in team.results[-1]
    assert "Lee said that it was done · " in said(slack)
    assert OUTCOME_DONE not in said(slack)
    assert cancelled(tmp_path) == ["7"]
    assert tools_paid(tmp_path) == [("uncertain", 20_000_000)]
    await slack.click(RUN_DETAILS, user=LEE)
    await until(lambda: "orders.cancel_order` · number: 7" in details(slack))
    assert "approved by Lee · no answer came, and a person said that it was done" in details(slack)
    assert "$0.02 of this is counted for calls that nobody can confirm" in details(slack)


async def test_a_person_says_that_it_was_not_done_and_it_is_done_once_more(
    slack: SlackServer, bot: Member, team: Clerk, tmp_path: Path
) -> None:
    await lost(slack, bot, tmp_path)
    await slack.click(OUTCOME_AGAIN, user=LEE)
    await until(lambda: "It is done" in said(slack))
    assert "Order 7 is cancelled." in team.results[-1]
    assert "Lee had it done again · " in said(slack)
    assert cancelled(tmp_path) == ["7", "7"]
    assert said(slack).count("Lee approved it once · ") > 0
    assert TOOL_APPROVE not in said(slack)
    assert tools_paid(tmp_path) == [("uncertain", 20_000_000), ("settled", 20_000_000)]
