"""How a channel behaves: the form for admins, and what follows from it for everybody else."""

import json
from typing import Any

import pytest

from bot.messages.notice_views import NoticeView
from bot.people.channel_form import channel_form
from bot.people.channel_rules import ChannelRules
from tests.fakes.blockkit import check_view
from tests.fakes.bot_services import ANNA, BEN, BOT, CHANNEL, DM, MENU, RESPONSE_URL, Bot, command, mention, submission

DENIED = "Only admins of this workspace and the owners of this channel's budget can change that."


def values(**chosen: Any) -> dict[str, Any]:
    """The form as sent in: a field nobody touched comes as null."""
    names = ("who", "flow", "replies", "progress")
    picked = {name: {name: {"selected_option": {"value": chosen[name]} if name in chosen else None}} for name in names}
    return {**picked, "people": {"people": {"selected_users": chosen.get("people")}}}


def form(rules: ChannelRules) -> dict[str, Any]:
    return channel_form(rules, MENU.flows, channel=CHANNEL, response_url=RESPONSE_URL)


async def test_an_admin_opens_the_form_with_what_holds_now(bot: Bot) -> None:
    bot.rules.by_channel[CHANNEL] = ChannelRules(flow="decide", replies="free")
    await bot.receive(command("settings", user=BEN))
    (opened,) = bot.slack.called("views.open")
    assert check_view(opened["view"]) == []
    shown = json.dumps(opened["view"])
    assert '"initial_option": {"text": {"type": "plain_text", "text": "decide"' in shown
    assert "Everybody's, without a mention" in shown


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (command("settings"), DENIED),
        (command("settings", user=BEN, channel=DM), "Settings belong to channels. Type `/agents settings` in one."),
        (
            mention(f"<@{BOT}> settings", user=BEN),
            "A mention cannot open a form. Type `/agents settings` in the channel.",
        ),
    ],
)
async def test_nobody_else_and_nowhere_else(bot: Bot, body: dict[str, Any], why: str) -> None:
    await bot.receive(body)
    assert [NoticeView(why, tone="warning")] == bot.notifier.views
    assert bot.slack.called("views.open") == []


async def test_what_an_admin_saves_holds_and_is_written_down(bot: Bot) -> None:
    bot.rules.by_channel[CHANNEL] = ChannelRules(guests=True, replies="free", owners=frozenset({"UOWNER"}))
    chosen = values(who="named", people=[ANNA], flow="decide", progress="quiet")
    await bot.receive(submission(form(bot.rules.by_channel[CHANNEL]), chosen, user=BEN))
    expected = ChannelRules(
        guests=True,
        owners=frozenset({"UOWNER"}),
        who="named",
        people=frozenset({ANNA}),
        flow="decide",
        replies="free",
        quiet=True,
    )
    assert expected == bot.rules.by_channel[CHANNEL]
    assert bot.rules.changes == [(CHANNEL, BEN)]
    (said,) = bot.notifier.told
    assert said.text == (
        "UBEN changed who may ask here from “Everybody in the channel” to “admins, owners of the budget and 1 other "
        "person”; how agents work when nobody says how from “Whatever the Router chooses” to “decide”; what I show "
        "while working from “Each step as it happens” to “Only the beginning and the answer”."
    )


async def test_what_another_admin_changed_while_the_form_was_open_stays(bot: Bot) -> None:
    shown = form(ChannelRules(people=frozenset({ANNA})))
    bot.rules.by_channel[CHANNEL] = ChannelRules(guests=True, replies="free", people=frozenset({ANNA, "UNEW"}))
    await bot.receive(submission(shown, values(flow="decide", people=[BEN]), user=BEN))
    people = frozenset({BEN, "UNEW"})
    assert bot.rules.by_channel[CHANNEL] == ChannelRules(guests=True, replies="free", people=people, flow="decide")


async def test_a_form_sent_in_as_it_was_tells_nobody(bot: Bot) -> None:
    await bot.receive(submission(form(ChannelRules()), values(), user=BEN))
    assert (bot.rules.changes, bot.notifier.told) == ([], [])
    assert bot.notifier.views == [NoticeView("Nothing was changed.")]


async def test_who_may_ask_is_opened_before_everybody(bot: Bot) -> None:
    await bot.receive(command("allow guests", user=BEN))
    assert bot.notifier.told == [NoticeView("UBEN changed whether guests may run agents here from no to yes.")]
    assert bot.notifier.views == []


async def test_a_form_that_reaches_others_than_admins_changes_nothing(bot: Bot) -> None:
    await bot.receive(submission(form(ChannelRules()), values(replies="free")))
    assert bot.rules.changes == []
    assert [NoticeView(DENIED, tone="warning")] == bot.notifier.views


async def test_the_last_named_person_cannot_be_taken_away(bot: Bot) -> None:
    shown = form(ChannelRules(who="named", people=frozenset({ANNA})))
    response = await bot.receive(submission(shown, values(people=[]), user=BEN))
    assert "people" in json.loads(response.body)["errors"]


async def test_people_to_be_named_must_be_named(bot: Bot) -> None:
    response = await bot.receive(submission(form(ChannelRules()), values(who="named"), user=BEN))
    assert json.loads(response.body)["errors"] == {
        "people": "Name the people who may ask here, or choose another answer above."
    }
    assert bot.inbox.stored == {}


@pytest.mark.parametrize(
    ("rules", "may_ask"),
    [
        (ChannelRules(who="admins"), False),
        (ChannelRules(who="named", people=frozenset({"UOTHER"})), False),
        (ChannelRules(who="named", people=frozenset({ANNA})), True),
        (ChannelRules(who="admins", owners=frozenset({ANNA})), True),
    ],
)
async def test_who_may_ask_is_enforced(bot: Bot, rules: ChannelRules, may_ask: bool) -> None:  # noqa: FBT001 - a case
    bot.rules.by_channel[CHANNEL] = rules
    await bot.receive(command("green tea?"))
    await bot.receive(command("green tea?", user=BEN))
    assert [run.origin.user for run in bot.runs.opened] == ([ANNA, BEN] if may_ask else [BEN])
    expected = "Only some people may ask here. An admin changes that with `/agents settings`."
    assert [view.text for view in bot.notifier.views if isinstance(view, NoticeView)] == ([] if may_ask else [expected])


@pytest.mark.parametrize(
    ("usual", "text", "runs"),
    [("decide", "green tea?", "decide"), ("decide", "use answer: green tea?", "answer"), ("gone", "green tea?", None)],
)
async def test_the_channels_flow_runs_where_nobody_names_one(bot: Bot, usual: str, text: str, runs: str | None) -> None:
    bot.rules.by_channel[CHANNEL] = ChannelRules(flow=usual)
    await bot.receive(command(text))
    assert [run.flow for run in bot.runs.opened] == [runs]
