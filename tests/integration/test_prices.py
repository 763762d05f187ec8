"""One price: wherever a person looks, the same request costs the same."""

import json
import re
import sqlite3
from contextlib import closing

import pytest

from bot.cli.ask import Request, Shell
from patterns.core.holds import Payer
from patterns.core.money import format_usd
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import TEAM
from tests.support.running_bot import House, Opened

REQUEST = "use decide: SQLite or PostgreSQL?"
ASKS = "extends: shipped\nlimits: {confirm_above_usd: 0.001}\nbudgets: {new_channels: on}\n"
PRICE = re.compile(r"about (\$\d+\.\d+), at most (\$\d+\.\d+)")
FIRST = "first estimate, from typical lengths"
PAYER = Payer(TEAM, "C0PLATFORM", "channel", "U0DANA")
USUAL_NUSD = 41_500_000
HISTORY = """
INSERT INTO run (id, workspace, channel, channel_kind, user_id, kind, flow, status, stop_reason, epoch, cost_nusd,
                 created_us, delivery_key)
VALUES (:id, :workspace, 'C0PLATFORM', 'channel', 'U1', 'slack', :flow, 'done', 'completed', 1, :cost, 1, :id)
"""


def remember(house: House, flow: str) -> None:
    """Five answered requests of the flow: its history."""
    with closing(sqlite3.connect(house.settings.database_url.removeprefix("sqlite:///"))) as db, db:
        rows = [{"id": f"{flow}{n}", "workspace": TEAM, "flow": flow, "cost": USUAL_NUSD} for n in range(5)]
        db.executemany(HISTORY, rows)


async def told(slack: SlackServer, command: str) -> str:
    """The private reply to a command, blocks and all."""
    count = len(slack.ephemerals())
    await slack.command(command)
    await slack.wait_for(lambda: len(slack.ephemerals()) > count)
    reply = slack.ephemerals()[-1]
    return json.dumps([reply["text"], reply.get("blocks")], ensure_ascii=False).replace("\\n", "\n")


def price_in(text: str, flow: str = "") -> tuple[str, str]:
    """The one price that a text says, of the line about the flow where it lists several."""
    lines = [line for line in text.splitlines() if not flow or f"`{flow}`: " in line]
    found = set(PRICE.findall("\n".join(lines)))
    assert len(found) == 1, (found, text)
    return found.pop()


def message(slack: SlackServer, words: str) -> str:
    return next((m["text"] for m in slack.messages() if words in m["text"]), "")


@pytest.mark.parametrize("has_history", [False, True])
async def test_the_same_request_has_the_same_price_wherever_it_is_told(
    slack: SlackServer, opened: Opened, capsys: pytest.CaptureFixture[str], *, has_history: bool
) -> None:
    async with opened(roster=ASKS) as house:  # type: ignore[call-arg]
        if has_history:
            remember(house, "decide")
        engine = house.bot.engine
        await engine.client.warm()  # before that nothing has a price yet
        seen = {command: price_in(await told(slack, command), "decide") for command in ("help", "flows", "help decide")}
        texts = {"estimate": await told(slack, f"estimate: {REQUEST}")}
        await Shell(engine, Request("SQLite or PostgreSQL?", flow="decide"), PAYER).estimate()
        texts["shell"] = capsys.readouterr().out
        await slack.command("")
        await slack.wait_for(lambda: slack.calls("views.open"))
        form = json.dumps(slack.calls("views.open")[-1], ensure_ascii=False)
        seen["form"] = price_in("\n".join(re.findall(r"decide: about [^\"\\]*", form)))
        await slack.command(REQUEST)
        await slack.wait_for(lambda: message(slack, "until you press Run") and PRICE.search(message(slack, "*decide*")))
        texts["plan"] = message(slack, "*decide*")
        texts["card"] = message(slack, "until you press Run").partition(" Or use")[0]
        await slack.open_home()
        await slack.wait_for(lambda: "A price to accept" in json.dumps(slack.workspace.homes))
        seen["home"] = price_in(json.dumps(slack.workspace.homes, ensure_ascii=False))
        await slack.command("budget set 0.01")
        await slack.wait_for(lambda: message(slack, "changed the monthly limit"))
        texts["refusal"] = (await told(slack, REQUEST)).partition(" Wait")[0]
    seen |= {where: price_in(text) for where, text in texts.items()}
    assert len(set(seen.values())) == 1, seen
    assert {where: FIRST in text for where, text in texts.items()} == dict.fromkeys(texts, not has_history)
    expected, _ = seen["help"]
    assert (expected == format_usd(USUAL_NUSD)) is has_history


async def test_a_request_that_the_router_decides_has_one_price_before_and_after(
    slack: SlackServer, opened: Opened
) -> None:
    async with opened(roster=ASKS) as house:  # type: ignore[call-arg]
        estimate = await told(slack, "estimate: which database?")
        await slack.command("which database?")
        await slack.wait_for(lambda: message(slack, "until you press Run") and PRICE.search(message(slack, "*answer*")))
        seen = [price_in(text) for text in (estimate, message(slack, "*answer*"), message(slack, "until you press"))]
        assert house.spent_nusd() > 0  # the Router has chosen
    assert len(set(seen)) == 1, seen
