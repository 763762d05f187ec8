from typing import Any

import pytest

from bot.requests import RunRequest
from bot.views import HelpView, NoticeView
from tests.fakes.bot_services import ANNA, BOT, CHANNEL, DM, MENU, TEAM, Bot, event, mention, message

TS = "1700000000.000100"


async def test_a_mention_asks_in_its_own_thread(bot: Bot) -> None:
    response = await bot.receive(mention(f"<@{BOT}> use decide: tea?"))
    expected = RunRequest(
        delivery_key=f"message:{TEAM}:{CHANNEL}:{TS}",
        workspace=TEAM,
        channel=CHANNEL,
        channel_kind="channel",
        user=ANNA,
        text="tea?",
        flow="decide",
        message_ts=TS,
    )
    assert response.status == 200
    assert [expected] == bot.runs.opened


async def test_a_mention_inside_a_thread_runs_in_that_thread(bot: Bot) -> None:
    await bot.receive(mention(f"<@{BOT}> and coffee?", thread_ts="1600000000.000001"))
    assert [(run.thread_ts, run.message_ts) for run in bot.runs.opened] == [("1600000000.000001", TS)]


@pytest.mark.parametrize("mention_first", [True, False])
async def test_mention_and_message_of_one_posting_are_one_request(bot: Bot, mention_first: bool) -> None:  # noqa: FBT001 - a case
    both = [mention(f"<@{BOT}> tea?"), message(f"<@{BOT}> tea?")]
    for body in both if mention_first else reversed(both):
        assert (await bot.receive(body)).status == 200
    assert [run.text for run in bot.runs.opened] == ["tea?"]


async def test_a_retried_delivery_changes_nothing(bot: Bot) -> None:
    body = mention(f"<@{BOT}> tea?")
    await bot.receive(body)
    assert (await bot.receive(body, retry=1)).status == 200
    assert len(bot.runs.opened) == 1


async def test_a_first_delivery_that_only_arrives_as_a_retry_is_answered(bot: Bot) -> None:
    await bot.receive(mention(f"<@{BOT}> tea?"), retry=2)
    assert [run.text for run in bot.runs.opened] == ["tea?"]


async def test_direct_messages_need_no_mention(bot: Bot) -> None:
    await bot.receive(message("tea?", channel=DM))
    await bot.receive(message("and coffee?", channel=DM, ts="1700000001.000100", thread_ts=TS))
    assert [(run.text, run.channel_kind, run.thread_ts) for run in bot.runs.opened] == [
        ("tea?", "dm", None),
        ("and coffee?", "dm", TS),
    ]


async def test_commands_work_in_messages_too(bot: Bot) -> None:
    await bot.receive(mention(f"<@{BOT}>: stop", thread_ts="1600000000.000001"))
    assert [said["thread_ts"] for said in bot.runs.stopped] == ["1600000000.000001"]
    assert [NoticeView("Stopped r1.")] == bot.say.views


async def test_a_bare_mention_is_shown_how_to_ask(bot: Bot) -> None:
    await bot.receive(mention(f"<@{BOT}>"))
    assert [HelpView(flows=MENU.flows)] == bot.say.views


@pytest.mark.parametrize(
    "body",
    [
        message("tea, anyone?"),
        message("an untagged reply", thread_ts="1600000000.000001"),
        message(f"<@{BOT}> tea?", bot_id="B2"),
        mention(f"<@{BOT}> tea?", bot_id="B2"),
        message("tea?", channel=DM, user=BOT),
        message("tea?", channel=DM, subtype="bot_message"),
        message(f"<@{BOT}> tea?", subtype="channel_topic"),
        message("<@UBOTTOM> tea?"),
        event({"type": "message", "subtype": "message_changed", "channel": CHANNEL, "ts": TS, "event_ts": TS}),
        event({"type": "message", "subtype": "channel_join", "user": BOT, "text": f"<@{BOT}> has joined", "ts": TS,
               "channel": CHANNEL, "event_ts": TS}),
    ],
)  # fmt: skip
async def test_what_is_not_for_us_is_neither_kept_nor_answered(bot: Bot, body: dict[str, Any]) -> None:
    assert (await bot.receive(body)).status == 200
    assert (bot.inbox.stored, bot.runs.opened, bot.say.views) == ({}, [], [])


def deleted(before: dict[str, Any]) -> dict[str, Any]:
    said = {"type": "message", "subtype": "message_deleted", "channel": CHANNEL, "channel_type": "channel"}
    return event(
        said | {"deleted_ts": TS, "ts": "1700000009.1", "event_ts": "1700000009.1", "previous_message": before}
    )


async def test_deleting_the_question_cancels(bot: Bot) -> None:
    await bot.receive(deleted({"type": "message", "user": ANNA, "text": f"<@{BOT}> tea?", "ts": TS}))
    assert bot.runs.deleted == [(CHANNEL, TS)]
    assert list(bot.inbox.notes.values()) == ["done"]


async def test_deleting_an_answer_of_ours_changes_nothing(bot: Bot) -> None:
    await bot.receive(deleted({"type": "message", "user": BOT, "bot_id": "BBOT", "text": "tea.", "ts": TS}))
    assert bot.runs.deleted == []


async def test_slacks_own_stop_ends_the_thread(bot: Bot) -> None:
    said = {"type": "agent_session_stopped", "channel": DM, "user": ANNA, "thread_ts": TS, "event_ts": "1700000005.1"}
    body = event(said | {"streaming_message_ts": []})
    await bot.receive(body)
    await bot.receive(body, retry=1)
    expected = {"workspace": TEAM, "channel": DM, "thread_ts": TS, "run_id": None, "user": ANNA}
    assert [expected] == bot.runs.stopped


@pytest.mark.parametrize("kind", ["reaction_added", "assistant_thread_started", "something_new"])
async def test_unknown_events_are_acknowledged(bot: Bot, kind: str) -> None:
    response = await bot.receive(event({"type": kind, "event_ts": TS}))
    assert response.status == 200
    assert bot.inbox.stored == {}
