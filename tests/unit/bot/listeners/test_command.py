import json

import pytest
from slack_bolt.listener.async_listener import AsyncListener

from bot.commands.origin import Origin
from bot.listeners import command as handler
from bot.messages.list_views import AgentsView, FlowsView, HelpView, RunsView
from bot.messages.notice_views import InviteView, NearMissView, NoticeView
from bot.runs.request import RunRequest
from patterns.core.errors import UserError
from patterns.core.holds import Payer
from tests.fakes.bot_services import (
    ANNA,
    BALANCES,
    BEN,
    CHANNEL,
    DM,
    MENU,
    OUTSIDE,
    PRIVATE,
    RESPONSE_URL,
    TEAM,
    UNREACHABLE,
    Bot,
    command,
)


async def test_a_request_is_acknowledged_stored_and_opened(bot: Bot) -> None:
    body = command("use decide with sceptic: tea &amp; coffee?")
    response = await bot.receive(body)
    key = f"trigger:{TEAM}:{body['trigger_id']}"
    origin = Origin(
        delivery_key=key,
        workspace=TEAM,
        channel=CHANNEL,
        user=ANNA,
        response_url=RESPONSE_URL,
        trigger_id=body["trigger_id"],
    )
    expected = RunRequest(origin, "channel", text="tea & coffee?", flow="decide", agents=("sceptic",))
    assert (response.status, response.body) == (200, "")
    assert [expected] == bot.runs.opened
    assert {key: "done"} == bot.inbox.notes
    assert "token" not in bot.inbox.stored[key][1]


