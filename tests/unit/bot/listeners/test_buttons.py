import json

import pytest

from bot.commands.origin import Origin
from bot.messages.action_ids import (
    COMMAND_YES,
    DM_INSTEAD,
    FEEDBACK,
    FEEDBACK_DOWN,
    OPEN_ASK_MODAL,
    REQUEST_YES,
    RUN_ANSWER_INSTEAD,
    RUN_CANCEL,
    RUN_CONFIRM,
    RUN_DETAILS,
    RUN_STOP,
)
from bot.messages.notice_views import InviteView, NearMissView, NoticeView
from bot.messages.views import DetailsView
from bot.runs.request import RunRequest
from tests.fakes.bot_services import (
    ANNA,
    BEN,
    BOT,
    CHANNEL,
    DM,
    OUTSIDE,
    RESPONSE_URL,
    TEAM,
    Bot,
    click,
    command,
    mention,
)

RUN = "r0123456789ab"


@pytest.mark.parametrize(
    ("action_id", "choice"), [(RUN_CONFIRM, "run"), (RUN_CANCEL, "cancel"), (RUN_ANSWER_INSTEAD, "answer")]
)
async def test_the_price_card_is_answered_by_whoever_clicked(bot: Bot, action_id: str, choice: str) -> None:
    body = click(action_id, RUN, user=BEN)
    await bot.receive(body)
    assert [(RUN, BEN, choice)] == bot.reviews.confirmed
    assert list(bot.inbox.notes) == [f"trigger:{TEAM}:{body['trigger_id']}"]


@pytest.mark.parametrize(("action_id", "value"), [(FEEDBACK, "up"), (FEEDBACK_DOWN, "down")])
async def test_feedback_is_kept_with_the_run_and_thanked_for_in_private(bot: Bot, action_id: str, value: str) -> None:
    await bot.receive(click(action_id, f"{value}:{RUN}"))
    assert bot.runs.feedbacks == [(RUN, ANNA, value)]
    assert len(bot.notifier.said) == 1


async def test_details_are_private(bot: Bot) -> None:
    await bot.receive(click(RUN_DETAILS, RUN))
    ((origin, view),) = bot.notifier.said
    assert (origin.user, origin.response_url) == (ANNA, RESPONSE_URL)
    assert isinstance(view, DetailsView)
    assert view.run.run_id == RUN


async def test_stop_names_the_run_and_the_thread(bot: Bot) -> None:
    await bot.receive(click(RUN_STOP, RUN, message={"ts": "1700000001.0001", "thread_ts": "1700000000.0001"}))
    expected = {"workspace": TEAM, "channel": CHANNEL, "thread_ts": "1700000000.0001", "run_id": RUN, "user": ANNA}
    assert [expected] == bot.runs.stopped
    assert [NoticeView("Stopped r1.")] == bot.notifier.views


async def near_miss(bot: Bot, text: str) -> str:
    await bot.receive(command(text))
    (view,) = bot.notifier.views
    assert isinstance(view, NearMissView)
    bot.notifier.said.clear()
    return view.key


async def test_a_near_miss_meant_as_the_command_does_that(bot: Bot) -> None:
    key = await near_miss(bot, "bugdet")
    await bot.receive(click(COMMAND_YES, key))
    assert bot.notifier.views == [NoticeView(f"ShowBudget for {ANNA}")]
    assert [said["delete_original"] for said in bot.slack.responded] == [True]


async def test_a_near_miss_meant_as_the_flow_runs_with_the_words_as_typed(bot: Bot) -> None:
    key = await near_miss(bot, "use decdie: is &lt;b&gt; &amp;amp; <@UBEN|ben> fine?")
    await bot.receive(click(COMMAND_YES, key))
    assert [(run.flow, run.text) for run in bot.runs.opened] == [("decide", "is <b> &amp; @ben (UBEN) fine?")]


