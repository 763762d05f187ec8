"""A step whose provider keeps failing: nothing is held for it, another model answers, or it waits for a moment."""

import asyncio

from patterns.core.errors import CircuitOpenError
from patterns.core.events import StepRetried
from patterns.handoff import EMPTY_HANDOFF
from patterns.models.circuit_breaker import FAILURES, OPEN_S, PROBE_S
from patterns.pattern import Solo
from tests.fakes.memory import Memory
from tests.fakes.model import Fail, Say, ScriptedModel
from tests.support.pattern_runs import CTX, services
from tests.unit.patterns.models.test_circuit_breaker import Hands, fail


def broken(model: ScriptedModel, memory: Memory) -> None:
    """Open the circuit of the agents' model, at 14:00 of the test's own time."""
    circuit = model.circuit("fast")
    circuit.monotonic, circuit.wall_s = memory.monotonic, Hands().wall_s
    fail(circuit, times=FAILURES)


async def test_the_fallback_answers_and_nothing_is_held_for_the_model_that_fails() -> None:
    memory = Memory()
    with ScriptedModel(["hello"], fallback={"fast": ("spare",)}) as model:
        broken(model, memory)
        result = await Solo("a").run(CTX, services(model, memory), EMPTY_HANDOFF)
    assert [call.request.model for call in memory.calls.values()] == ["spare"]
    assert (result.output, memory.slept_s) == ("hello", [])
    assert result.notes == (
        "The provider of fast has been failing since 14:00 UTC, so it was not asked. spare answered instead.",
    )
    [told] = [event for event in memory.events if isinstance(event, StepRetried)]
    assert (told.reason, told.since, told.next_model) == ("circuit_open", "14:00 UTC", "spare")


async def test_without_a_fallback_a_long_break_fails_the_step_with_its_reason_and_at_no_cost() -> None:
    memory = Memory()
    with ScriptedModel([]) as model:
        broken(model, memory)
        for _ in range(2):  # two probes failed, so it is left alone for 40 s
            memory.now_s += 2 * OPEN_S
            fail(model.circuit("fast"))
        result = await Solo("a").run(CTX, services(model, memory), EMPTY_HANDOFF)
    assert (dict(memory.calls), result.cost_nusd, memory.slept_s) == ({}, 0, [])
    [missing] = result.missing
    assert missing.reason == "its provider has been failing since 14:00 UTC, so it was not asked"


async def test_without_a_fallback_a_short_break_is_waited_for_and_counts_as_no_try() -> None:
    memory = Memory()
    with ScriptedModel([Fail("rate_limit", retry_after_s=1.0), "hello"]) as model:
        broken(model, memory)
        result = await Solo("a").run(CTX, services(model, memory), EMPTY_HANDOFF)
    assert (result.output, memory.slept_s) == ("hello", [OPEN_S, 1.0])


async def test_of_many_steps_one_holds_and_asks_while_the_others_wait_for_what_it_finds() -> None:
    memory, gate = Memory(), asyncio.Event()
    with ScriptedModel([Say("back", gate=gate), "second"]) as model:
        broken(model, memory)
        memory.now_s += OPEN_S
        place = services(model, memory)
        first = asyncio.create_task(Solo("a").run(CTX, place, EMPTY_HANDOFF))
        await model.asked()

        async def sleep(seconds: float) -> None:
            held = [call.state for call in memory.calls.values()]
            memory.slept_s.append(seconds)
            assert held == ["open"], "a second call was held beside the probe"
            gate.set()
            await first

        memory.sleep = sleep  # type: ignore[method-assign]
        second = await Solo("b").run(CTX, place, EMPTY_HANDOFF)
    assert ((await first).output, second.output, memory.slept_s) == ("back", "second", [PROBE_S])


def test_the_refusal_names_the_model_and_since_when() -> None:
    refused = CircuitOpenError("strong", since="14:00 UTC", retry_after_s=10.0)
    assert str(refused).startswith("The provider of strong has been failing since 14:00 UTC")
