import json
from typing import Any

import pytest

from bot.listeners import inbox_middleware
from bot.listeners.inbox_middleware import NOT_STORED, replay
from bot.messages.action_ids import DM_INSTEAD
from tests.fakes.bot_services import BOT, BROKEN, CHANNEL, TEAM, Bot, click, command, event, mention, message


async def test_a_command_that_cannot_be_stored_starts_nothing_and_says_so(bot: Bot) -> None:
    bot.inbox.error = BROKEN
    response = await bot.receive(command("green tea?"))
    assert response.status == 200
    assert json.loads(response.body) == {"response_type": "ephemeral", "text": NOT_STORED}
    assert bot.runs.opened == []


async def test_an_event_that_cannot_be_stored_is_not_acknowledged_so_that_slack_repeats_it(bot: Bot) -> None:
    bot.inbox.error = BROKEN
    body = mention(f"<@{BOT}> green tea?")
    assert (await bot.receive(body)).status == 503
    bot.inbox.error = None
    assert (await bot.receive(body, retry=1)).status == 200
    assert [run.text for run in bot.runs.opened] == ["green tea?"]


async def test_a_click_that_cannot_be_stored_says_so(bot: Bot) -> None:
    bot.inbox.error = BROKEN
    await bot.receive(click(DM_INSTEAD, "key"))
    assert [said["text"] for said in bot.slack.responded] == [NOT_STORED]


@pytest.mark.parametrize(("body", "runs"), [(command("green tea?"), 0), (mention(f"<@{BOT}> green tea?"), 1)])
async def test_what_slack_has_called_failed_is_not_done_after_all(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], runs: int
) -> None:
    """A command stored after three seconds; an event is sent again, and known then."""
    monkeypatch.setattr(inbox_middleware, "LATE_S", -1.0)
    response = await bot.receive(body)
    await bot.settle()
    assert (len(bot.runs.opened), NOT_STORED in response.body) == (runs, not runs)
    assert list(bot.inbox.notes.values()) == ["done" if runs else "too late"]


async def test_the_delivery_is_stored_before_anything_runs(bot: Bot) -> None:
    stored_first: list[bool] = []
    really_open = bot.runs.open

    async def open_run(request: Any) -> None:
        stored_first.append(request.origin.delivery_key in bot.inbox.stored)
        await really_open(request)

    bot.runs.open = open_run  # type: ignore[method-assign]
    await bot.receive(command("green tea?"))
    assert stored_first == [True]


async def test_a_replay_does_again_what_was_not_finished(bot: Bot) -> None:
    body = mention(f"<@{BOT}> green tea?")
    await bot.receive(body)
    (_kind, payload) = bot.inbox.stored[f"message:{TEAM}:{CHANNEL}:1700000000.000100"]
    await replay(bot.app, payload)
    await bot.settle()
    first, second = bot.runs.opened
    assert first == second
    assert len(bot.observed) == 1


async def test_a_replayed_command_needs_no_http(bot: Bot) -> None:
    await bot.receive_http(command("tea & biscuits?"))
    ((_kind, payload),) = bot.inbox.stored.values()
    await replay(bot.app, payload)
    await bot.settle()
    first, second = bot.runs.opened
    assert first == second
    assert first.text == "tea & biscuits?"


async def test_what_no_database_takes_is_marked_before_anybody_sees_it(bot: Bot) -> None:
    await bot.receive(command("half \ud800 and \x00 green tea?"))
    ((_kind, payload),) = bot.inbox.stored.values()
    assert payload["text"] == "half ? and \N{REPLACEMENT CHARACTER} green tea?"
    assert [run.text for run in bot.runs.opened] == [payload["text"]]


async def test_only_live_deliveries_tell_the_time(bot: Bot) -> None:
    await bot.receive(message("not for us, but now", ts="1700000000.000100"))
    await bot.receive(message("late", ts="1700000001.000100"), retry=1)
    await bot.receive(click("anything"))
    assert bot.observed == [1_700_000_000_000_100, 1_700_000_002_500_000]


async def test_http_deliveries_must_be_signed(bot: Bot) -> None:
    assert (await bot.receive_http(command("green tea?"), secret="somebody else's")).status == 401
    assert (bot.inbox.stored, bot.runs.opened) == ({}, [])


async def test_signed_http_events_are_answered(bot: Bot) -> None:
    assert (await bot.receive_http(mention(f"<@{BOT}> green tea?"))).status == 200
    assert [run.text for run in bot.runs.opened] == ["green tea?"]


@pytest.mark.parametrize(
    "body",
    [
        event({"type": "app_mention", "user": "U1", "text": f"<@{BOT}> green tea?"}),
        event({"type": "message", "subtype": "message_deleted", "channel": CHANNEL, "ts": "1.1"}),
        {"type": "view_submission", "team": {"id": TEAM}, "user": {"id": "U1"}, "view": {"callback_id": "ask_form"}},
        {"type": "block_actions", "team": {"id": TEAM}, "user": {"id": "U1"}, "actions": []},
    ],
)
async def test_malformed_payloads_are_acknowledged_and_start_nothing(bot: Bot, body: dict[str, Any]) -> None:
    assert (await bot.receive(body)).status == 200
    assert (bot.inbox.stored, bot.runs.opened, bot.runs.deleted) == ({}, [], [])


async def test_after_a_defect_slack_may_send_it_again(bot: Bot) -> None:
    async def defect() -> None:
        raise RuntimeError("a defect")

    bot.app.middleware(defect)
    assert (await bot.receive(mention(f"<@{BOT}> green tea?"))).status == 500