async def test_a_near_miss_meant_as_a_request_runs_once_under_the_key_of_the_question(bot: Bot) -> None:
    key = await near_miss(bot, "bugdet")
    await bot.receive(click(REQUEST_YES, key))
    await bot.receive(click(REQUEST_YES, key))
    assert [("bugdet", key), ("bugdet", key)] == [(run.text, run.origin.delivery_key) for run in bot.runs.opened]


async def test_a_near_miss_that_says_dry_run_is_one_either_way(bot: Bot) -> None:
    key = await near_miss(bot, "dry run use decide what to delete")
    await bot.receive(click(COMMAND_YES, key))
    await bot.receive(click(REQUEST_YES, key))
    assert [(run.text, run.flow, run.dry) for run in bot.runs.opened] == [
        ("what to delete", "decide", True),
        ("dry run use decide what to delete", None, True),
    ]


async def test_a_near_miss_in_a_thread_runs_in_that_thread(bot: Bot) -> None:
    await bot.receive(mention(f"<@{BOT}> bugdet", thread_ts="1600000000.000001"))
    await bot.receive(click(REQUEST_YES, f"message:{TEAM}:{CHANNEL}:1700000000.000100"))
    assert [run.origin.thread_ts for run in bot.runs.opened] == ["1600000000.000001"]


async def test_only_the_asker_answers_the_question(bot: Bot) -> None:
    key = await near_miss(bot, "bugdet")
    await bot.receive(click(REQUEST_YES, key, user=BEN))
    assert bot.runs.opened == []
    assert [NoticeView("Only the person who asked can answer that.", tone="warning")] == bot.notifier.views


async def test_a_question_we_no_longer_have_is_said(bot: Bot) -> None:
    await bot.receive(click(REQUEST_YES, "trigger:gone"))
    assert [NoticeView("I no longer have that request. Please send it again.", tone="warning")] == bot.notifier.views


async def test_a_kept_request_runs_in_our_direct_messages(bot: Bot) -> None:
    await bot.receive(command("use decide: green tea?", channel=OUTSIDE))
    (view,) = bot.notifier.views
    assert isinstance(view, InviteView)
    clicked = click(DM_INSTEAD, view.key, channel=OUTSIDE)
    await bot.receive(clicked)
    origin = Origin(
        delivery_key=view.key,
        workspace=TEAM,
        channel=DM,
        user=ANNA,
        response_url=RESPONSE_URL,
        trigger_id=clicked["trigger_id"],
    )
    expected = RunRequest(origin, "dm", text="green tea?", flow="decide", forced_here=True)
    assert [expected] == bot.runs.opened


async def test_guests_do_not_get_in_by_our_direct_messages(bot: Bot) -> None:
    bot.slack.answers[f"users.info {ANNA}"] = {"user": {"id": ANNA, "team_id": TEAM, "is_ultra_restricted": True}}
    body = command("green tea?", channel=OUTSIDE)
    await bot.receive(body)
    await bot.receive(click(DM_INSTEAD, f"trigger:{TEAM}:{body['trigger_id']}", channel=OUTSIDE))
    assert bot.runs.opened == []


@pytest.mark.parametrize("channel", [None, DM])
async def test_the_form_opened_from_home_or_messages_answers_there(bot: Bot, channel: str | None) -> None:
    await bot.receive(click(OPEN_ASK_MODAL, channel=channel))
    (opened,) = bot.slack.called("views.open")
    kept = json.loads(
        json.loads(opened["view"])["private_metadata"]
        if isinstance(opened["view"], str)
        else opened["view"]["private_metadata"]
    )
    assert (kept["channel"], kept["can_post"]) == (DM, False)


@pytest.mark.parametrize("action_id", ["nobody_knows", "open_run_r1"])
async def test_unknown_buttons_are_acknowledged(bot: Bot, action_id: str) -> None:
    assert (await bot.receive(click(action_id))).status == 200
    assert bot.inbox.stored == {}
