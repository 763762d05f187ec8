import pytest

from bot.messages.action_ids import (
    FAULT_HELP,
    REQUEST_HELP,
    REQUEST_INSTEAD,
    REQUEST_RETRY,
    RUN_CHANGE,
    RUN_HELP,
    RUN_RETRY,
)
from bot.messages.notice_views import NoticeView
from tests.fakes.bot_services import ANNA, BEN, CHANNEL, TEAM, Bot, click, command

RUN = "r0123456789ab"


async def test_retry_asks_the_same_again_where_it_stands_for_whoever_clicked(bot: Bot) -> None:
    await bot.receive(click(RUN_RETRY, RUN, user=BEN))
    (again,) = bot.runs.opened
    assert (again.text, again.flow, again.again_of, again.root_ts) == ("tea?", "decide", RUN, "1700000000.0001")
    assert (again.origin.user, again.origin.thread_ts) == (BEN, "1700000000.0001")
    assert again.key == f"message:first:again:{RUN}"


async def test_retry_is_for_those_who_may_ask(bot: Bot) -> None:
    bot.slack.answers[f"users.info {BEN}"] = {"user": {"id": BEN, "team_id": TEAM, "is_restricted": True}}
    await bot.receive(click(RUN_RETRY, RUN, user=BEN))
    assert bot.runs.opened == []
    assert "Guests can only ask" in str(bot.notifier.views)


async def test_change_opens_the_form_with_the_request(bot: Bot) -> None:
    await bot.receive(click(RUN_CHANGE, RUN))
    (opened,) = bot.slack.called("views.open")
    assert f"tea, asked in {RUN}?" in str(opened)


@pytest.mark.parametrize(("user", "expected"), [(ANNA, [("run", RUN, ANNA)]), (BEN, [])])
async def test_help_with_a_run_is_called_for_by_those_who_may(
    bot: Bot, user: str, expected: list[tuple[str, str, str]]
) -> None:
    bot.slack.answers[f"users.info {BEN}"] = {"user": {"id": BEN, "team_id": "T9"}}
    await bot.receive(click(RUN_HELP, RUN, user=user))
    assert bot.help_desk.calls == expected


async def test_a_refused_request_is_tried_again_once(bot: Bot) -> None:
    body = command("use decide: green tea?")
    await bot.receive(body)
    key = f"trigger:{TEAM}:{body['trigger_id']}"
    await bot.receive(click(REQUEST_RETRY, key))
    assert {(run.text, run.flow, run.key) for run in bot.runs.opened} == {("green tea?", "decide", key)}


async def test_a_refused_request_runs_by_the_cheaper_flow(bot: Bot) -> None:
    body = command("use decide: green tea?")
    await bot.receive(body)
    await bot.receive(click(REQUEST_INSTEAD, f"trigger:{TEAM}:{body['trigger_id']}"))
    assert [(run.text, run.flow) for run in bot.runs.opened] == [("green tea?", "decide"), ("green tea?", "answer")]


@pytest.mark.parametrize("action_id", [REQUEST_RETRY, REQUEST_INSTEAD, REQUEST_HELP])
async def test_a_refused_request_belongs_to_whoever_asked(bot: Bot, action_id: str) -> None:
    body = command("use decide: green tea?")
    await bot.receive(body)
    await bot.receive(click(action_id, f"trigger:{TEAM}:{body['trigger_id']}", user=BEN))
    assert (len(bot.runs.opened), bot.help_desk.calls) == (1, [])
    assert bot.notifier.views == [NoticeView("Only the person who asked can answer that.", tone="warning")]


async def test_help_with_a_refused_request(bot: Bot) -> None:
    body = command("use decide: green tea?")
    await bot.receive(body)
    await bot.receive(click(REQUEST_HELP, f"trigger:{TEAM}:{body['trigger_id']}"))
    assert bot.help_desk.calls == [("request", "green tea?", ANNA)]


@pytest.mark.parametrize(("code", "expected"), [("0a1b2c3d", [("fault", "0a1b2c3d", ANNA)]), ("<!channel>", [])])
async def test_a_fault_is_told_by_its_code_only(bot: Bot, code: str, expected: list[tuple[str, str, str]]) -> None:
    await bot.receive(click(FAULT_HELP, code, channel=CHANNEL))
    assert bot.help_desk.calls == expected
