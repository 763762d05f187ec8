"""A dry run: what only reads is called, what acts is said with its price, asks nobody and costs nothing."""

from typing import Any

import pytest

from patterns.core.errors import RunLostError
from patterns.core.events import Noted, PatternResult, StopReason
from patterns.core.quotes import Quote
from patterns.core.tools import ToolRules
from patterns.tools.dry_run import NOTE, WOULD_BE_CALLED, noted, was_dry
from patterns.tools.sources import sources_of, tool_uses
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.fakes.tools import FakeTools
from tests.support.pattern_runs import CTX
from tests.support.tool_runs import AGENT, TOOLS, ask_for, place, roster_with, step
from tests.unit.patterns.tools.test_acts import script

DRY = ToolRules(enabled=None, dry=True)
FIND, ORDER, STATUS = ("shop.find", {"q": "tea"}), ("shop.order", {"q": "tea", "n": 2}), ("shop.status", {"n": 1})


async def dry(*calls: Any, memory: Memory | None = None, tools: FakeTools | None = None) -> tuple[Memory, FakeTools]:
    memory, tools = memory or Memory(), tools or FakeTools()
    with ScriptedModel([ask_for(*calls), "Done."]) as model:
        record = await step(place(model, memory, tools, rules=DRY))
        results = [message.content for message in model.requests[-1].messages if message.role == "tool"]
    assert record.text == "Done."
    assert len(results) == len(calls)
    return memory, tools


async def test_what_reads_is_called_and_what_acts_is_not() -> None:
    memory, tools = await dry(FIND, ORDER, STATUS)
    assert (tools.did, memory.asked) == ([FIND], {})
    assert memory.held_nusd == 0
    paid = [call.actual_nusd for call in memory.calls.values() if getattr(call.request, "tool", None)]
    assert paid == [1_000_000]


async def test_the_agent_is_told_what_would_have_been_called_as_fenced_data() -> None:
    memory = Memory()
    with ScriptedModel([ask_for(ORDER), "Done."]) as model:
        await step(place(model, memory, FakeTools(), rules=DRY))
    (told,) = [message.content for message in model.requests[-1].messages if message.role == "tool"]
    assert WOULD_BE_CALLED in told
    assert told != WOULD_BE_CALLED  # fenced like every result
    notes = [event.text for event in memory.events if isinstance(event, Noted)]
    assert "a would call shop.order; this is a dry run." in notes


async def test_what_was_left_out_is_journalled_with_arguments_and_price() -> None:
    memory, _ = await dry(ORDER, STATUS, FIND)
    steps = list(memory.steps.values())
    left_out = [(use.tool, use.arguments, use.would_cost_nusd) for use in tool_uses(steps)]
    assert left_out == [
        ("shop.order", '{"q": "tea", "n": 2}', 10_000_000),
        ("shop.status", '{"n": 1}', 0),
        ("shop.find", '{"q": "tea"}', None),
    ]
    assert [use.was_made for use in tool_uses(steps)] == [False, False, True]
    assert [one.title for one in sources_of(steps)] == ["shop.find q: tea"]


@pytest.mark.parametrize("steps", range(1, 6))
async def test_a_dry_run_that_goes_on_after_a_crash_calls_nothing_either(steps: int) -> None:
    memory, tools, model = Memory(die_after_steps=steps), FakeTools(), script(ask_for(ORDER), ask_for(STATUS))
    with pytest.raises(RunLostError):
        await step(place(model, memory, tools, rules=DRY))
    memory.crash()
    record = await step(place(model, memory, tools, rules=DRY))
    assert (record.text, tools.did, memory.held_nusd) == ("Done.", [], 0)


async def test_a_call_that_cannot_be_made_is_answered_as_always() -> None:
    memory, tools = await dry(("shop.order", {"n": "two"}))
    (use,) = tool_uses(list(memory.steps.values()))
    assert (use.would_cost_nusd, use.is_error, tools.did) == (None, True, [])


def quoted(rules: ToolRules) -> Quote:
    roster = roster_with(AGENT, TOOLS)
    where = place(ScriptedModel([]), Memory(), FakeTools(), roster=roster, rules=rules)
    return where.runner.quote(CTX, where, agent="a")


def test_the_price_of_a_dry_run_has_no_acts_in_it() -> None:
    # Six calls at a cent, or at a tenth of a cent: what only reads still has its price.
    assert quoted(ToolRules(enabled=None)).worst_nusd - quoted(DRY).worst_nusd == 6 * 9_000_000


def test_the_result_of_a_dry_run_says_so() -> None:
    result = PatternResult(output="Done.", stop_reason=StopReason.COMPLETED, notes=("One voice is missing.",))
    assert noted(result, dry=True).notes == (NOTE, "One voice is missing.")
    assert was_dry(noted(result, dry=True))
    assert noted(result, dry=False) == result
    assert not was_dry(result)
