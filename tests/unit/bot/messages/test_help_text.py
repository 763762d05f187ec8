"""The examples of the help and of the home tab name only flows and agents that the roster at hand has."""

import json
import re

import pytest

from bot.commands.commands import Ask
from bot.commands.parser import parse
from bot.messages.home_tab import home_tab
from bot.messages.home_views import HomeView, OwnMonth
from bot.messages.list_text import help_text
from bot.messages.list_views import BalancesView, Catalog, FlowLine, HelpView, RunsView
from bot.messages.mrkdwn import unescape

HOME = HomeView(RunsView(()), (), OwnMonth("November", 0), BalancesView(()), note="It lacks #tour.")
ANSWER = FlowLine("answer", "One answers.", choices=("engineer", "writer"), example="What is a mutex?")
DECIDE = FlowLine("decide", "Some argue.", choices=("cost", "sceptic", "chair"), example="Kafka <or> RabbitMQ?")
ORDERS = FlowLine("orders", "Looks orders up.", example="Where is order 1001?")
DRAFT = FlowLine("review", "Writes and reviews.")
AGENTS = ("engineer", "writer", "cost", "sceptic", "chair")


@pytest.mark.parametrize(
    ("flows", "default", "asked"),
    [
        ((ANSWER, DECIDE, DRAFT), "answer", [("decide", ()), ("decide", ("cost", "sceptic"))]),
        ((DRAFT, ANSWER), "answer", [("answer", ()), ("answer", ("engineer", "writer"))]),
        ((DRAFT, ORDERS), "orders", [("orders", ())]),
        ((DRAFT,), "gone", [("review", ())]),
        ((), "answer", []),
    ],
)
def test_examples_are_of_the_roster_at_hand(
    flows: tuple[FlowLine, ...], default: str, asked: list[tuple[str, tuple[str, ...]]]
) -> None:
    example = Catalog(flows, (), default_flow=default).example
    names = [flow.name for flow in flows]
    typed = re.findall(r"`/agents (use [^`]*)`: ", unescape(help_text(HelpView(example=example))))
    commands = [parse(one, flows=names, agents=AGENTS, escaped=False) for one in typed]
    assert [(one.flow, one.agents) for one in commands if isinstance(one, Ask)] == asked
    assert all(one.request == (example.example or "move the launch to May?") for one in commands)
    home = json.dumps(home_tab(HOME, example=example))
    assert [f"You choose the flow: /agents use {name}: " in home for name, _ in asked] == [True] * len(asked)
    assert ("You choose the flow" in home) == bool(flows)


def test_the_home_says_what_it_lacks() -> None:
    assert HOME.note in json.dumps(home_tab(HOME, example=None))
