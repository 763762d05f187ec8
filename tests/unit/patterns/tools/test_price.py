"""The price of a step with tools before it runs: nothing it does costs more, and it begins only with money to end."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from patterns.core.calls import ModelRequest
from patterns.core.errors import BudgetExceededError
from patterns.core.ports import HoldRequest
from patterns.core.quotes import Quote
from patterns.core.tools import ToolRules
from tests.fakes.memory import Memory
from tests.fakes.model import Fail, Reply, ScriptedModel
from tests.fakes.tools import FakeTools
from tests.support.examples import examples
from tests.support.pattern_runs import CTX
from tests.support.tool_runs import AGENT, LOADED, ask_for, place, roster_with, step

LARGE = FakeTools({"shop.find": "x" * 100_000, "shop.status": "y" * 100_000, "vault.read": "z" * 100_000})


def quoted(**changes: Any) -> Quote:
    where = place(ScriptedModel([]), Memory(), FakeTools(), **changes)
    return where.runner.quote(CTX, where, agent="a")


def greedy(turns: list[int]) -> Any:
    """A model that asks for so many lookups in each turn, and answers when it has no more to ask."""

    def reply(request: ModelRequest) -> Reply:
        turn = sum(message.role == "assistant" for message in request.messages)
        if not request.tools or turn >= len(turns) or not turns[turn]:
            return "That is all."
        return ask_for(*(("shop.find", {"q": f"{turn}.{n}"}) for n in range(turns[turn])), say="x" * 400)

    return reply


def test_tools_make_a_step_dearer_and_once_is_less_than_the_worst() -> None:
    without = quoted(rules=ToolRules(), roster=roster_with("agent a, tools: [shop],"))
    with_tools = quoted(roster=roster_with("agent a, tools: [shop],"))
    assert without.once_nusd < with_tools.once_nusd < with_tools.worst_nusd
    assert without.typical_nusd < with_tools.typical_nusd


def test_no_price_is_above_what_a_step_may_cost() -> None:
    quote = quoted(roster=roster_with(f"{AGENT} step_usd: 0.02,"))
    assert quote.once_nusd <= quote.worst_nusd == 20_000_000
    assert quote.typical_nusd <= 20_000_000


@examples(40)
@given(turns=st.lists(st.integers(0, 8), max_size=5))
def test_nothing_a_step_does_costs_more_than_its_worst_price(turns: list[int]) -> None:
    memory, model = Memory(), ScriptedModel(greedy(turns))
    record = asyncio.run(step(place(model, memory, FakeTools(LARGE.answers))))
    assert record.spent_nusd == memory.settled_nusd <= quoted().worst_nusd
    assert memory.held_nusd == 0


def garrulous(turns: list[list[tuple[str, int, int]]], *, fails: bool = False) -> Any:
    """A model that writes as much as it may: calls of a tool with long arguments, and thinking that comes back.

    It may fail at first in every turn.
    """
    tried: set[int] = set()

    def reply(request: ModelRequest) -> Reply:
        turn = sum(message.role == "assistant" for message in request.messages)
        if fails and turn not in tried:
            tried.add(turn)
            return Fail("server")
        if not request.tools or turn >= len(turns):
            return "That is all."
        written = 8 * request.max_output_tokens
        calls, thinking = [], 0
        for number, (tool, size, wish) in enumerate(turns[turn]):
            long, thought = min(size, written - 20), min(wish, written // 4)
            written, thinking = written - long - thought, thinking + thought
            calls.append((tool, {"q": f"{turn}.{number}" + "a" * max(0, long - 20)}))
        return ask_for(*calls, say="x" * 5000, thinking="t" * thinking)

    return reply


WORDS = roster_with("agent a, tools: [shop], turns_max: 8, tool_calls_max: 9,")
WORDY = replace(
    WORDS,
    agents={**WORDS.agents, "a": WORDS.agents["a"].model_copy(update={"max_output_tokens": 2000})},
    limits=replace(WORDS.limits, run_nusd=100 * 10**9),
)
A_TURN = st.lists(
    st.tuples(
        st.sampled_from(["shop.find", "shop.find", "shop.none", "x" * 90]),
        st.sampled_from([0, 50, 400, 20_000]),
        st.sampled_from([0, 4000, 20_000]),
    ),
    max_size=60,
)


@examples(60)
@given(turns=st.lists(A_TURN, max_size=8))
@example(turns=[[("shop.find", 8000, 8000)]] * 8)
def test_no_more_is_ever_held_in_all_than_the_worst_price(turns: list[list[tuple[str, int, int]]]) -> None:
    """Every hold of a step together: what its turns may cost with what was written and returned, and its calls."""
    memory, model = Memory(), ScriptedModel(garrulous(turns, fails=True))
    record = asyncio.run(step(place(model, memory, FakeTools(LARGE.answers), roster=WORDY)))
    assert record.outcome == "ok"
    sent = [one.request for one in memory.calls.values() if isinstance(one.request, HoldRequest)]
    assert len(sent) > 0
    assert sum(one.amount_nusd for one in sent) <= quoted(roster=WORDY).worst_nusd


def test_of_calls_that_could_not_be_made_ten_are_shown_in_a_step() -> None:
    script = [[("shop.none", 10, 0)] * 7, [("shop.none", 10, 0)] * 7, [("shop.none", 10, 0)] * 7]
    model = ScriptedModel(garrulous(script))
    record = asyncio.run(step(place(model, Memory(), FakeTools(LARGE.answers))))
    assert record.outcome == "ok"
    shown = [sum(message.role == "tool" for message in request.messages) for request in model.requests]
    assert shown == [0, 7, 10, 10]
    assert all(len(message.calls) > 0 or message.content for message in model.requests[-1].messages)


def test_arguments_that_a_turn_has_no_room_for_are_refused_and_not_shown_again() -> None:
    tools = FakeTools(LARGE.answers)
    first = ask_for(("shop.find", {"q": "a" * 700}), ("shop.find", {"q": "b" * 700}))
    model = ScriptedModel([first, "That is all."])
    asyncio.run(step(place(model, Memory(), tools)))
    assert tools.did == [("shop.find", {"q": "a" * 700})]
    (said,) = [message for message in model.requests[-1].messages if message.calls]
    assert [call.arguments == "{}" for call in said.calls] == [False, True]
    assert "its arguments are too long" in model.requests[-1].messages[-1].content


@examples(40)
@given(turns=st.lists(st.integers(0, 8), max_size=5), budget_nusd=st.integers(0, 60_000_000))
def test_no_budget_is_ever_passed_and_whatever_begins_comes_to_an_answer(turns: list[int], budget_nusd: int) -> None:
    memory, model = Memory(budget_nusd=budget_nusd), ScriptedModel(greedy(turns))
    try:
        record = asyncio.run(step(place(model, memory, FakeTools(LARGE.answers))))
    except BudgetExceededError:
        assert memory.settled_nusd == 0
    else:
        assert (record.outcome, record.text) == ("ok", "That is all.")
    assert memory.settled_nusd <= budget_nusd
    assert memory.held_nusd == 0


@pytest.mark.parametrize("after", range(1, 4))
async def test_a_model_that_fails_later_costs_no_more_than_was_told(after: int) -> None:
    memory = Memory()
    replies = [*(ask_for(("shop.find", {"q": str(n)})) for n in range(after)), *[Fail("server")] * 4]
    model = ScriptedModel(replies, fallback={"fast": ("spare",)})
    record = await step(place(model, memory, FakeTools(LARGE.answers), roster=LOADED))
    assert record.outcome == "failed"
    assert record.spent_nusd == memory.settled_nusd
