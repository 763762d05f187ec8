"""The whole bot over a strict Slack double: deliveries repeat, processes end, posts fail; one request, one answer."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.messages.action_ids import DM_INSTEAD, RUN_CONFIRM, RUN_STOP
from bot.slack.errors import SlackError
from bot.threads.edits import MessageEdits
from storage.outbox import Outbox
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team
from tests.support.running_bot import House, Opened, open_house

PLATFORM, OTHER, DM = "C0PLATFORM", "C0OTHER", "D0DANA"
DECIDE = "use decide: SQLite or PostgreSQL?"
RECOMMENDED = "Take SQLite now"


class Insistent(SlackServer):
    """Delivers everything twice, as Slack does when it doubts that the first one arrived."""

    async def deliver(self, kind: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        await super().deliver(kind, payload)
        return await super().deliver(kind, payload)


def texts(slack: SlackServer, channel: str = PLATFORM) -> list[str]:
    """What the bot said in a channel, blocks included."""
    said = [m for m in slack.messages(channel) if m["user"] == BOT_USER]
    return [json.dumps([m["text"], m.get("blocks", [])], ensure_ascii=False) for m in said]


def privately(slack: SlackServer, text: str) -> list[str]:
    return [m["text"] for m in slack.ephemerals() if text in m["text"]]


def answers(slack: SlackServer, text: str = RECOMMENDED, channel: str = PLATFORM) -> int:
    return sum(text in said for said in texts(slack, channel))


async def until_ended(slack: SlackServer, word: str = "answered", channel: str = PLATFORM) -> None:
    """Wait until a root that a command opened says so."""
    await slack.wait_for(lambda: any(f"{word} · " in said and "asked:" in said for said in texts(slack, channel)))


async def until_delivered(slack: SlackServer, house: House) -> None:
    """Wait until a mention's answer stands and nothing more is to be posted."""
    await slack.wait_for(lambda: answers(slack))
    await house.until_no_run_is_open()


# ---------------------------------------------------------------- the main job


async def test_a_command_leaves_a_root_and_one_message_that_was_the_plan_and_is_the_answer(
    slack: SlackServer, house: House
) -> None:
    await slack.command(DECIDE)
    root, plan = await slack.wait_for(lambda: (len(slack.messages()) == 2 and slack.messages()) or None)
    await until_ended(slack)
    assert [message["ts"] for message in slack.messages()] == [root["ts"], plan["ts"]]
    answer = slack.workspace.message(PLATFORM, plan["ts"])
    assert (answer["thread_ts"], RECOMMENDED in answer["text"]) == (root["ts"], True)
    assert (slack.ephemerals(), house.held_nusd()) == ([], 0)


async def test_a_mention_leaves_one_message_of_ours(slack: SlackServer, house: House) -> None:
    asked = await slack.say(f"<@{BOT_USER}> {DECIDE}")
    await until_delivered(slack, house)
    (answer,) = [message for message in slack.messages() if message["user"] == BOT_USER]
    assert answer["thread_ts"] == asked


async def test_a_slow_answer_is_a_new_post_and_its_plan_goes_away(
    slack: SlackServer, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.threads.answer_place.NEW_POST_AFTER_S", 0.0)
    await slack.say(f"<@{BOT_USER}> {DECIDE}")
    plan = (await slack.wait_for(lambda: slack.messages()[1:]))[0]
    await until_delivered(slack, house)
    (answer,) = [message for message in slack.messages() if message["user"] == BOT_USER]
    assert (RECOMMENDED in answer["text"], answer["ts"] != plan["ts"]) == (True, True)
    assert [call["ts"] for call in slack.calls("chat.delete")] == [plan["ts"]]


@pytest.mark.parametrize("slow", [False, True])
async def test_an_answer_that_stands_when_the_process_dies_is_not_told_twice(
    slack: SlackServer, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, slow: bool
) -> None:
    """The process dies between the answer and what follows it: the record of the edit, or the plan's removal."""
    monkeypatch.setattr("bot.threads.answer_place.NEW_POST_AFTER_S", 0.0 if slow else 60.0)
    start = partial(open_house, api_url=slack.url, provider=provider, folder=tmp_path)

    async def dies(*_: Any, **__: Any) -> None:
        raise SlackError("unreachable", code="connection", method="chat.delete")

    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(MessageEdits, "remove", dies)
        if not slow:
            dying.setattr(Outbox, "mark_posted", _but_for_the_answer(Outbox.mark_posted))
        async with start() as house:
            await slack.say(f"<@{BOT_USER}> {DECIDE}")
            await slack.wait_for(lambda: answers(slack))
            await house.until_no_run_is_open()
    async with start() as house:
        await house.bot.executor.resume_orphans()
        async with asyncio.timeout(30):
            while house.ledger("SELECT COUNT(*) FROM slack_out WHERE state = 'intended'"):  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.02)
        assert (answers(slack), len(texts(slack)), len(provider.calls)) == (1, 1, 5)


