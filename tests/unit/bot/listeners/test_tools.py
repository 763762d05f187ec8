"""`tools` in a channel: what everybody sees, what admins change, and what they take back."""

import json
from dataclasses import replace
from typing import Any

from bot.messages.action_ids import TOOL_AUDIENCE, TOOL_REVOKE, TOOLS_CHANGE
from bot.messages.notice_views import NoticeView
from bot.messages.tool_views import ToolsView
from bot.people.channel_rules import Audience
from bot.people.tool_audience_form import TOOL_AUDIENCE_FORM
from bot.people.tools_form import TOOLS_FORM
from tests.fakes.bot_services import ANNA, BEN, CHANNEL, DM, Bot, click, command, submission

CREATE = "tickets.create_issue"


def opened(bot: Bot) -> dict[str, Any]:
    (call,) = bot.slack.called("views.open")
    view: dict[str, Any] = json.loads(call["view"]) if isinstance(call["view"], str) else call["view"]
    return view


async def shown(bot: Bot, user: str, channel: str = CHANNEL) -> ToolsView:
    await bot.receive(command("tools", user=user, channel=channel))
    view = bot.notifier.views[-1]
    assert isinstance(view, ToolsView)
    return view


def notices(bot: Bot) -> list[str]:
    return [view.text for view in bot.notifier.views if isinstance(view, NoticeView)]


async def test_everybody_sees_the_tools_and_admins_the_lever(bot: Bot) -> None:
    bot.tools.rules = replace(bot.tools.rules, tools=frozenset({CREATE}))
    for user, may_change in ((ANNA, False), (BEN, True)):
        view = await shown(bot, user)
        assert [(line.name, line.is_on, line.asks) for line in view.tools] == [
            (CREATE, True, True),
            ("wiki.find", False, False),
        ]
        assert (view.name, view.for_whom) == ("#platform", "everybody who may ask here")
        assert (view.may_change, [one.tool for one in view.grants]) == (may_change, [CREATE])


async def test_direct_messages_have_no_lever(bot: Bot) -> None:
    assert await shown(bot, ANNA, DM)
    assert not (await shown(bot, ANNA, DM)).may_change


async def test_an_admin_switches_a_tool_on_and_everybody_hears_it(bot: Bot) -> None:
    await bot.receive(click(TOOLS_CHANGE, CHANNEL, user=BEN))
    form = opened(bot)
    assert form["callback_id"] == TOOLS_FORM
    ticked = {"tools0": {"tools0": {"selected_options": [{"value": CREATE}]}}}
    body = submission(form, ticked, user=BEN)
    await bot.receive(body)
    await bot.receive(body)
    assert bot.tools.rules.tools == {CREATE}
    assert [view.text for view in bot.notifier.told] == [f"{BEN} switched on {CREATE}."]


async def test_an_admin_says_for_whom_one_tool_is_on(bot: Bot) -> None:
    bot.tools.rules = replace(bot.tools.rules, tools=frozenset({CREATE}))
    await bot.receive(click(TOOL_AUDIENCE, f"{CHANNEL}:{CREATE}", user=BEN))
    form = opened(bot)
    assert form["callback_id"] == TOOL_AUDIENCE_FORM
    members = {"who": {"who": {"selected_option": {"value": "members"}}}}
    await bot.receive(submission(form, members, user=BEN))
    assert bot.tools.rules.tools_whom == {CREATE: Audience("members")}
    (told,) = [view.text for view in bot.notifier.told]
    assert told == (
        f"{BEN} changed whose requests have {CREATE} from “as the other tools here: everybody who may ask here” to "
        "“members of this workspace”."
    )
    (line, other) = (await shown(bot, ANNA)).tools
    assert (line.is_on, line.whom, other.whom) == (True, "members of this workspace", "")


async def test_who_has_one_tool_is_the_admins_to_say_and_of_tools_that_are_on(bot: Bot) -> None:
    await bot.receive(click(TOOL_AUDIENCE, f"{CHANNEL}:{CREATE}", user=BEN))
    assert notices(bot) == ["That tool is off here. `/agents tools` switches it on."]
    bot.tools.rules = replace(bot.tools.rules, tools=frozenset({CREATE}))
    await bot.receive(click(TOOL_AUDIENCE, f"{CHANNEL}:{CREATE}", user=ANNA))
    assert bot.slack.called("views.open") == []
    await bot.receive(click(TOOL_AUDIENCE, f"{CHANNEL}:{CREATE}", user=BEN))
    named = {"who": {"who": {"selected_option": {"value": "named"}}}}
    response = await bot.receive(submission(opened(bot), named, user=BEN))
    assert json.loads(response.body or "{}")["response_action"] == "errors"
    everyone = {"who": {"who": {"selected_option": {"value": "everyone"}}}}
    await bot.receive(submission(opened(bot), everyone, user=ANNA, view_id="V2"))
    assert bot.tools.rules.tools_whom == {}
    assert notices(bot)[1:] == ["Only admins of this workspace can say which tools agents have in a channel."] * 2


async def test_a_form_that_changes_nothing_says_so(bot: Bot) -> None:
    await bot.receive(click(TOOLS_CHANGE, CHANNEL, user=BEN))
    await bot.receive(submission(opened(bot), {}, user=BEN))
    assert (bot.notifier.told, notices(bot)) == ([], ["Nothing was changed."])


async def test_named_people_have_to_be_named(bot: Bot) -> None:
    await bot.receive(click(TOOLS_CHANGE, CHANNEL, user=BEN))
    who = {"who": {"who": {"selected_option": {"value": "named"}}}}
    response = await bot.receive(submission(opened(bot), who, user=BEN))
    assert json.loads(response.body or "{}")["response_action"] == "errors"
    assert bot.tools.rules.tools_for == "everyone"


async def test_where_guests_read_the_admin_is_told_that_they_stay_off(bot: Bot) -> None:
    bot.tools.outsiders = True
    await bot.receive(click(TOOLS_CHANGE, CHANNEL, user=BEN))
    ticked = {"tools0": {"tools0": {"selected_options": [{"value": CREATE}]}}}
    await bot.receive(submission(opened(bot), ticked, user=BEN))
    (told,) = notices(bot)
    assert told.startswith("The tools stay off for now")


async def test_who_is_no_admin_neither_opens_nor_sends_the_form_nor_takes_back(bot: Bot) -> None:
    await bot.receive(click(TOOLS_CHANGE, CHANNEL, user=ANNA))
    assert bot.slack.called("views.open") == []
    await bot.receive(click(TOOLS_CHANGE, CHANNEL, user=BEN))
    ticked = {"tools0": {"tools0": {"selected_options": [{"value": CREATE}]}}}
    await bot.receive(submission(opened(bot), ticked, user=ANNA, view_id="V2"))
    await bot.receive(click(TOOL_REVOKE, f"{CHANNEL}:g1", user=ANNA))
    assert (bot.tools.rules.tools, len(bot.tools.standing), bot.notifier.told) == (frozenset(), 1, [])
    assert [text.startswith("Only admins") for text in notices(bot)] == [True, True, True]


async def test_a_tool_asks_again_and_a_second_click_hears_that_it_does(bot: Bot) -> None:
    await bot.receive(click(TOOL_REVOKE, f"{CHANNEL}:g1", user=BEN))
    await bot.receive(click(TOOL_REVOKE, f"{CHANNEL}:g1", user=BEN))
    assert bot.tools.standing == []
    assert [view.text for view in bot.notifier.told] == [f"{BEN} had {CREATE} ask again in this channel."]
    assert notices(bot) == ["That approval is not in force any more; the tool asks."]
