"""New channels through the whole bot: on trial until an admin enables them, greeted once when the bot is invited."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest

from bot.messages.action_ids import CHANNEL_ENABLE, OWN_WORDS
from tests.fakes.slack_server import SlackServer
from tests.support.running_bot import House, Opened

ASK = "use answer with researcher: SQLite or PostgreSQL?"
ROSTER = "extends: shipped\nbudgets: {{new_channels: {mode}, default_channel_usd: {usual}}}\n"


def said(slack: SlackServer, text: str, channel: str = "C0PLATFORM") -> list[dict[str, Any]]:
    return [message for message in slack.messages(channel) if text in message["text"]]


def private(slack: SlackServer, text: str, user: str = "U0DANA") -> list[dict[str, Any]]:
    return [message for message in slack.ephemerals(user) if text in message["text"]]


def sql(house: House, statement: str) -> None:
    with closing(sqlite3.connect(house.settings.database_url.removeprefix("sqlite:///"))) as db, db:
        db.execute(statement)


@pytest.fixture
async def trial(opened: Opened) -> AsyncIterator[House]:
    async with opened(roster=ROSTER.format(mode="trial", usual=25)) as house:
        yield house


async def press_again(slack: SlackServer, user: str) -> None:
    """Press what an open page still shows although the card has lost it."""
    action = {"type": "button", "action_id": CHANNEL_ENABLE, "block_id": "b", "value": "C0PLATFORM"}
    payload = {**slack._who("block_actions", user), "channel": {"id": "C0PLATFORM", "name": "platform"}}
    url = slack._response_url("C0PLATFORM", user)
    await slack.deliver("interactive", {**payload, "actions": [{**action, "action_ts": "1.2"}], "response_url": url})


async def until_enabled(slack: SlackServer) -> None:
    await slack.click(CHANNEL_ENABLE)
    await slack.wait_for(lambda: said(slack, "enabled this channel. It has $25.00 a month now."))


async def test_a_new_channel_is_on_trial(slack: SlackServer, trial: House) -> None:
    await slack.command("balance")
    await slack.wait_for(lambda: private(slack, "($2.00 limit"))
    await slack.command(ASK)
    await slack.wait_for(lambda: said(slack, "PostgreSQL**") or said(slack, "*PostgreSQL*"))
    await trial.until_no_run_is_open()
    assert trial.spent_nusd() > 0


async def test_the_first_refusal_shows_everybody_who_can_enable_it_once(slack: SlackServer, trial: House) -> None:
    await slack.command("balance")
    await slack.wait_for(lambda: private(slack, "$2.00 limit"))
    sql(
        trial,
        """UPDATE channel SET limit_nusd = 1, settings_json = '{"opening": {"state": "trial", "limit_nusd": 1}}'""",
    )
    for count in (1, 2):
        await slack.command(ASK)
        await slack.wait_for(lambda count=count: len(private(slack, "Not started, nothing spent.")) == count)
    await slack.wait_for(lambda: said(slack, "This channel is on trial"))
    (card,) = said(slack, "This channel is on trial")
    assert "can press Enable: then it has $25.00 a month" in card["text"]
    assert trial.spent_nusd() == 0
    await until_enabled(slack)
    await slack.command(ASK)
    await slack.wait_for(lambda: said(slack, "PostgreSQL**") or said(slack, "*PostgreSQL*"))
    assert said(slack, "This channel is on trial") == []
    (card,) = [one for one in slack.messages() if one["ts"] == card["ts"]]
    assert card["text"] == "✅ Dana enabled this channel. It has $25.00 a month."
    assert CHANNEL_ENABLE not in json.dumps(card["blocks"])
    await press_again(slack, "U0DANA")
    await slack.wait_for(lambda: private(slack, "This channel is enabled already, with $25.00 a month."))
    await press_again(slack, "U0LEE")
    await slack.wait_for(lambda: private(slack, "Only admins of this workspace and the owners", "U0LEE"))
    assert len(said(slack, "enabled this channel")) == 2  # the card and what everybody was told


async def test_others_than_admins_cannot_enable_it(slack: SlackServer, opened: Opened) -> None:
    async with opened(roster=ROSTER.format(mode="off", usual=25)) as house:
        await slack.command(ASK)
        await slack.wait_for(lambda: said(slack, "This channel is not enabled yet, so nothing starts here."))
        await slack.click(CHANNEL_ENABLE, user="U0LEE")
        await slack.wait_for(lambda: private(slack, "Only admins of this workspace and the owners", "U0LEE"))
        assert house.ledger("SELECT COUNT(*) FROM run") == 0
        await until_enabled(slack)


async def test_where_it_was_before_a_channel_keeps_what_it_has(slack: SlackServer, opened: Opened) -> None:
    async with opened(roster=ROSTER.format(mode="on", usual=25)) as house:
        await slack.command(ASK)
        await slack.wait_for(lambda: said(slack, "PostgreSQL**") or said(slack, "*PostgreSQL*"))
        await house.until_no_run_is_open()
    async with opened(roster=ROSTER.format(mode="trial", usual=25)):
        await slack.command("balance")
        await slack.wait_for(lambda: private(slack, "$25.00 limit"))


@pytest.mark.usefixtures("trial")
async def test_an_admin_s_home_has_the_button(slack: SlackServer) -> None:
    await slack.command("balance")
    await slack.wait_for(lambda: private(slack, "$2.00 limit"))
    await slack.open_home()
    await slack.wait_for(lambda: slack.calls("views.publish"))
    view = slack.calls("views.publish")[-1]["view"]
    buttons = [element for block in view["blocks"] for element in block.get("elements", [])]
    assert [one["value"] for one in buttons if one.get("action_id") == CHANNEL_ENABLE] == ["C0PLATFORM"]


# ---------------------------------------------------------------- invited


async def test_invited_it_says_once_who_it_is_and_an_admin_s_invitation_enables(
    slack: SlackServer, trial: House
) -> None:
    for _ in range(2):
        await slack.invite("C0PLATFORM")
        await trial.until_no_run_is_open()
    (hello,) = said(slack, "Several agents work on your request")
    lines = hello["text"].splitlines()
    assert len(lines) == 3
    assert "I read a thread only when somebody calls me into it" in lines[1]
    assert "a model on the machine that runs me; I keep it for 90 days." in lines[2]
    (settings,) = [m for m in slack.messages(slack.workspace.dm("U0DANA").id) if "You invited me to" in m["text"]]
    assert "The channel may spend $25.00 a month." in settings["text"]
    await slack.command("balance")
    await slack.wait_for(lambda: private(slack, "$25.00 limit"))
    await slack.click(OWN_WORDS, user="U0LEE")
    (page,) = await slack.wait_for(lambda: list(slack.workspace.views.values()))
    for words in ("is deleted here after 90 days", "0 requests: where", "Send me a copy", "Erase my words"):
        assert words in json.dumps(page)


async def test_invited_by_somebody_else_the_channel_is_on_trial(slack: SlackServer, trial: House) -> None:
    await slack.invite("C0PLATFORM", inviter="U0LEE")
    await trial.until_no_run_is_open()
    (settings,) = [m for m in slack.messages(slack.workspace.dm("U0LEE").id) if "You invited me to" in m["text"]]
    assert "The channel is on trial with $2.00 a month, until" in settings["text"]
    assert settings["blocks"][-1]["type"] != "actions"


async def test_where_it_was_before_it_says_nothing(slack: SlackServer, trial: House) -> None:
    await slack.command(ASK)
    await slack.wait_for(lambda: said(slack, "PostgreSQL**") or said(slack, "*PostgreSQL*"))
    await slack.invite("C0PLATFORM")
    await trial.until_no_run_is_open()
    assert said(slack, "Several agents work on your request") == []
    assert slack.messages(slack.workspace.dm("U0DANA").id) == []


async def test_without_an_inviter_it_still_greets(slack: SlackServer, trial: House) -> None:
    await slack.invite("C0PLATFORM", inviter="")
    await trial.until_no_run_is_open()
    assert len(said(slack, "Several agents work on your request")) == 1