def _but_for_the_answer(recorded: Any) -> Any:
    async def posted(self: Outbox, run_id: str, name: str, ts: str) -> None:
        if name == "answer/0":
            raise SlackError("unreachable", code="connection", method="chat.update")
        await recorded(self, run_id, name, ts)

    return posted


async def test_two_requests_in_a_thread_are_answered_one_after_the_other(slack: SlackServer, house: House) -> None:
    first = await slack.say(f"<@{BOT_USER}> {DECIDE}")
    await slack.say(f"<@{BOT_USER}> {DECIDE} And for two teams?", thread_ts=first)
    await slack.wait_for(lambda: answers(slack) == 2)
    assert house.ledger("SELECT COUNT(*) FROM run WHERE status = 'done'") == 2


async def test_who_deletes_the_question_stops_the_work(slack: SlackServer, team: Team, house: House) -> None:
    team.delay_s = 60
    asked = await slack.say(f"<@{BOT_USER}> {DECIDE}")
    await slack.wait_for(lambda: any("advocate" in said for said in texts(slack)))
    await slack.delete(asked)
    await slack.wait_for(lambda: texts(slack) == [])
    await house.until_no_run_is_open()
    assert (house.held_nusd(), house.ledger("SELECT COUNT(*) FROM run WHERE stop_reason = 'cancelled'")) == (0, 1)


async def test_a_waiting_question_can_be_stopped(slack: SlackServer, house: House) -> None:
    await slack.command("use postmortem: checkout was down")
    await slack.wait_for(lambda: any(RUN_CONFIRM in said for said in texts(slack)))
    await slack.click(RUN_STOP)
    await until_ended(slack, "stopped")
    assert house.spent_nusd() == 0


# ---------------------------------------------------------------- delivered twice


@pytest.mark.parametrize("how", ["command", "mention"])
async def test_what_slack_delivers_twice_is_done_once(how: str, provider: Provider, tmp_path: Path) -> None:
    async with Insistent() as slack, open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house:
        if how == "command":
            await slack.command(DECIDE)
        else:
            await slack.say(f"<@{BOT_USER}> {DECIDE}")
        await until_delivered(slack, house)
        assert (answers(slack), len(provider.calls)) == (1, 5)
        assert house.ledger("SELECT COUNT(*) FROM run") == 1


async def test_a_mention_and_its_message_are_one_request(slack: SlackServer, provider: Provider, house: House) -> None:
    await slack.say(f"<@{BOT_USER}> {DECIDE}")
    await until_delivered(slack, house)
    assert (answers(slack), len(provider.calls), house.ledger("SELECT COUNT(*) FROM run")) == (1, 5, 1)


# ---------------------------------------------------------------- the process ends


async def test_a_run_cut_off_goes_on_in_the_next_process_and_pays_no_step_twice(
    slack: SlackServer, tmp_path: Path
) -> None:
    hangs = True

    def chair_hangs(call: Call) -> Reply:
        return Reply("late", delay_s=60) if hangs and "You chair a decision" in call.system else Team()(call)

    async with Provider(chair_hangs) as provider:
        start = partial(open_house, api_url=slack.url, provider=provider, folder=tmp_path)
        async with start():
            await slack.command(DECIDE)
            await slack.wait_for(lambda: any("⏳ chair" in said for said in texts(slack)))
        hangs = False
        async with start() as house:
            await until_ended(slack)
            assert answers(slack) == 1
            assert len(slack.messages()) == 2
            # Four voices and the chair; what the interrupted chair may have cost is counted as well.
            assert house.ledger("SELECT COUNT(*) FROM call WHERE state = 'settled'") == 5
            assert house.ledger("SELECT COUNT(*) FROM call WHERE state = 'uncertain' AND path LIKE '%/chair'") == 1
            assert house.held_nusd() == 0
        assert len(provider.calls) == 6


