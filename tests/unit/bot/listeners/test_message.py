from typing import Any

import pytest

from bot.commands.origin import AttachmentRefs, Origin
from bot.messages.action_ids import RUN_EDITED
from bot.messages.list_views import HelpView
from bot.messages.notice_views import EditedView, NoticeView
from bot.runs.request import RunRequest
from tests.fakes.bot_services import (
    ANNA,
    BEN,
    BOT,
    BROKEN,
    CHANNEL,
    DM,
    MENU,
    TEAM,
    Bot,
    click,
    event,
    mention,
    message,
)

TS = "1700000000.000100"


async def test_a_mention_asks_in_its_own_thread(bot: Bot) -> None:
    response = await bot.receive(mention(f"<@{BOT}> use decide: green tea?"))
    origin = Origin(
        delivery_key=f"message:{TEAM}:{CHANNEL}:{TS}",
        workspace=TEAM,
        channel=CHANNEL,
        user=ANNA,
        message_ts=TS,
        attached=AttachmentRefs(may_have_more=True),
    )
    expected = RunRequest(origin, "channel", text="green tea?", flow="decide")
    assert response.status == 200
    assert [expected] == bot.runs.opened


async def test_a_mention_inside_a_thread_runs_in_that_thread(bot: Bot) -> None:
    await bot.receive(mention(f"<@{BOT}> and coffee?", thread_ts="1600000000.000001"))
    assert [(run.origin.thread_ts, run.origin.message_ts) for run in bot.runs.opened] == [("1600000000.000001", TS)]


@pytest.mark.parametrize("mention_first", [True, False])
async def test_mention_and_message_of_one_posting_are_one_request(bot: Bot, mention_first: bool) -> None:  # noqa: FBT001 - a case
    both = [mention(f"<@{BOT}> green tea?"), message(f"<@{BOT}> green tea?")]
    for body in both if mention_first else reversed(both):
        assert (await bot.receive(body)).status == 200
    assert [run.text for run in bot.runs.opened] == ["green tea?"]


async def test_a_retried_delivery_changes_nothing(bot: Bot) -> None:
    body = mention(f"<@{BOT}> green tea?")
    await bot.receive(body)
    assert (await bot.receive(body, retry=1)).status == 200
    assert len(bot.runs.opened) == 1


async def test_a_first_delivery_that_only_arrives_as_a_retry_is_answered(bot: Bot) -> None:
    await bot.receive(mention(f"<@{BOT}> green tea?"), retry=2)
    assert [run.text for run in bot.runs.opened] == ["green tea?"]


async def test_direct_messages_need_no_mention(bot: Bot) -> None:
    await bot.receive(message("green tea?", channel=DM))
    await bot.receive(message("and coffee?", channel=DM, ts="1700000001.000100", thread_ts=TS))
    assert [(run.text, run.kind, run.origin.thread_ts) for run in bot.runs.opened] == [
        ("green tea?", "dm", None),
        ("and coffee?", "dm", TS),
    ]


async def test_commands_work_in_messages_too(bot: Bot) -> None:
    await bot.receive(mention(f"<@{BOT}>: stop", thread_ts="1600000000.000001"))
    assert [said["thread_ts"] for said in bot.runs.stopped] == ["1600000000.000001"]
    assert [NoticeView("Stopped r1.")] == bot.notifier.views


async def test_a_bare_mention_is_shown_how_to_ask(bot: Bot) -> None:
    await bot.receive(mention(f"<@{BOT}>"))
    assert [HelpView(flows=MENU.flows, example=MENU.flows[0])] == bot.notifier.views


@pytest.mark.parametrize(
    "body",
    [
        message("tea, anyone?"),
        message("an untagged reply", thread_ts="1600000000.000001"),
        message(f"<@{BOT}> green tea?", bot_id="B2"),
        mention(f"<@{BOT}> green tea?", bot_id="B2"),
        message("green tea?", channel=DM, user=BOT),
        message("green tea?", channel=DM, subtype="bot_message"),
        message(f"<@{BOT}> green tea?", subtype="channel_topic"),
        message("<@UBOTTOM> green tea?"),
        event({"type": "message", "subtype": "message_changed", "channel": CHANNEL, "ts": TS, "event_ts": TS}),
        event({"type": "message", "subtype": "channel_join", "user": BOT, "text": f"<@{BOT}> has joined", "ts": TS,
               "channel": CHANNEL, "event_ts": TS}),
    ],
)  # fmt: skip
async def test_what_is_not_for_us_is_neither_kept_nor_answered(bot: Bot, body: dict[str, Any]) -> None:
    assert (await bot.receive(body)).status == 200
    assert (bot.inbox.stored, bot.runs.opened, bot.notifier.views) == ({}, [], [])


def deleted(before: dict[str, Any]) -> dict[str, Any]:
    said = {"type": "message", "subtype": "message_deleted", "channel": CHANNEL, "channel_type": "channel"}
    return event(
        said | {"deleted_ts": TS, "ts": "1700000009.1", "event_ts": "1700000009.1", "previous_message": before}
    )


