"""The form of a channel's tools: what was changed is changed, and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from bot.people.channel_rules import Audience, ChannelRules
from bot.people.tools_form import (
    GROUP,
    OUTSIDE,
    PEOPLE,
    TOOLS_MAX,
    WHO,
    ToolsForm,
    for_whom,
    read_tools_form,
    tools_changes,
    tools_form,
)
from patterns.roster.tool_schema import ToolSpec
from tests.fakes.blockkit import check_view

SPECS = tuple(ToolSpec("tickets", f"t{n:02}", read_only=n % 2 == 0, asks=n % 3 == 0) for n in range(23))
RULES = ChannelRules(tools=frozenset({"tickets.t01", "tickets.t12", "gone.tool"}))


def sent(rules: ChannelRules, before: ChannelRules | None = None, **fields: Any) -> ToolsForm | dict[str, str]:
    form = tools_form(rules, SPECS, channel="C1")
    values = {name: {name: value} for name, value in fields.items()}
    return read_tools_form({**form, "state": {"values": values}}, rules if before is None else before)


def rules_of(found: ToolsForm | dict[str, str]) -> ChannelRules:
    assert isinstance(found, ToolsForm)
    return found.rules


def ticked(*names: str) -> dict[str, Any]:
    return {"selected_options": [{"value": f"tickets.{name}"} for name in names]}


def test_slack_takes_the_form_whatever_the_roster_has() -> None:
    for count in (1, GROUP, 23, 300):
        specs = tuple(ToolSpec("a-server-with-a-long-name" * 2, f"{n}" * 20) for n in range(count))
        form = tools_form(replace(RULES, tools_people=frozenset(f"U{n}" for n in range(300))), specs, channel="C1")
        assert check_view(form) == []
        offered = [option for block in form["blocks"] for option in block["element"].get("options", ())]
        assert sum("value" in option for option in offered) <= TOOLS_MAX + 5


def test_an_untouched_form_changes_nothing() -> None:
    assert rules_of(sent(RULES)) == RULES
    assert rules_of(sent(RULES, tools0={"selected_options": None}, who=None)) == RULES


def test_what_is_ticked_is_on_and_what_is_unticked_off_in_its_group_only() -> None:
    after = rules_of(sent(RULES, tools0=ticked("t02")))
    assert after.tools == {"tickets.t02", "tickets.t12", "gone.tool"}
    assert tools_changes(RULES, after) == "switched on tickets.t02; switched off tickets.t01"


def test_a_tool_with_people_of_its_own_stays_theirs_until_it_is_unticked() -> None:
    own = replace(RULES, tools_whom={"tickets.t02": Audience("admins")})
    assert rules_of(sent(own)) == own
    after = rules_of(sent(own, tools0=ticked("t01", "t02", "t03")))
    assert (after.tools, after.tools_whom) == (RULES.tools | {"tickets.t03"}, own.tools_whom)
    off = rules_of(sent(own, tools0=ticked("t01")))
    assert (off.tools, off.tools_whom) == (RULES.tools, {})
    assert tools_changes(own, off) == "switched off tickets.t02"


def test_a_tool_that_the_form_did_not_offer_cannot_be_switched_on() -> None:
    forged = {"selected_options": [{"value": "shell.run"}, {"value": "tickets.t12"}]}
    assert rules_of(sent(RULES, tools0=forged)).tools == {"tickets.t12", "gone.tool"}


def test_what_another_admin_changed_meanwhile_stays() -> None:
    meanwhile = replace(RULES, tools=RULES.tools | {"tickets.t05"}, tools_outside=True, tools_for="admins")
    after = rules_of(sent(RULES, meanwhile, tools0=ticked("t01", "t02")))
    assert after == replace(meanwhile, tools=meanwhile.tools | {"tickets.t02"})


def test_whose_requests_have_them_is_changed_and_told() -> None:
    named = {"selected_option": {"value": "named"}}
    assert sent(RULES, **{WHO: named}) == {
        PEOPLE: "Name the people who have them here, or choose another answer above."
    }
    after = rules_of(sent(RULES, **{WHO: named, PEOPLE: {"selected_users": ["U1"]}}))
    assert (after.tools_for, after.tools_people) == ("named", {"U1"})
    assert for_whom(after) == "admins, owners of the budget and 1 other person"
    was = "“everybody who may ask here”"
    is_now = "“admins, owners of the budget and 1 other person”"
    assert tools_changes(RULES, after) == f"changed whose requests have tools from {was} to {is_now}"


@pytest.mark.parametrize("now", [True, False])
def test_guests_and_others_are_a_decision_of_their_own(*, now: bool) -> None:
    before = replace(RULES, tools_outside=not now)
    after = rules_of(sent(before, **{OUTSIDE: {"selected_options": [{"value": "allowed"}] if now else []}}))
    assert after.tools_outside is now
    assert ("also on" in tools_changes(before, after)) is now
