"""A run that dies at any point goes on where it was, and nothing that was finished is paid again.

The ledger in memory refuses every hold for a step that is in the journal, so each of these tests checks that too.
"""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.core.calls import ModelRequest
from patterns.core.errors import RunLostError
from patterns.core.events import StepFinished, StopReason
from tests.fakes.memory import Memory
from tests.fakes.model import COST_NUSD, Reply, ScriptedModel, system_of, user_of
from tests.support.examples import examples
from tests.support.pattern_runs import run, verdict

FLOWS = ["one", "pick", "chain", "fan", "quorum", "team", "deep", None]


def sensible(request: ModelRequest) -> Reply:
    """A model whose answers depend on nothing but the prompt, as a journal's must."""
    system = system_of(request)
    if "You route" in system:
        properties = (request.schema or {})["properties"]
        choice: dict[str, Any] = {"confidence": 0.9, "reason": "r"}
        return choice | ({"agent": "b"} if "agent" in properties else {"flow": "deep", "agents": []})
    if "You review" in system:
        return verdict(9, accepted="better" in user_of(request))
    return "a better draft" if "more" in user_of(request) else "a draft"


async def died_and_resumed(flow: str | None, steps: list[int]) -> tuple[Memory, ScriptedModel, Any]:
    memory = Memory()
    model = ScriptedModel(sensible)
    for count in steps:
        memory.die_after_steps = len(memory.steps) + count
        try:
            result = await run(flow, model, memory)
        except RunLostError:
            memory.crash()
        else:
            return memory, model, result
    memory.die_after_steps = None
    return memory, model, await run(flow, model, memory)


@pytest.mark.parametrize("flow", FLOWS)
async def test_after_every_step_it_can_die_and_go_on(flow: str | None) -> None:
    whole = Memory()
    expected = await run(flow, ScriptedModel(sensible), whole)
    for count in range(len(whole.steps)):
        memory, _, result = await died_and_resumed(flow, [count])
        assert (expected.output, expected.stop_reason) == (result.output, result.stop_reason)
        assert set(memory.steps) == set(whole.steps)


@examples(30)
@given(flow=st.sampled_from(FLOWS), deaths=st.lists(st.integers(0, 5), max_size=4))
def test_any_deaths_end_in_the_same_answer(flow: str | None, deaths: list[int]) -> None:
    expected = asyncio.run(run(flow, ScriptedModel(sensible), Memory()))
    memory, _, result = asyncio.run(died_and_resumed(flow, deaths))
    assert (expected.output, expected.stop_reason) == (result.output, result.stop_reason)
    assert memory.held_nusd == 0


@examples(40)
@given(flow=st.sampled_from(FLOWS), run_nusd=st.integers(0, 30_000_000), budget_nusd=st.integers(0, 30_000_000))
def test_no_cap_is_ever_passed_and_every_run_ends(flow: str | None, run_nusd: int, budget_nusd: int) -> None:
    memory = Memory(budget_nusd=budget_nusd)
    model = ScriptedModel(sensible)
    result = asyncio.run(run(flow, model, memory, run_nusd=run_nusd))
    assert memory.settled_nusd == model.billed_nusd <= min(run_nusd, budget_nusd)
    assert result.output or result.notes
    assert result.stop_reason is not StopReason.COMPLETED or result.output


@examples(25)
@given(flow=st.sampled_from(FLOWS), steps=st.integers(1, 12), concurrency=st.integers(1, 4))
def test_steps_and_calls_at_once_stay_within_their_limits(flow: str | None, steps: int, concurrency: int) -> None:
    memory = Memory()
    model = ScriptedModel(sensible)
    asyncio.run(run(flow, model, memory, steps=steps, concurrency=concurrency))
    assert model.at_once_max <= concurrency
    assert len([step for step in memory.steps.values() if step.outcome != "decision"]) <= steps


async def test_a_result_cut_by_the_budget_stays_as_it_was_when_money_comes() -> None:
    memory = Memory()
    replies = 0

    def reply(request: ModelRequest) -> Reply:
        nonlocal replies
        replies += 1
        return sensible(request)

    model = ScriptedModel(reply)
    memory.budget_nusd = 6_000_000
    first = await run("deep", model, memory)
    memory.budget_nusd = 10**12
    memory.crash()
    again = await run("deep", model, memory)
    assert first.stop_reason is StopReason.BUDGET
    assert again.stop_reason in (StopReason.COMPLETED, StopReason.PARTIAL)
    assert memory.settled_nusd == replies * COST_NUSD


async def test_replays_are_told_as_such() -> None:
    memory = Memory()
    model = ScriptedModel(sensible)
    await run("chain", model, memory)
    memory.crash()
    memory.events.clear()
    await run("chain", model, memory)
    finished = [(event.path, event.replayed) for event in memory.events if isinstance(event, StepFinished)]
    assert finished == [("pipeline/1/a", True), ("pipeline/2/b", True), ("pipeline/3/c", True)]
