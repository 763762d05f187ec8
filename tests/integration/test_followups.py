"""Conversations over a strict Slack double: who goes on with a thread, what is read of it, what links lead to."""

import json
from typing import Any

import pytest

from bot.messages.action_ids import RUN_EDITED, RUN_STOP
from tests.fakes.provider import Call, Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team
from tests.support.running_bot import House

PLATFORM, OTHER = "C0PLATFORM", "C0OTHER"
DANA, LEE = "U0DANA", "U0LEE"
ASK = "use answer: SQLite or PostgreSQL?"
ANSWER = "once two programs write"


def said(slack: SlackServer, text: str, channel: str = PLATFORM) -> list[dict[str, Any]]:
    """The bot's messages that contain a text."""
    return [m for m in slack.messages(channel) if m["user"] == BOT_USER and text in m["text"]]


async def until_answered(slack: SlackServer, times: int = 1) -> None:
    await slack.wait_for(lambda: len(said(slack, ANSWER)) == times)


def asked_of_models(provider: Provider) -> str:
    """Everything the models were sent."""
    return "\n".join(str(call.body) for call in provider.calls)


def last(provider: Provider) -> Call:
    return provider.calls[-1]


# ---------------------------------------------------------------- follow-ups


async def test_the_askers_reply_goes_on_and_knows_what_was_said(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    root = await slack.say(f"<@{BOT_USER}> {ASK}")
    await until_answered(slack)
    await slack.say("use answer: and for three teams?", thread_ts=root)
    await until_answered(slack, 2)
    sent = str(last(provider).body)
    assert "and for three teams?" in sent
    assert "SQLite or PostgreSQL?" in sent
    assert ANSWER in sent
    assert house.ledger("SELECT COUNT(*) FROM run") == 2


async def test_others_are_left_alone_until_they_tag_the_bot(slack: SlackServer, house: House) -> None:
    root = await slack.say(f"<@{BOT_USER}> {ASK}")
    await until_answered(slack)
    await slack.say("I would have said MySQL", user=LEE, thread_ts=root)
    await slack.say(f"<@{LEE}> what do you think?", thread_ts=root)
    await slack.say(f"<@{BOT_USER}> use answer: and MySQL?", user=LEE, thread_ts=root)
    await until_answered(slack, 2)
    assert house.ledger("SELECT COUNT(*) FROM run") == 2
    assert house.ledger("SELECT COUNT(*) FROM inbox") == 2


async def test_a_later_request_says_that_it_waits_in_the_message_that_becomes_its_answer(
    slack: SlackServer, team: Team, house: House
) -> None:
    team.delay_s = 2.0
    root = await slack.say(f"<@{BOT_USER}> {ASK}")
    await slack.wait_for(lambda: len(slack.messages()) == 2)
    second = await slack.say("use answer: and for three teams?", thread_ts=root)
    (line,) = await slack.wait_for(lambda: said(slack, "Queued"))
    await until_answered(slack, 2)
    await house.until_no_run_is_open()
    assert line["thread_ts"] == root
    assert house.ledger("SELECT COUNT(*) FROM run WHERE status = 'done'") == 2
    ours = [message["ts"] for message in slack.messages() if message["user"] == BOT_USER]
    assert (ours[1:], len(slack.messages())) == ([line["ts"]], 4)
    assert second != line["ts"]


async def line_up(slack: SlackServer, team: Team) -> tuple[str, dict[str, Any]]:
    """A thread that is busy for a minute, and the line of a second request that waits in it."""
    team.delay_s = 60.0
    root = await slack.say(f"<@{BOT_USER}> {ASK}")
    await slack.wait_for(lambda: len(slack.messages()) == 2)
    await slack.say("use answer: and for three teams?", thread_ts=root)
    (line,) = await slack.wait_for(lambda: said(slack, "Queued"))
    return root, line


@pytest.mark.parametrize("way", ["button", "sign", "deleted", "word"])
async def test_a_request_in_line_is_stopped_at_once_and_the_line_says_so(
    slack: SlackServer, team: Team, house: House, provider: Provider, way: str
) -> None:
    root, line = await line_up(slack, team)
    (waiting,) = [m for m in slack.messages() if m["text"].startswith("use answer: and for three")]
    match way:
        case "button":
            await slack.click(RUN_STOP)
        case "sign":
            item = {"type": "message", "channel": PLATFORM, "ts": line["ts"]}
            await slack.event({"type": "reaction_added", "reaction": "octagonal_sign", "user": DANA, "item": item})
        case "deleted":
            await slack.delete(waiting["ts"])
        case "word":
            run = "r" + json.dumps(line["blocks"]).split('"value": "r')[1][:12]
            await slack.say(f"<@{BOT_USER}> stop {run}", thread_ts=root)
    await slack.wait_for(lambda: said(slack, "Stopped before it started. Nothing was spent."))
    assert slack.workspace.message(PLATFORM, line["ts"])["text"].startswith("⏹️")
    await slack.wait_for(lambda: house.ledger("SELECT COUNT(*) FROM run WHERE stop_reason = 'cancelled'") == 1)
    assert house.ledger("SELECT COUNT(*) FROM run WHERE status = 'running'") == 1
    await slack.say(f"<@{BOT_USER}> stop", thread_ts=root)
    await house.until_no_run_is_open()
    assert "three teams" not in asked_of_models(provider)
    assert house.ledger("SELECT COUNT(*) FROM slack_out WHERE state = 'intended'") == 0


async def test_an_edit_is_offered_and_never_restarts_by_itself(slack: SlackServer, house: House) -> None:
    asked = await slack.say(f"<@{BOT_USER}> {ASK}")
    await until_answered(slack)
    await slack.edit(asked, f"<@{BOT_USER}> {ASK}")
    assert slack.ephemerals() == []
    await slack.edit(asked, f"<@{BOT_USER}> use answer: MySQL or MariaDB?")
    await slack.wait_for(slack.ephemerals)
    assert house.ledger("SELECT COUNT(*) FROM run") == 1
    await slack.click(RUN_EDITED)
    await until_answered(slack, 2)
    assert house.ledger("SELECT COUNT(*) FROM run") == 2


# ---------------------------------------------------------------- reading threads


async def talk(slack: SlackServer, channel: str = PLATFORM, count: int = 3) -> str:
    """A talk of people that we were not called into."""
    root = await slack.say("The exports were late on Monday", user=LEE, channel=channel)
    for number in range(1, count):
        await slack.say(f"remark {number}", user=LEE, channel=channel, thread_ts=root)
    return root


async def test_called_into_a_talk_it_reads_that_once_and_says_so(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    root = await talk(slack)
    await slack.say(f"<@{BOT_USER}> use answer: what happened?", thread_ts=root)
    await slack.wait_for(lambda: said(slack, "Read 3 messages."))
    await until_answered(slack)
    assert "] The exports were late on Monday" in str(last(provider).body)
    assert "[Lee, " in str(last(provider).body)
    await slack.say(f"<@{BOT_USER}> use answer: and why?", thread_ts=root)
    await until_answered(slack, 2)
    assert "The exports were late on Monday" in str(last(provider).body)
    assert len([call for call in slack.calls("conversations.replies") if call["ts"] == root]) == 1
    assert house.ledger("SELECT COUNT(*) FROM inbox") == 2


async def test_half_characters_keep_no_talk_from_being_read(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    root = await slack.say("The exports \ud800 were \x00 late", user=LEE)
    await slack.say(f"<@{BOT_USER}> use answer: what happened?", thread_ts=root)
    await until_answered(slack)
    assert house.held_nusd() == 0
    assert "The exports ? were \N{REPLACEMENT CHARACTER} late" in json.dumps(last(provider).body, ensure_ascii=False)


async def test_untagged_replies_in_a_talk_of_others_stay_theirs(slack: SlackServer, house: House) -> None:
    root = await talk(slack)
    await slack.say(f"<@{BOT_USER}> use answer: what happened?", thread_ts=root)
    await until_answered(slack)
    await slack.say("thanks", thread_ts=root)
    assert house.ledger("SELECT COUNT(*) FROM inbox") == 1


async def test_of_a_long_talk_the_beginning_and_the_newest_are_read(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    root = await talk(slack, count=150)
    await slack.say(f"<@{BOT_USER}> use answer: what happened?", thread_ts=root)
    await slack.wait_for(lambda: said(slack, "Read 100 messages. Of this thread I read the beginning and the newest"))
    await until_answered(slack)
    sent = str(last(provider).body)
    assert "remark 149" in sent
    assert "remark 50\\n" not in sent
    assert house.held_nusd() == 0


async def test_a_talk_that_cannot_be_read_is_said(slack: SlackServer, house: House) -> None:
    root = await talk(slack)
    slack.fail("conversations.replies", error="missing_scope", times=5)
    await slack.say(f"<@{BOT_USER}> use answer: what happened?", thread_ts=root)
    await slack.wait_for(lambda: said(slack, "I could not read this thread: the app may not read messages here"))
    await until_answered(slack)
    assert house.held_nusd() == 0


def address(channel: str, ts: str) -> str:
    return f"https://agents.slack.com/archives/{channel}/p{ts.replace('.', '')}"


async def test_a_linked_message_is_read_with_its_thread(slack: SlackServer, house: House, provider: Provider) -> None:
    root = await talk(slack)
    await slack.command(f"use answer: what happened in <{address(PLATFORM, root)}>?")
    await slack.wait_for(lambda: said(slack, "Read 3 messages."))
    await until_answered(slack)
    assert "] The exports were late on Monday" in str(last(provider).body)
    assert house.held_nusd() == 0


@pytest.mark.parametrize(
    ("members", "why"),
    [({LEE, BOT_USER}, "you are not in its channel"), ({"U0DANA", LEE}, "I am not in its channel")],
)
async def test_a_link_opens_nothing_that_its_reader_may_not_see(
    slack: SlackServer, house: House, provider: Provider, members: set[str], why: str
) -> None:
    slack.workspace.add_channel("C0SECRET", "secret", members | {BOT_USER}, is_private=True)
    root = await talk(slack, "C0SECRET")
    slack.workspace.channels["C0SECRET"].members = members
    await slack.command(f"use answer: what happened in <{address('C0SECRET', root)}>?")
    await slack.wait_for(lambda: said(slack, f"A linked message was left out: {why}."))
    await until_answered(slack)
    assert "exports" not in asked_of_models(provider)
    assert house.held_nusd() == 0
