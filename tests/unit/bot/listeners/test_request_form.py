import json
from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.models.views import View

from bot.commands.commands import Ask, ShowHelp
from bot.commands.origin import Origin
from bot.commands.parser import parse
from bot.listeners.inbox_middleware import NOT_STORED
from bot.messages.action_ids import HOME_BUDGET, HOME_SETTINGS
from bot.messages.budget_views import BookLine, BooksView
from bot.messages.checklist import Check
from bot.messages.home_tab import home_tab
from bot.messages.home_views import AdminView, HomeView, OwnMonth
from bot.messages.list_views import BalancesView, RunsView
from bot.messages.notice_views import InviteView, NoticeView
from bot.messages.request_form import ask_form
from bot.runs.request import RunRequest
from tests.fakes.blockkit import check_view
from tests.fakes.bot_services import (
    ANNA,
    BALANCES,
    BEN,
    BROKEN,
    CHANNEL,
    DM,
    MENU,
    OUTSIDE,
    RESPONSE_URL,
    TEAM,
    UNREACHABLE,
    Bot,
    click,
    event,
    submission,
)


def form(*, channel: str = CHANNEL, can_post: bool = True) -> dict[str, Any]:
    origin = Origin("", TEAM, channel, ANNA, response_url=RESPONSE_URL)
    return ask_form(MENU.flows, origin, channel_name="platform", can_post=can_post, balances=BALANCES)


def filled(text: str | None, flow: str | None = None, where: str | None = None) -> dict[str, Any]:
    def chosen(value: str | None) -> dict[str, Any]:
        return {"type": "static_select", "selected_option": value and {"value": value}}

    return {
        "request": {"request": {"type": "plain_text_input", "value": text}},
        "flow": {"flow": chosen(flow)},
        "where": {"where": chosen(where)},
    }


EMPTY = HomeView(RunsView(()), (), OwnMonth("November", 0), BalancesView(()))


async def test_the_form_runs_where_it_was_opened(bot: Bot) -> None:
    response = await bot.receive(submission(form(), filled("help me decide", "decide", "channel")))
    origin = Origin(
        delivery_key="view:T1:V1:156772938.1827394",
        workspace=TEAM,
        channel=CHANNEL,
        user=ANNA,
        response_url=RESPONSE_URL,
    )
    expected = RunRequest(origin, "channel", text="help me decide", flow="decide")
    assert (response.status, response.body) == (200, "")
    assert [expected] == bot.runs.opened


async def test_the_form_runs_in_our_direct_messages_when_asked(bot: Bot) -> None:
    await bot.receive(submission(form(), filled("green tea?", "-", "dm")))
    assert [(run.origin.channel, run.kind, run.flow, run.forced_here) for run in bot.runs.opened] == [
        (DM, "dm", None, True)
    ]


@pytest.mark.parametrize("chosen", [[], [{"value": "dry"}], None])
async def test_the_form_can_ask_for_a_dry_run(bot: Bot, chosen: list[dict[str, str]] | None) -> None:
    fields = {**filled("tidy up"), "dry": {"dry": {"type": "checkboxes", "selected_options": chosen}}}
    await bot.receive(submission(form(), fields))
    assert [run.dry for run in bot.runs.opened] == [bool(chosen)]


async def test_the_form_reads_a_dry_run_from_the_words_too(bot: Bot) -> None:
    await bot.receive(submission(form(), filled("dry run: tidy up")))
    answer = json.loads((await bot.receive(submission(form(), filled("dry run:")))).body)
    assert [(run.text, run.dry) for run in bot.runs.opened] == [("tidy up", True)]
    assert answer["errors"]["request"].startswith("Write the request after")


def test_the_form_offers_a_dry_run_only_where_agents_can_act() -> None:
    origin = Origin("", TEAM, CHANNEL, ANNA, response_url=RESPONSE_URL)
    names = {"channel_name": "platform", "can_post": True, "balances": BALANCES}
    acting = ask_form(MENU.flows, origin, **names, acts=True, again=Ask("tidy up", dry=True))
    check_view(acting)
    boxes = [block["element"] for block in acting["blocks"] if block.get("block_id") == "dry"]
    assert [box["initial_options"] for box in boxes] == [boxes[0]["options"]]
    assert all(block.get("block_id") != "dry" for block in ask_form(MENU.flows, origin, **names)["blocks"])


async def test_untouched_fields_take_their_defaults(bot: Bot) -> None:
    await bot.receive(submission(form(), filled("green tea?")))
    assert [(run.origin.channel, run.flow) for run in bot.runs.opened] == [(CHANNEL, None)]


async def test_an_empty_request_is_a_field_error_and_can_be_mended(bot: Bot) -> None:
    response = await bot.receive(submission(form(), filled("  ")))
    answer = json.loads(response.body)
    assert (answer["response_action"], list(answer["errors"])) == ("errors", ["request"])
    await bot.receive(submission(form(), filled("green tea?")))
    assert [run.text for run in bot.runs.opened] == ["green tea?"]


async def test_a_form_sent_twice_asks_once(bot: Bot) -> None:
    for _again in range(2):
        assert (await bot.receive(submission(form(), filled("green tea?")))).status == 200
    assert len(bot.runs.opened) == 1


async def test_a_form_that_cannot_be_stored_stays_open_and_says_so(bot: Bot) -> None:
    bot.inbox.error = BROKEN
    response = await bot.receive(submission(form(), filled("green tea?")))
    assert json.loads(response.body) == {"response_action": "errors", "errors": {"request": NOT_STORED}}


