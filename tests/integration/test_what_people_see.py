"""What people in a thread see of what models write: answers only, and what the Router made of the request."""

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

from tests.fakes.provider import Call, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER, TEAM
from tests.fakes.team import Team
from tests.support.running_bot import House, Opened

ASK = "which database should we take?"


class Talkative:
    """Routes by `choice`, answers `text`."""

    def __init__(self) -> None:
        self.choice = ""
        self.text = "Take SQLite."
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.systems: list[str] = []

    async def __call__(self, call: Call) -> Reply:
        self.systems.append(json.dumps(call.body))
        if call.schema is not None:
            return Reply(self.choice) if self.choice else Team()(call)
        self.asked.set()
        await self.may_answer.wait()
        return Reply(self.text)


@pytest.fixture
def talker() -> Talkative:
    return Talkative()


@pytest.fixture
def team(talker: Talkative) -> Talkative:
    return talker


def said(slack: SlackServer, channel: str = "C0PLATFORM") -> str:
    mine = [m for m in slack.messages(channel) if m["user"] == BOT_USER]
    return json.dumps([[m["text"], m["blocks"]] for m in mine], ensure_ascii=False)


async def asked(slack: SlackServer, text: str = ASK) -> str:
    await slack.command(text)
    await slack.wait_for(lambda: "answered" in said(slack) and "SQLite" in said(slack))
    return said(slack)


@pytest.mark.usefixtures("house")
async def test_the_thread_says_that_the_default_flow_was_taken_and_why(slack: SlackServer, talker: Talkative) -> None:
    talker.choice = "I would rather talk about the weather."
    seen = await asked(slack)
    assert "The Router could not choose (its answer did not have the required form" in seen
    assert "so this is the default flow." in seen


@pytest.mark.usefixtures("house")
async def test_thinking_and_template_tokens_never_reach_slack(slack: SlackServer, talker: Talkative) -> None:
    talker.text = "<think>\nmy secret\n</think>\n\nTake SQLite.<|im_end|>\U000e0041\u200b"
    seen = await asked(slack)
    assert [token for token in ("secret", "think>", "im_end", "\U000e0041", "\u200b") if token in seen] == []


async def test_a_model_that_is_set_aside_is_not_said_to_be_a_budget_that_ran_out(
    slack: SlackServer, house: House
) -> None:
    with closing(sqlite3.connect(house.settings.database_url.removeprefix("sqlite:///"))) as db, db:
        db.executemany(
            "INSERT INTO model_quarantine (workspace, model, reason, at_us) VALUES (?, ?, 'it billed more', 1)",
            [(TEAM, name) for name in house.bot.executor.engine.roster.models],
        )
    await slack.command("use answer: which database?")
    await slack.wait_for(lambda: "❌ failed" in said(slack))
    seen = said(slack)
    assert (
        "is missing: its model was taken out of use, because the provider billed more than our highest estimate."
        in seen
    )
    assert "budget ran out" not in seen


SHARE = {"is_share": True, "author_name": "Lee", "text": "The exports were late", "files": []}


async def answered(slack: SlackServer, talker: Talkative, channel: str = "C0PLATFORM") -> None:
    """Let the models answer whose plan was looked at, and wait until the answer stands in its place."""
    talker.may_answer.set()
    await slack.wait_for(lambda: talker.text in said(slack, channel))


def asked_of_models(talker: Talkative) -> str:
    return talker.systems[-1]


@pytest.mark.usefixtures("house")
async def test_a_forwarded_message_is_read_and_said_to_be(slack: SlackServer, talker: Talkative) -> None:
    private = {"is_share": True, "private_channel_prompt": True}
    talker.may_answer.clear()
    await slack.say(f"<@{BOT_USER}> use answer: why?", more={"attachments": [SHARE, private]})
    left = "Read 1 forwarded message. A forwarded message was left out: Slack did not hand over the words."
    await slack.wait_for(lambda: left in said(slack))
    await answered(slack, talker)
    assert "[forwarded from Lee] The exports were late" in asked_of_models(talker)


@pytest.mark.usefixtures("house")
async def test_a_forwarded_message_alone_is_a_request_to_read_it(slack: SlackServer, talker: Talkative) -> None:
    talker.may_answer.clear()
    await slack.say("", channel="D0DANA", more={"attachments": [SHARE]})
    await slack.wait_for(lambda: "Read 1 forwarded message." in said(slack, "D0DANA"))
    await answered(slack, talker, "D0DANA")
    assert "[forwarded from Lee] The exports were late" in asked_of_models(talker)


