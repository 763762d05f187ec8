"""The form of one tool's people: what was chosen is in force for that tool, and nothing else is changed."""

from dataclasses import replace
from typing import Any

import pytest

from bot.people.channel_rules import Audience, ChannelRules
from bot.people.tool_audience_form import ToolAudienceForm, read_tool_audience_form, tool_audience_form
from bot.people.tools_form import PEOPLE, WHO, tools_changes
from tests.fakes.blockkit import check_view

FIND, ACT = "desk.find", "desk.act"
RULES = ChannelRules(tools=frozenset({FIND, ACT}), tools_for="members")
OWN = replace(RULES, tools=frozenset({FIND}), tools_whom={ACT: Audience("named", frozenset({"U1", "U2"}))})


def sent(rules: ChannelRules, before: ChannelRules | None = None, **fields: Any) -> ToolAudienceForm | dict[str, str]:
    form = tool_audience_form(rules, ACT, channel="C1")
    values = {name: {name: value} for name, value in fields.items()}
    return read_tool_audience_form({**form, "state": {"values": values}}, rules if before is None else before)


def rules_of(found: ToolAudienceForm | dict[str, str]) -> ChannelRules:
    assert isinstance(found, ToolAudienceForm)
    assert found.channel == "C1"
    return found.rules


def chosen(who: str) -> dict[str, Any]:
    return {"selected_option": {"value": who}}


def test_slack_takes_the_form_however_long_names_and_lists_are() -> None:
    many = Audience("named", frozenset(f"U{n}" for n in range(300)))
    for rules in (RULES, OWN, replace(OWN, tools_whom={ACT: many}, tools_for="named", tools_people=many.people)):
        assert check_view(tool_audience_form(rules, ACT, channel="C1")) == []
    assert check_view(tool_audience_form(RULES, f"{'s' * 64}.{'t' * 64}", channel="C1")) == []
    assert rules_of(sent(replace(OWN, tools_whom={ACT: many}))).tools_whom == {ACT: many}


@pytest.mark.parametrize("rules", [RULES, OWN])
def test_an_untouched_form_changes_nothing(rules: ChannelRules) -> None:
    assert rules_of(sent(rules)) == rules
    assert rules_of(sent(rules, **{WHO: None, PEOPLE: None})) == rules


@pytest.mark.parametrize("who", ["everyone", "members", "admins"])
def test_one_tool_gets_people_of_its_own(who: Any) -> None:
    after = rules_of(sent(RULES, **{WHO: chosen(who)}))
    assert (after.tools, after.tools_whom) == ({FIND}, {ACT: Audience(who)})
    assert after.tools_on == RULES.tools_on


def test_it_can_be_named_people_and_the_channels_again() -> None:
    after = rules_of(sent(RULES, **{WHO: chosen("named"), PEOPLE: {"selected_users": ["U2", "U1"]}}))
    assert after == OWN
    assert tools_changes(RULES, after) == (
        "changed whose requests have desk.act from “as the other tools here: members of this workspace” to "
        "“admins, owners of the budget and 2 other people”"
    )
    assert rules_of(sent(OWN, **{WHO: chosen("channel")})) == RULES


def test_named_people_need_names() -> None:
    refused = {PEOPLE: "Name the people who have it here, or choose another answer above."}
    assert sent(RULES, **{WHO: chosen("named"), PEOPLE: {"selected_users": []}}) == refused
    assert sent(RULES, **{WHO: chosen("named")}) == refused


def test_what_was_switched_off_meanwhile_stays_off() -> None:
    off = replace(RULES, tools=frozenset({FIND}))
    assert rules_of(sent(RULES, off, **{WHO: chosen("everyone")})) == off