async def test_a_question_waits_through_a_restart(slack: SlackServer, opened: Opened) -> None:
    async with opened():
        await slack.command("use postmortem: checkout was down")
        await slack.wait_for(lambda: any(RUN_CONFIRM in said for said in texts(slack)))
    async with opened():
        await slack.click(RUN_CONFIRM)
        await until_ended(slack)
    assert sum(RUN_CONFIRM in said or "accepted the price" in said for said in texts(slack)) == 1


# ---------------------------------------------------------------- posts fail


async def test_an_answer_that_slack_did_not_take_is_posted_by_the_next_process(
    slack: SlackServer, tmp_path: Path
) -> None:
    def breaks_with_the_chair(call: Call) -> Reply:
        if "You chair a decision" in call.system:
            slack.workspace.revoked = True
        return Team()(call)

    async with Provider(breaks_with_the_chair) as provider:
        async with open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house:
            await slack.command(DECIDE)
            await slack.wait_for(lambda: slack.workspace.revoked)
            await house.until_no_run_is_open()
        assert answers(slack) == 0
        slack.workspace.revoked = False
        async with open_house(api_url=slack.url, provider=provider, folder=tmp_path):
            await until_ended(slack)
        async with open_house(api_url=slack.url, provider=provider, folder=tmp_path):
            assert (answers(slack), len(provider.calls)) == (1, 5)


async def test_an_answer_whose_receipt_was_lost_is_not_posted_again(slack: SlackServer, tmp_path: Path) -> None:
    def loses_the_receipt(call: Call) -> Reply:
        if "You chair a decision" in call.system:
            slack.fail("chat.postMessage", lose="after")
        return Team()(call)

    async with (
        Provider(loses_the_receipt) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path),
    ):
        await slack.command(DECIDE)
        await until_ended(slack)
        assert answers(slack) == 1


async def test_thrown_out_of_the_channel_the_bot_answers_the_asker_directly(
    slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.threads.answer_place.NEW_POST_AFTER_S", 0.0)

    def throws_out(call: Call) -> Reply:
        slack.workspace.channels[PLATFORM].members.discard(BOT_USER)
        return Team()(call)

    async with (
        Provider(throws_out) as provider,
        open_house(api_url=slack.url, provider=provider, folder=tmp_path),
    ):
        await slack.command(DECIDE)
        await slack.wait_for(lambda: answers(slack, channel=DM))


# ---------------------------------------------------------------- where it may not work


async def test_outside_a_channel_it_asks_to_be_invited_and_keeps_the_request(
    slack: SlackServer, provider: Provider, house: House
) -> None:
    await slack.command(DECIDE, channel=OTHER)
    await slack.wait_for(lambda: privately(slack, "Invite me with `/invite @agents`, or run this in our DM."))
    assert (provider.calls, house.ledger("SELECT COUNT(*) FROM run")) == ([], 0)
    await slack.click(DM_INSTEAD, channel=OTHER)
    await until_ended(slack, channel=DM)
    assert answers(slack, channel=DM) == 1


@pytest.mark.usefixtures("house")
async def test_a_channel_it_left_a_moment_ago_is_treated_the_same(slack: SlackServer, provider: Provider) -> None:
    slack.fail("chat.postMessage", error="not_in_channel")
    await slack.command(DECIDE)
    await slack.wait_for(lambda: privately(slack, "Invite me with `/invite @agents`"))
    await slack.click(DM_INSTEAD)
    await until_ended(slack, channel=DM)
    assert (answers(slack, channel=DM), len(provider.calls)) == (1, 5)


@pytest.mark.parametrize(
    ("who", "where", "sentence"),
    [
        ({"is_restricted": True}, {}, "Guests can only ask where an admin allowed it"),
        ({"team_id": "T0ELSEWHERE"}, {}, "I only work for members of this organisation."),
        ({}, {"is_ext_shared": True}, "This channel is shared with another organisation"),
    ],
)
@pytest.mark.usefixtures("house")
async def test_strangers_are_refused_before_any_model_is_asked(
    slack: SlackServer, provider: Provider, who: dict[str, Any], where: dict[str, Any], sentence: str
) -> None:
    slack.workspace.users["U0DANA"].update(who)
    for name, value in where.items():
        setattr(slack.workspace.channels[PLATFORM], name, value)
    await slack.command(DECIDE)
    await slack.wait_for(lambda: privately(slack, sentence))
    assert (provider.calls, texts(slack)) == ([], [])