async def test_deleting_the_question_cancels(bot: Bot) -> None:
    await bot.receive(deleted({"type": "message", "user": ANNA, "text": f"<@{BOT}> green tea?", "ts": TS}))
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


# ---------------------------------------------------------------- replies in threads of ours

THREAD = "1600000000.000001"
NOTES = {"id": "F1", "name": "notes.md", "mimetype": "text/markdown", "size": 5}


def reply(text: str, *, user: str = ANNA, thread_ts: str = THREAD, **more: Any) -> dict[str, Any]:
    return message(text, user=user, thread_ts=thread_ts, **more)


async def test_an_untagged_reply_of_the_asker_goes_on_with_the_conversation(bot: Bot) -> None:
    bot.followups.openers[THREAD] = ANNA
    body = reply("use decide: and coffee?")
    await bot.receive(body)
    await bot.receive(body, retry=1)
    assert [(run.text, run.flow, run.origin.thread_ts, run.origin.message_ts) for run in bot.runs.opened] == [
        ("and coffee?", "decide", THREAD, TS)
    ]


@pytest.mark.parametrize(
    "body",
    [
        reply("and coffee?", user=BEN),
        reply("and coffee?", thread_ts="1500000000.000001"),
        reply(f"<@{BEN}> what do you think?"),
        reply("<!subteam^S1|@baristas> what do you think?"),
        reply("<!here> coffee!"),
        reply("coffee!", bot_id="B2"),
        reply("", subtype="channel_join"),
        message("the root itself", ts=THREAD, thread_ts=THREAD),
        reply("   "),
    ],
)
async def test_what_people_say_to_each_other_in_a_thread_is_neither_kept_nor_answered(
    bot: Bot, body: dict[str, Any]
) -> None:
    bot.followups.openers[THREAD] = ANNA
    assert (await bot.receive(body)).status == 200
    assert (bot.inbox.stored, bot.runs.opened, bot.notifier.views) == ({}, [], [])


async def test_others_tag_the_bot_in_the_askers_thread(bot: Bot) -> None:
    bot.followups.openers[THREAD] = ANNA
    await bot.receive(reply(f"<@{BOT}> and coffee?", user=BEN))
    assert [(run.origin.user, run.text, run.origin.thread_ts) for run in bot.runs.opened] == [
        (BEN, "and coffee?", THREAD)
    ]


async def test_slack_repeats_a_reply_of_which_nobody_knows_whose_it_is(bot: Bot) -> None:
    bot.followups.error = BROKEN
    assert (await bot.receive(reply("and coffee?"))).status == 503
    bot.followups.error, bot.followups.openers[THREAD] = None, ANNA
    await bot.receive(reply("and coffee?"), retry=1)
    assert [run.text for run in bot.runs.opened] == ["and coffee?"]


async def test_files_come_with_the_request_even_without_a_word(bot: Bot) -> None:
    bot.followups.openers[THREAD] = ANNA
    await bot.receive(reply("", subtype="file_share", files=[NOTES]))
    assert [(run.text, run.origin.attached) for run in bot.runs.opened] == [
        ("Read what is attached and say what matters in it.", AttachmentRefs(("F1",)))
    ]


# ---------------------------------------------------------------- edits


def edit(text: str, *, before: str = "green tea?", **more: Any) -> dict[str, Any]:
    said = {"type": "message", "user": ANNA, "ts": TS}
    place = {"channel": CHANNEL, "channel_type": "channel", "ts": "1700000009.1", "event_ts": "1700000009.1"}
    return event(
        {"type": "message", "subtype": "message_changed", **place}
        | {"message": said | {"text": text} | more, "previous_message": said | {"text": before}}
    )


async def test_an_edited_request_is_offered_privately_and_run_when_the_asker_says_so(bot: Bot) -> None:
    bot.followups.asked.add(TS)
    body = edit(f"<@{BOT}> use decide: coffee?", before=f"<@{BOT}> green tea?")
    await bot.receive(body)
    key = f"event:{TEAM}:{body['event_id']}"
    assert [EditedView(key)] == bot.notifier.views
    assert bot.runs.opened == []
    await bot.receive(click(RUN_EDITED, key, user=BEN))
    assert bot.runs.opened == []
    await bot.receive(click(RUN_EDITED, key))
    assert [(run.text, run.flow, run.origin.message_ts) for run in bot.runs.opened] == [("coffee?", "decide", TS)]


@pytest.mark.parametrize(
    "body",
    [edit("green tea?", attachments=[{"title": "unfurled"}]), edit("tea!", bot_id="B2"), edit("tea!", user=BOT)],
)
async def test_a_change_of_no_word_or_of_ours_is_nothing(bot: Bot, body: dict[str, Any]) -> None:
    bot.followups.asked.add(TS)
    await bot.receive(body)
    assert (bot.inbox.stored, bot.notifier.views) == ({}, [])


async def test_edits_of_what_never_asked_are_not_kept(bot: Bot) -> None:
    await bot.receive(edit("coffee!"))
    assert (bot.inbox.stored, bot.notifier.views) == ({}, [])
