"""The buttons, the menu and the form of a card that asks before a tool acts, as Slack delivers them."""

import json
from typing import Any

import pytest

from bot.messages.action_ids import OUTCOME_AGAIN, OUTCOME_DONE, TOOL_APPROVE, TOOL_DENY, TOOL_MENU
from bot.messages.notice_views import NoticeView
from bot.messages.tool_forms import DENY_FORM
from patterns.core.errors import UserError
from patterns.core.questions import Question
from patterns.core.tools import AskedCall
from tests.fakes.bot_services import BEN, CHANNEL, Bot, click, submission

RUN, PATH = "r0123456789ab", "pipeline/3/researcher/turn/2/ask/0123456789abcdef"
VALUE = f"{RUN}:{PATH}"
CALL = AskedCall(agent="researcher", tool="tickets.create_issue", arguments='{"title": "Export fails"}')


@pytest.fixture
def bot(bot: Bot) -> Bot:
    bot.reviews.asked = Question(kind="tool", title=CALL.tool, calls=(CALL,))
    return bot


def opened(bot: Bot) -> dict[str, Any]:
    (call,) = bot.slack.called("views.open")
    view: dict[str, Any] = json.loads(call["view"]) if isinstance(call["view"], str) else call["view"]
    return view


def chosen(value: str, block_id: str = VALUE) -> dict[str, Any]:
    """A choice in the menu."""
    body = click(TOOL_MENU, user=BEN)
    body["actions"] = [
        {
            "type": "overflow",
            "action_id": TOOL_MENU,
            "block_id": block_id,
            "selected_option": {"value": value, "text": {"type": "plain_text", "text": "x"}},
            "action_ts": "1700000002.500000",
        }
    ]
    return body


@pytest.mark.parametrize(
    ("action_id", "verdict"), [(TOOL_APPROVE, "approve"), (OUTCOME_DONE, "done"), (OUTCOME_AGAIN, "again")]
)
async def test_a_button_decides_once_in_the_name_of_who_clicked(bot: Bot, action_id: str, verdict: str) -> None:
    body = click(action_id, VALUE, user=BEN)
    await bot.receive(body)
    await bot.receive(body)
    assert (bot.reviews.decided, bot.reviews.scopes) == ([(RUN, PATH, BEN, verdict, "")], ["once"])


@pytest.mark.parametrize("scope", ["run", "standing"])
async def test_the_menu_approves_more_than_once_and_is_not_lost(bot: Bot, scope: str) -> None:
    body = chosen(scope)
    await bot.receive(body)
    await bot.receive(body)
    assert (bot.reviews.decided, bot.reviews.scopes) == ([(RUN, PATH, BEN, "approve", "")], [scope])


async def test_the_menu_shows_everything_that_would_be_sent(bot: Bot) -> None:
    await bot.receive(chosen("show"))
    assert "Export fails" in json.dumps(opened(bot))
    assert bot.reviews.decided == []


async def test_the_menu_stops_the_request(bot: Bot) -> None:
    await bot.receive(chosen("stop"))
    assert [(one["run_id"], one["user"]) for one in bot.runs.stopped] == [(RUN, BEN)]


async def test_a_choice_that_nobody_offered_is_refused_in_private(bot: Bot) -> None:
    await bot.receive(chosen("everything"))
    assert bot.reviews.decided == []
    (told,) = bot.notifier.views
    assert isinstance(told, NoticeView)
    assert told.text == "I no longer have that choice."


async def test_a_denial_takes_a_reason(bot: Bot) -> None:
    in_thread = {"message": {"ts": "1600000009.000001", "thread_ts": "1600000000.000001"}}
    await bot.receive(click(TOOL_DENY, VALUE, user=BEN, **in_thread))
    form = opened(bot)
    assert form["callback_id"] == DENY_FORM
    body = submission(form, {"reason": {"reason": {"value": " We have that ticket. "}}}, user=BEN)
    await bot.receive(body)
    await bot.receive(body)
    assert bot.reviews.decided == [(RUN, PATH, BEN, "deny", "We have that ticket.")]
    (_, payload), *_ = [kept for kept in bot.inbox.stored.values() if kept[0] == "view"]
    assert payload["view"]["callback_id"] == DENY_FORM


async def test_who_may_not_deny_gets_a_sentence_and_no_form(bot: Bot) -> None:
    bot.reviews.error = UserError("Somebody else than the person who asked has to decide that.")
    await bot.receive(click(TOOL_DENY, VALUE, user=BEN))
    assert bot.slack.called("views.open") == []
    (origin, told), *_ = bot.notifier.said
    assert (origin.user, origin.channel) == (BEN, CHANNEL)
    assert isinstance(told, NoticeView)
    assert "Somebody else" in told.text