@pytest.mark.usefixtures("house")
async def test_words_in_blocks_and_fields_of_a_thread_are_read(slack: SlackServer, talker: Talkative) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "Deploy *failed*"}}]
    root = await slack.say("", user="U0LEE", more={"blocks": blocks})
    fields = [{"title": "Host", "value": "db1"}]
    await slack.say("", user="U0LEE", thread_ts=root, more={"attachments": [{"title": "CPU", "fields": fields}]})
    await slack.say("", user="U0LEE", thread_ts=root, more={"blocks": [{"type": "image", "image_url": "x"}]})
    talker.may_answer.clear()
    await slack.say(f"<@{BOT_USER}> use answer: what happened?", thread_ts=root)
    told = (
        "Read 2 messages. 1 message of this thread had no words and was left out. "
        "Of this thread I read words only, not a picture."
    )
    await slack.wait_for(lambda: told in said(slack))
    await answered(slack, talker)
    assert "Deploy *failed*" in asked_of_models(talker)
    assert "Host: db1" in asked_of_models(talker)


@pytest.mark.usefixtures("house")
async def test_a_command_brings_no_message_so_none_is_said_to_be_left_out(slack: SlackServer) -> None:
    await slack.command("use answer: why?")
    await slack.wait_for(lambda: "answered" in said(slack))
    assert "left out" not in said(slack)


async def test_a_command_that_nobody_can_see_is_help_and_costs_nothing(slack: SlackServer, house: House) -> None:
    await slack.command("\u200b\u2060")
    await slack.wait_for(slack.ephemerals)
    assert "/agents" in slack.ephemerals()[-1]["text"]
    assert house.ledger("SELECT COUNT(*) FROM run") == 0


# ---------------------------------------------------------------- what was deleted


def mine(slack: SlackServer, channel: str, words: str) -> list[str]:
    return [m["text"] for m in slack.messages(channel) if m["user"] == BOT_USER and words in json.dumps(m)]


async def test_a_request_deleted_by_its_author_is_stopped_and_nothing_is_delivered(
    slack: SlackServer, talker: Talkative, house: House
) -> None:
    talker.may_answer.clear()
    asked_ts = await slack.say(f"<@{BOT_USER}> use answer: {ASK}")
    await talker.asked.wait()
    await slack.delete(asked_ts)
    await house.until_no_run_is_open()
    assert house.ledger("SELECT COUNT(*) FROM run WHERE stop_reason = 'cancelled'") == 1
    await slack.wait_for(lambda: said(slack) == "[]")
    assert mine(slack, "C0PLATFORM", "Take SQLite.") == []
    assert house.ledger("SELECT COUNT(*) FROM slack_out WHERE name LIKE 'answer/%' AND state <> 'abandoned'") == 0
    assert house.held_nusd() == 0


async def test_where_our_root_is_gone_the_answer_goes_to_the_asker_once(
    slack: SlackServer, talker: Talkative, house: House
) -> None:
    talker.may_answer.clear()
    await slack.command(f"use answer: {ASK}")
    await talker.asked.wait()
    root = next(m for m in slack.messages("C0PLATFORM") if m["user"] == BOT_USER)
    await slack.delete(root["ts"])
    talker.may_answer.set()
    await slack.wait_for(lambda: mine(slack, "D0DANA", "Take SQLite."))
    await house.until_no_run_is_open()
    (answer,) = mine(slack, "D0DANA", "Take SQLite.")
    assert answer.startswith("The message of your request was deleted, so here is what came of it.")
    assert mine(slack, "C0PLATFORM", "Take SQLite.") == []


async def test_an_answer_to_the_asker_whose_arrival_was_not_heard_of_comes_once(
    slack: SlackServer, talker: Talkative, opened: Opened
) -> None:
    talker.may_answer.clear()
    async with opened() as house:
        await slack.command(f"use answer: {ASK}")
        await talker.asked.wait()
        root = next(m for m in slack.messages("C0PLATFORM") if m["user"] == BOT_USER)
        await slack.delete(root["ts"])
        slack.fail("chat.postMessage", lose="after")
        talker.may_answer.set()
        await slack.wait_for(lambda: mine(slack, "D0DANA", "Take SQLite."))
        await house.until_no_run_is_open()
    async with opened() as house:
        await house.until_no_run_is_open()
    assert len(mine(slack, "D0DANA", "Take SQLite.")) == 1
    assert mine(slack, "C0PLATFORM", "Take SQLite.") == []
