"""The message shortcut: a form about a message, and the request that comes of it."""

import json
from typing import Any

from bot.commands.origin import AttachmentRefs
from tests.fakes.blockkit import check_view
from tests.fakes.bot_services import ANNA, CHANNEL, DM, OUTSIDE, RESPONSE_URL, TEAM, Bot, submission

TS = "1700000000.000100"


def pointed_at(*, channel: str = CHANNEL, **more: Any) -> dict[str, Any]:
    return {
        "type": "message_action",
        "token": "verification",
        "callback_id": "run_agents",
        "trigger_id": "1.2.abc",
        "response_url": RESPONSE_URL,
        "team": {"id": TEAM, "domain": "team"},
        "user": {"id": ANNA, "name": "anna"},
        "channel": {"id": channel, "name": "platform"},
        "message_ts": TS,
        "message": {"type": "message", "user": "UBEN", "ts": TS, "text": "The exports were late"} | more,
    }


async def ask(bot: Bot, body: dict[str, Any]) -> None:
    """Choose the shortcut, fill in the form, send it."""
    await bot.receive(body)
    view = bot.slack.called("views.open")[-1]["view"]
    assert check_view(view) == []
    values = {"request": {"request": {"value": "what happened?"}}}
    await bot.receive(submission(view, values))


async def test_the_request_is_about_the_message_and_answered_in_its_thread(bot: Bot) -> None:
    await ask(bot, pointed_at())
    (run,) = bot.runs.opened
    assert (run.text, run.origin.channel, run.origin.thread_ts, run.origin.message_ts) == (
        "what happened?",
        CHANNEL,
        TS,
        None,
    )
    assert run.origin.attached == AttachmentRefs(about="trigger:T1:1.2.abc")
    kept = await bot.inbox.find(run.origin.attached.about, workspace=TEAM)
    assert kept is not None
    assert kept["message"]["text"] == "The exports were late"


async def test_a_reply_brings_its_thread(bot: Bot) -> None:
    await ask(bot, pointed_at(thread_ts="1600000000.000001"))
    assert [run.origin.thread_ts for run in bot.runs.opened] == ["1600000000.000001"]


async def test_where_we_are_outside_the_answer_comes_to_direct_messages(bot: Bot) -> None:
    await ask(bot, pointed_at(channel=OUTSIDE))
    (run,) = bot.runs.opened
    assert (run.origin.channel, run.origin.thread_ts, run.origin.attached.about) == (DM, None, "trigger:T1:1.2.abc")


async def test_the_form_says_what_agents_will_read(bot: Bot) -> None:
    await bot.receive(pointed_at())
    shown = json.dumps(bot.slack.called("views.open")[0]["view"])
    assert "The agents read the message you chose and its thread." in shown
    assert "In the message's thread, for everyone" in shown
