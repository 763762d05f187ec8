"""The shortcut "Run again": the form comes filled in, on messages of ours only."""

from typing import Any

import pytest

from bot.messages.notice_views import NoticeView
from tests.fakes.blockkit import check_view
from tests.fakes.bot_services import BOT, CHANNEL, Bot, submission
from tests.unit.bot.listeners.test_shortcut import pointed_at

RUN = "r0123456789ab"


def chosen(block_id: str, *, user: str = BOT) -> dict[str, Any]:
    body = pointed_at(blocks=[{"type": "section", "block_id": block_id}]) | {"callback_id": "run_again"}
    body["message"]["user"] = user
    return body


async def test_what_was_asked_comes_back_in_the_form_and_runs_by_another_flow(bot: Bot) -> None:
    await bot.receive(chosen(f"{RUN}:answer/0"))
    view = bot.slack.called("views.open")[-1]["view"]
    assert check_view(view) == []
    request, flow = view["blocks"][0]["element"], view["blocks"][1]["element"]
    assert (request["initial_value"], flow["initial_option"]["value"]) == (f"tea, asked in {RUN}?", "decide")
    values = {
        "request": {"request": {"value": request["initial_value"]}},
        "flow": {"flow": {"selected_option": {"value": "answer"}}},
    }
    await bot.receive(submission(view, values))
    (run,) = bot.runs.opened
    assert (run.text, run.flow, run.origin.channel, run.origin.thread_ts) == (
        f"tea, asked in {RUN}?",
        "answer",
        CHANNEL,
        None,
    )


async def test_a_mark_on_somebody_elses_message_names_no_run(bot: Bot) -> None:
    await bot.receive(chosen(f"{RUN}:answer/0", user="UOTHERAPP"))
    assert bot.slack.called("views.open") == []


@pytest.mark.parametrize("block_id", ["", "b7", "r1:answer/0"])
async def test_on_other_messages_it_says_where_it_belongs(bot: Bot, block_id: str) -> None:
    await bot.receive(chosen(block_id))
    expected = "Choose that on one of my messages, and I ask again what it was asked."
    assert [NoticeView(expected, tone="warning")] == bot.notifier.views
    assert bot.slack.called("views.open") == []
