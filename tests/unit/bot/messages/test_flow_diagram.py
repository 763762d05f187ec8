"""Flows are drawn as people would on paper, with the limits of each agent."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.messages.flow_diagram import flow_diagram, limits_line
from bot.messages.flow_text import flows_drawn
from bot.messages.list_views import FlowLine
from patterns.roster.roster import Roster, load_roster
from tests.support.pattern_runs import PROMPTS, ROSTER

SHIPPED = Path(__file__).parents[4] / "patterns" / "roster.yml"
AGENT = "fast, 100 tokens, 5 s"


@pytest.fixture(scope="module")
def roster() -> Roster:
    return load_roster(ROSTER, file="test.yml", env={}, prompts=PROMPTS)


def drawn(roster: Roster, flow: str) -> list[str]:
    return list(flow_diagram(roster, roster.flows[flow], title=flow))


@pytest.mark.parametrize(
    ("flow", "lines"),
    [
        ("one", [f"one: a   {AGENT}"]),
        (
            "pick",
            ["pick: one of these, chosen by the Router", f"├─ a   {AGENT}", f"├─ b   {AGENT}", f"└─ c   {AGENT}"],
        ),
        (
            "chain",
            [
                "chain: one after the other",
                f"├─ 1. a   {AGENT}, 20 % of the money",
                f"├─ 2. b   {AGENT}, 30 % of the money",
                f"└─ 3. c   {AGENT}, 50 % of the money",
            ],
        ),
        (
            "quorum",
            [
                "quorum: side by side, 2 of 3 must answer",
                f"├─ a            {AGENT}",
                f"├─ b            {AGENT}",
                f"├─ c            {AGENT}",
                f"└─ then chair   {AGENT}",
            ],
        ),
        ("listed", ["listed: side by side", f"├─ a   {AGENT}", f"├─ b   {AGENT}", "└─ then all of it, listed"]),
        (
            "signed",
            [
                "signed: written and reviewed, up to 2 rounds",
                f"├─ writes: a         {AGENT}",
                f"├─ reviews: critic   {AGENT}",
                "└─ a person approves the end, within 1 day",
            ],
        ),
    ],
)
def test_each_pattern_has_its_picture(roster: Roster, flow: str, lines: list[str]) -> None:
    assert drawn(roster, flow) == lines


def test_all_of_a_strict_fan_must_answer(roster: Roster) -> None:
    assert drawn(roster, "strict")[0] == "strict: side by side, all of them must answer"


def test_what_is_nested_stands_deeper() -> None:
    shipped = load_roster(SHIPPED.read_text("utf-8"), file="roster.yml", env={})
    lines = drawn(shipped, "plan")
    assert "│  ├─ estimator_effort         auto, 400 tokens, 60 s" in lines
    assert lines[-1].startswith("└─ 3. plan_editor")


def test_every_shipped_flow_fits_a_phone_in_landscape() -> None:
    shipped = load_roster(SHIPPED.read_text("utf-8"), file="roster.yml", env={})
    widest = {flow: max(map(len, drawn(shipped, flow))) for flow in shipped.flows}
    assert {flow: width for flow, width in widest.items() if width > 72} == {}


def test_the_limits_of_a_run_are_one_line(roster: Roster) -> None:
    limits = replace(roster.limits, run_nusd=500_000_000, confirm_above_nusd=100_000_000)
    assert limits_line(limits).startswith("A run may take $0.50, ")
    assert limits_line(limits).endswith(" calls at once; above $0.10 it asks first.")


def test_where_no_run_may_cost_more_than_what_is_asked_about_nothing_is_said_of_asking(roster: Roster) -> None:
    assert limits_line(replace(roster.limits, confirm_above_nusd=roster.limits.run_nusd)).endswith(" calls at once.")


def test_flows_are_drawn_while_there_is_room_and_then_listed() -> None:
    lines = [
        FlowLine(f"flow{number}", "Does something.", diagram=("one agent", f"└─ a{number}")) for number in range(100)
    ]
    *drawn, rest = flows_drawn(lines)
    assert drawn[0] == "`flow0`: Does something.\n```\none agent\n└─ a0\n```"
    assert 10 <= len(drawn) <= 20
    assert [line for line in rest.splitlines() if "└─" in line] == []
    assert rest.splitlines()[-1] == "`flow99`: Does something."


def test_the_shipped_flows_are_all_drawn() -> None:
    shipped = load_roster(SHIPPED.read_text("utf-8"), file="roster.yml", env={})
    lines = [
        FlowLine(name, flow.description, diagram=flow_diagram(shipped, flow)) for name, flow in shipped.flows.items()
    ]
    assert len(flows_drawn(lines)) == len(lines)
    assert all("```" in part for part in flows_drawn(lines))


def test_no_flow_is_said_to_be_none() -> None:
    assert flows_drawn([]) == ["The roster has no flows."]