async def test_it_is_acknowledged_without_asking_any_of_bolts_listeners(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(*_: object, **__: object) -> bool:
        raise AssertionError("a listener was asked")

    monkeypatch.setattr(AsyncListener, "async_matches", asked)
    assert (await bot.receive(command("green tea?"))).status == 200
    assert [request.text for request in bot.runs.opened] == ["green tea?"]


async def test_one_that_could_not_be_handed_over_is_not_acknowledged(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(handler, "handle_text", defect)
    assert (await bot.receive(command("green tea?"))).status == 500


async def test_in_our_direct_messages_the_person_pays(bot: Bot) -> None:
    await bot.receive(command("why is the sky blue?", channel=DM))
    assert [request.kind for request in bot.runs.opened] == ["dm"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("help", HelpView(flows=MENU.flows, example=MENU.flows[0])),
        ("help decide", FlowsView((MENU.flows[1],))),
        ("agents", AgentsView(MENU.agents, MENU.flows)),
        ("agents all", AgentsView(MENU.agents, MENU.flows, shows_all=True)),
        ("flows", FlowsView(MENU.flows)),
        ("balance", BALANCES),
        ("stop", NoticeView("Stopped r1.")),
        ("estimate use decide: tea", NoticeView("At most $0.05 for tea by decide.")),
    ],
)
async def test_commands_are_answered_privately(bot: Bot, text: str, expected: object) -> None:
    await bot.receive(command(text))
    assert [expected] == bot.notifier.views
    assert bot.runs.opened == []


async def test_runs_lists_ones_own(bot: Bot) -> None:
    await bot.receive(command("runs"))
    (view,) = bot.notifier.views
    assert isinstance(view, RunsView)
    assert [f"{ANNA} in {CHANNEL}"] == [run.request for run in view.runs]


async def test_the_balance_is_that_of_the_place(bot: Bot) -> None:
    await bot.receive(command("balance"))
    assert [Payer(TEAM, CHANNEL, "channel", ANNA)] == bot.runs.payers


async def test_a_near_miss_is_asked_about_under_the_key_of_its_delivery(bot: Bot) -> None:
    body = command("bugdet")
    await bot.receive(body)
    assert [NearMissView("bugdet", "budget", f"trigger:{TEAM}:{body['trigger_id']}")] == bot.notifier.views


async def test_what_cannot_be_a_command_gets_an_example(bot: Bot) -> None:
    await bot.receive(command("ask"))
    (view,) = bot.notifier.views
    assert isinstance(view, NoticeView)
    assert (view.tone, "`ask why" in view.text) == ("warning", True)


@pytest.mark.parametrize("channel", [OUTSIDE, PRIVATE])
async def test_where_we_cannot_post_the_request_is_kept_and_the_person_told(bot: Bot, channel: str) -> None:
    body = command("green tea?", channel=channel)
    await bot.receive(body)
    assert [InviteView(f"trigger:{TEAM}:{body['trigger_id']}")] == bot.notifier.views
    assert bot.runs.opened == []


async def test_nothing_starts_while_slack_cannot_say_who_asks(bot: Bot) -> None:
    bot.slack.answers[f"users.info {ANNA}"] = UNREACHABLE
    body = command("green tea?")
    await bot.receive(body)
    (view,) = bot.notifier.views
    assert isinstance(view, NoticeView)
    assert view.text.startswith("I could not check with Slack")
    assert bot.runs.opened == []
    assert {f"trigger:{TEAM}:{body['trigger_id']}": "refused"} == bot.inbox.notes


async def test_stop_works_while_slack_cannot_say_who_asks(bot: Bot) -> None:
    bot.slack.answers[f"users.info {ANNA}"] = UNREACHABLE
    await bot.receive(command("stop r0123456789ab"))
    expected = {"workspace": TEAM, "channel": CHANNEL, "thread_ts": None, "run_id": "r0123456789ab", "user": ANNA}
    assert [expected] == bot.runs.stopped


async def test_an_admin_opens_the_channel_to_guests(bot: Bot) -> None:
    bot.slack.answers[f"users.info {ANNA}"] = {"user": {"id": ANNA, "team_id": TEAM, "is_restricted": True}}
    await bot.receive(command("green tea?"))
    await bot.receive(command("allow guests", user=BEN))
    await bot.receive(command("green tea?"))
    assert [request.text for request in bot.runs.opened] == ["green tea?"]
    assert bot.rules.changes == [(CHANNEL, BEN)]


async def test_a_refusal_of_the_runs_is_shown_as_it_is(bot: Bot) -> None:
    bot.runs.error = UserError("Not started, nothing spent.")
    await bot.receive(command("green tea?"))
    assert [NoticeView("Not started, nothing spent.", tone="warning")] == bot.notifier.views


async def test_a_defect_is_told_with_a_code_and_never_with_its_words(bot: Bot) -> None:
    bot.runs.error = RuntimeError("password=hunter2")
    body = command("green tea?")
    await bot.receive(body)
    (view,) = bot.notifier.views
    assert isinstance(view, NoticeView)
    assert "hunter2" not in view.text
    assert {f"trigger:{TEAM}:{body['trigger_id']}": f"failed {view.code}"} == bot.inbox.notes


async def test_bare_command_opens_the_form_with_prices_and_balance(bot: Bot) -> None:
    body = command("  ")
    await bot.receive(body)
    (opened,) = bot.slack.called("views.open")
    assert body["trigger_id"] == opened["trigger_id"]
    shown = json.dumps(opened["view"])
    assert all(
        words in shown for words in ("decide: about $0.04, at most $0.25", "#platform has $24.00 left", "In #platform")
    )
    assert bot.inbox.stored == {}


async def test_the_form_opens_without_balance_when_that_fails(bot: Bot) -> None:
    bot.runs.error = UserError("not now")
    await bot.receive(command(""))
    (opened,) = bot.slack.called("views.open")
    assert "left" not in json.dumps(opened["view"])


async def test_a_form_that_took_too_long_is_said(bot: Bot) -> None:
    bot.slack.answers["views.open"] = "expired_trigger_id"
    await bot.receive(command(""))
    assert [NoticeView("The form took too long to open. Please try again.", tone="warning")] == bot.notifier.views


async def test_other_commands_are_acknowledged(bot: Bot) -> None:
    response = await bot.receive(command("hello", name="/other"))
    assert response.status == 200
    assert "/agents help" in json.loads(response.body)["text"]
    assert bot.runs.opened == []
