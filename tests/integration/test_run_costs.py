"""What one run asks of everything around it: one plan, one price, one look at its journal, one rendering."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import patterns.estimate
import patterns.flow
from bot.messages.renderer import Renderer
from bot.runs.budget_gate import BudgetGate
from patterns.models.client import LiteLLMClient
from storage.journal import SqlJournal
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.support.running_bot import House

ASKED = "use critique: Is a second database worth it?"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often things were asked for."""
    counts: Counter[str] = Counter()

    def watch(owner: Any, name: str) -> None:
        own: Callable[..., Any] = getattr(owner, name)

        def counting(*args: Any, **named: Any) -> Any:
            counts[f"{owner.__name__}.{name}"] += 1
            return own(*args, **named)

        monkeypatch.setattr(owner, name, counting)

    for owner, name in (
        (LiteLLMClient, "prepare"),
        (BudgetGate, "admit"),
        (Renderer, "answer"),
        (SqlJournal, "find"),
    ):
        watch(owner, name)
    own_plan = patterns.flow.plan_of

    def planning(*args: Any, **named: Any) -> Any:
        counts["plan_of"] += 1
        return own_plan(*args, **named)

    for module in (patterns.flow, patterns.estimate):
        monkeypatch.setattr(module, "plan_of", planning)
    return counts


async def test_a_second_request_is_planned_once_while_executed_and_prepares_only_what_it_sends(
    slack: SlackServer, provider: Provider, house: House, counted: Counter[str]
) -> None:
    await slack.command(ASKED)
    await slack.wait_for(lambda: ended(slack) == 1)
    counted.clear()
    before = len(provider.calls)
    await slack.command(ASKED)
    await slack.wait_for(lambda: ended(slack) == 2)
    await house.until_no_run_is_open()
    sent = len(provider.calls) - before
    assert sent > 0
    assert counted == {
        "plan_of": 2,  # when it was asked for, and when it was executed
        "SqlJournal.find": 2,  # the price it was told with, beside its plan and beside its answer
        "LiteLLMClient.prepare": sent,
        "BudgetGate.admit": 1,
        "Renderer.answer": 1,
    }


def ended(slack: SlackServer) -> int:
    return sum("answered · " in str(message) for message in slack.messages() if message["user"] == BOT_USER)
