"""The review's buttons, forms and replies, as Slack delivers them."""

import json
from typing import Any

import pytest

from bot.messages.action_ids import ASK_MONEY, REVIEW_APPROVE, REVIEW_CHANGES, REVIEW_EDIT, REVIEW_GO_ON, REVIEW_STOP
from bot.messages.notice_views import NoticeView
from bot.messages.review_forms import CHANGES_FORM, EDIT_FORM
from patterns.core.errors import UserError
from patterns.core.questions import Question
from tests.fakes.bot_services import ANNA, BEN, BOT, CHANNEL, DM, Bot, click, event, mention, message, submission

RUN, PATH = "r0123456789ab", "pipeline/3/supervisor/2/human"
VALUE = f"{RUN}:{PATH}"
THREAD = "1600000000.000001"
IN_THREAD = {"message": {"ts": "1600000009.000001", "thread_ts": THREAD}}


@pytest.mark.parametrize(
    ("action_id", "verdict"), [(REVIEW_APPROVE, "approve"), (REVIEW_STOP, "stop"), (REVIEW_GO_ON, "none")]
)
async def test_a_button_decides_in_the_name_of_who_clicked(bot: Bot, action_id: str, verdict: str) -> None:
    body = click(action_id, VALUE, user=BEN)
    await bot.receive(body)
    await bot.receive(body)
    assert bot.reviews.decided == [(RUN, PATH, BEN, verdict, "")]


def opened(bot: Bot) -> dict[str, Any]:
    (call,) = bot.slack.called("views.open")
    view: dict[str, Any] = json.loads(call["view"]) if isinstance(call["view"], str) else call["view"]
    return view


async def test_changes_are_asked_for_in_a_form_that_says_the_price(bot: Bot) -> None:
    await bot.receive(click(REVIEW_CHANGES, VALUE, **IN_THREAD))
    form = opened(bot)
    assert form["callback_id"] == CHANGES_FORM
    assert "$0.02" in form["blocks"][0]["hint"]["text"]
    await bot.receive(submission(form, {"text0": {"text": {"value": " Shorter. "}}}, user=BEN))
    assert bot.reviews.decided == [(RUN, PATH, BEN, "changes", "Shorter.")]


@pytest.mark.parametrize(
    "draft",
    [
        "Dear all",
        "\n\n".join(f"Paragraph {at} {'x' * 700}" for at in range(12)),
        "\n".join("y" * 1500 for _ in range(5)),
        "z" * 7000,
        "🙂" * 4000,
    ],
)
async def test_a_draft_comes_back_from_its_form_as_it_went_in(bot: Bot, draft: str) -> None:
    bot.reviews.asked = Question(kind="approve", title="t", draft=draft)
    await bot.receive(click(REVIEW_EDIT, VALUE, **IN_THREAD))
    form = opened(bot)
    assert form["callback_id"] == EDIT_FORM
    fields = {block["block_id"]: block["element"] for block in form["blocks"]}
    typed = {name: {"text": {"value": element["initial_value"]}} for name, element in fields.items()}
    assert all(len(element["initial_value"].encode("utf-16-le")) // 2 <= 3000 for element in fields.values())
    await bot.receive(submission(form, typed))
    assert bot.reviews.decided == [(RUN, PATH, ANNA, "edit", draft)]


async def test_a_draft_too_long_for_a_form_is_said(bot: Bot) -> None:
    bot.reviews.asked = Question(kind="approve", title="t", draft="word " * 9000)
    await bot.receive(click(REVIEW_EDIT, VALUE))
    expected = "This draft is too long for a form. Reply with what should change instead."
    assert [NoticeView(expected, tone="warning")] == bot.notifier.views


async def test_who_may_not_decide_sees_no_form(bot: Bot) -> None:
    bot.reviews.error = UserError("Only the person who asked and admins can decide that.")
    await bot.receive(click(REVIEW_CHANGES, VALUE))
    assert bot.slack.called("views.open") == []
    assert [NoticeView(str(bot.reviews.error), tone="warning")] == bot.notifier.views


async def test_a_form_with_nothing_in_it_comes_back(bot: Bot) -> None:
    await bot.receive(click(REVIEW_CHANGES, VALUE, **IN_THREAD))
    response = await bot.receive(submission(opened(bot), {"text0": {"text": {"value": "  "}}}))
    assert json.loads(response.body)["errors"] == {"text0": "Write something, or close this form."}
    assert bot.reviews.decided == []


async def test_a_reply_in_a_thread_under_review_is_a_word_on_the_draft(bot: Bot) -> None:
    bot.reviews.waiting.add(THREAD)
    await bot.receive(message("Shorter &amp; kinder", thread_ts=THREAD))
    await bot.receive(mention(f"<@{BOT}> name the date", ts="1700000009.000100", thread_ts=THREAD))
    await bot.receive(message("In our DM", ts="1700000010.000100", thread_ts=THREAD, channel=DM))
    expected = [(ANNA, "Shorter & kinder", False), (ANNA, "name the date", True), (ANNA, "In our DM", True)]
    assert bot.reviews.replies == expected
    assert bot.runs.opened == []


async def test_commands_in_a_thread_under_review_stay_commands(bot: Bot) -> None:
    bot.reviews.waiting.add(THREAD)
    await bot.receive(mention(f"<@{BOT}> stop", thread_ts=THREAD))
    await bot.receive(mention(f"<@{BOT}> use decide: green tea?", ts="1700000009.000100", thread_ts=THREAD))
    assert (bot.reviews.replies, len(bot.runs.stopped), len(bot.runs.opened)) == ([], 1, 1)


async def test_what_people_say_to_each_other_is_neither_kept_nor_heard(bot: Bot) -> None:
    await bot.receive(message("What do you think?", thread_ts=THREAD))
    bot.reviews.waiting.add(THREAD)
    await bot.receive(message(f"<@{BEN}> look at this", ts="1700000009.000100", thread_ts=THREAD))
    assert (bot.reviews.replies, bot.inbox.stored) == ([], {})


async def test_asking_for_money_is_acknowledged_privately(bot: Bot) -> None:
    await bot.receive(click(ASK_MONEY, VALUE))
    assert bot.reviews.requests == [(RUN, PATH, ANNA)]
    assert [NoticeView("I asked. As soon as there is money, I go on.")] == bot.notifier.views


def reaction(sign: str, **item: str) -> dict[str, Any]:
    on = {"type": "message", "channel": CHANNEL, "ts": "1700000000.000100", **item}
    return event({"type": "reaction_added", "user": BEN, "reaction": sign, "item": on, "event_ts": "1700000003.0001"})


async def test_a_stop_sign_on_a_message_stops_what_it_shows(bot: Bot) -> None:
    await bot.receive(reaction("octagonal_sign"))
    assert bot.runs.signs == [(CHANNEL, "1700000000.000100", BEN)]


@pytest.mark.parametrize("body", [reaction("tada"), reaction("octagonal_sign", type="file")])
async def test_other_reactions_are_just_that(bot: Bot, body: dict[str, Any]) -> None:
    response = await bot.receive(body)
    assert (response.status, bot.runs.signs, bot.inbox.stored) == (200, [], {})
