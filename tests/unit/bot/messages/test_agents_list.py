"""`/agents agents` names whom a person would ask, by flow; everybody else is one word away, and nobody is left out."""

from pathlib import Path

from bot.messages.flow_text import flows
from bot.messages.list_text import agents
from bot.messages.list_views import AgentLine, AgentsView, FlowLine
from bot.runs.catalog import choices_of
from patterns.roster.consistency import agents_in
from patterns.roster.roster import load_roster

SHIPPED = load_roster(
    (Path(__file__).parents[4] / "patterns" / "roster.yml").read_text("utf-8"), file="roster.yml", env={}
)
LINES = tuple(AgentLine(name, agent.description, "a-model") for name, agent in SHIPPED.agents.items())
FLOWS = tuple(
    FlowLine(name, flow.description, agents=tuple(dict.fromkeys(agents_in(flow))), choices=choices_of(flow))
    for name, flow in SHIPPED.flows.items()
)


def test_those_one_would_ask_stand_under_their_flow() -> None:
    shown = agents(AgentsView(LINES, FLOWS)).split("\n\n")
    assert [part.partition(":")[0] for part in shown[:-1]] == ["`answer`", "`decide`", "`critique`"]
    assert [line.split("*")[1] for line in shown[1].splitlines()[1:]] == ["advocate", "sceptic", "cost", "operations"]


def test_the_rest_is_counted_with_the_way_to_see_it() -> None:
    shown = agents(AgentsView(LINES, FLOWS))
    last = shown.splitlines()[-1]
    number = sum(f"• *{line.name}*" not in shown for line in LINES)
    assert last.startswith(f"{number} more agents work behind them in catchup, decide, draft,")
    assert last.endswith("`/agents agents all` shows everybody.")


def test_everybody_is_shown_when_asked_for() -> None:
    shown = agents(AgentsView(LINES, FLOWS, shows_all=True))
    assert [line.name for line in LINES if f"• *{line.name}*" not in shown] == []
    assert "more agent" not in shown


def test_one_is_not_two() -> None:
    lines = (AgentLine("a", "A."), AgentLine("b", "B."))
    shown = agents(AgentsView(lines, (FlowLine("pick", "P.", agents=("a", "b"), choices=("a",)),)))
    assert shown.splitlines()[-1].startswith("1 more agent works behind them in pick.")


def test_a_roster_whose_flows_leave_no_choice_shows_everybody() -> None:
    shown = agents(AgentsView((AgentLine("a", "A."),), (FlowLine("one", "O.", agents=("a",)),)))
    assert shown == "`one`: O.\n• *a*: A."


def test_no_list_ends_before_its_end() -> None:
    many = tuple(AgentLine(f"agent{n}", "Does something.") for n in range(100))
    assert "agent99" in agents(AgentsView(many, shows_all=True))
    assert "flow99" in flows([FlowLine(f"flow{n}", "Does something.") for n in range(100)])