async def test_where_we_cannot_post_the_form_answers_in_direct_messages(bot: Bot) -> None:
    view = form(channel=OUTSIDE, can_post=False)
    assert "where" not in [block.get("block_id") for block in view["blocks"]]
    await bot.receive(submission(view, filled("green tea?")))
    assert [run.origin.channel for run in bot.runs.opened] == [DM]


async def test_the_bot_thrown_out_meanwhile_keeps_the_forms_request(bot: Bot) -> None:
    bot.slack.answers[f"conversations.info {CHANNEL}"] = {"channel": {"id": CHANNEL, "is_member": False}}
    await bot.receive(submission(form(), filled("green tea?")))
    assert [InviteView("view:T1:V1:156772938.1827394")] == bot.notifier.views


async def test_unknown_forms_are_acknowledged(bot: Bot) -> None:
    view = form() | {"callback_id": "somebody_elses"}
    assert (await bot.receive(submission(view, filled("green tea?")))).status == 200
    assert (await bot.receive(submission(view, {}) | {"type": "view_closed"})).status == 200
    assert bot.runs.opened == []


def opened_home(tab: str) -> dict[str, Any]:
    return event({"type": "app_home_opened", "user": ANNA, "channel": DM, "tab": tab, "event_ts": "1700000000.1"})


def home_click(action_id: str, value: str, *, user: str = ANNA) -> dict[str, Any]:
    body = click(action_id, value, user=user, channel=None)
    return {name: part for name, part in body.items() if name != "response_url"}


async def test_the_home_tab_shows_runs_and_balance(bot: Bot) -> None:
    await bot.receive(opened_home("home"))
    (published,) = bot.slack.called("views.publish")
    shown = json.dumps(published["view"])
    assert published["user_id"] == ANNA
    assert check_view(published["view"]) == []
    for words in (
        "coffee?",
        "A draft to decide on.",
        "https://d.example",
        "You spent $1.24, channels and direct messages together.",
        "#platform: $24.00 left of $25.00",
        "tea?",
        "\\u2705 answered",
        "https://l.example",
    ):
        assert words in shown
    assert "home_budget" not in shown


async def test_an_admins_home_leads_to_limits_and_settings(bot: Bot) -> None:
    line = BookLine("#platform", 25, 5, 0, channel=CHANNEL)
    books = BooksView("November 2026", BookLine("The workspace", 100, 5, 0), (line,), 25, 5)
    bot.home.shown = replace(bot.home.shown, admin=AdminView(books, (Check(is_fine=True, text="All is well."),)))
    await bot.receive(opened_home("home"))
    (published,) = bot.slack.called("views.publish")
    assert check_view(published["view"]) == []
    assert "Limits of #platform" in json.dumps(published["view"])
    await bot.receive(home_click(HOME_BUDGET, CHANNEL, user=BEN))
    await bot.receive(home_click(HOME_SETTINGS, CHANNEL, user=BEN))
    limits, settings = (opened["view"] for opened in bot.slack.called("views.open"))
    assert (limits["callback_id"], limits["payer"]) == ("budget_form", CHANNEL)
    assert settings["callback_id"] == "channel_form"


async def test_settings_at_home_are_still_for_admins_only(bot: Bot) -> None:
    await bot.receive(home_click(HOME_SETTINGS, CHANNEL))
    assert bot.slack.called("views.open") == []
    (view,) = bot.notifier.views
    assert isinstance(view, NoticeView)
    assert "Only admins" in view.text


async def test_the_messages_tab_offers_what_the_roster_has(bot: Bot) -> None:
    bot.slack.answers["assistant.threads.setSuggestedPrompts"] = {"ok": True}
    await bot.receive(opened_home("messages"))
    (shown,) = bot.slack.called("assistant.threads.setSuggestedPrompts")
    assert shown["channel_id"] == DM
    assert "thread_ts" not in shown
    flows = [flow.name for flow in MENU.flows]
    said = [parse(prompt["message"], flows=flows, agents=()) for prompt in shown["prompts"]]
    assert [type(one) for one in said] == [Ask, ShowHelp, ShowHelp]
    assert shown["prompts"][1]["message"] == "help answer"


@pytest.mark.parametrize(("error", "times"), [("unknown_method", 1), ("feature_not_enabled", 1), ("fatal_error", 2)])
async def test_a_workspace_without_prompts_is_asked_once_and_nobody_hears_of_it(
    bot: Bot, error: str, times: int
) -> None:
    bot.slack.answers["assistant.threads.setSuggestedPrompts"] = error
    for _ in range(2):
        await bot.receive(opened_home("messages"))
    assert len(bot.slack.called("assistant.threads.setSuggestedPrompts")) == times
    assert (bot.notifier.views, bot.slack.responded) == ([], [])


async def test_a_home_that_cannot_be_shown_says_why(bot: Bot) -> None:
    bot.slack.answers[f"users.info {ANNA}"] = UNREACHABLE
    await bot.receive(opened_home("home"))
    (view,) = bot.notifier.views
    assert isinstance(view, NoticeView)
    assert view.tone == "warning"


def test_the_views_keep_slacks_limits() -> None:
    for view in (form(), form(can_post=False), home_tab(EMPTY, example=None)):
        View(**view).validate_json()
