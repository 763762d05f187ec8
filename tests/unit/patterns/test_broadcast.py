"""A fan-out: admitted as a whole, heard at once, brought together with what is missing named."""

import asyncio
from collections.abc import Callable

import pytest

from patterns.broadcast import Broadcast
from patterns.core.calls import Completion, ModelRequest, PreparedCall
from patterns.core.errors import CancelledRunError, ParkedError
from patterns.core.events import MissingVoice, Noted, StopReason
from patterns.core.limits import FailurePolicy
from patterns.core.money import Usage
from patterns.core.ports import OnText
from patterns.core.questions import Decision
from patterns.core.tools import Grant, ToolRules, schema_hash
from patterns.flow import Choice, resolve, run_flow
from patterns.pattern import Solo
from tests.fakes.memory import Memory
from tests.fakes.model import COST_NUSD, Fail, Hang, Reply, Say, ScriptedModel, system_of, user_of
from tests.fakes.tools import FakeTools
from tests.support.pattern_runs import CTX, SIGNERS, run, services, verdict
from tests.support.tool_runs import ask_for, place

REFUSED = Fail("auth", retryable=False)


def by_order(*voices: Reply, synthesis: Reply = "together") -> Callable[[ModelRequest], Reply]:
    """Voices in the order in which they are asked, and the chair."""
    left = list(voices)

    def reply(request: ModelRequest) -> Reply:
        return synthesis if "chair" in system_of(request) else left.pop(0)

    return reply


async def test_all_voices_are_brought_together() -> None:
    memory = Memory()
    with ScriptedModel(by_order("one", "two", "three")) as model:
        result = await run("fan", model, memory)
    assert (result.output, result.stop_reason, result.steps) == ("together", StopReason.COMPLETED, 4)
    assert result.cost_nusd == 4 * COST_NUSD == memory.settled_nusd
    chair = user_of(model.requests[-1])
    assert all(f"{name}:\n<voices:" in chair for name in "abc")


async def test_voices_never_see_each_other() -> None:
    with ScriptedModel(by_order("one", "two", "three")) as model:
        await run("fan", model, Memory())
    voices = [user_of(request) for request in model.requests[:3]]
    assert voices[0] == voices[1] == voices[2]


async def test_voices_work_at_the_same_time() -> None:
    gate = asyncio.Event()
    memory = Memory()
    with ScriptedModel(by_order(*(Say(text, gate=gate) for text in ("1", "2", "3")))) as model:
        work = asyncio.create_task(run("fan", model, memory))
        await model.asked(3)
        gate.set()
        result = await work
    assert result.stop_reason is StopReason.COMPLETED


async def test_a_list_needs_no_synthesis() -> None:
    with ScriptedModel(["one", "two"]) as model:
        result = await run("listed", model, Memory())
    assert result.output == "**a**\none\n\n**b**\ntwo"


# ---------------------------------------------------------------- failures


async def test_it_goes_on_without_a_voice_and_says_so() -> None:
    with ScriptedModel(by_order("one", REFUSED, "three")) as model:
        result = await run("fan", model, Memory())
    assert (result.output, result.stop_reason) == ("together", StopReason.PARTIAL)
    assert result.missing == (MissingVoice(name="b", reason="its provider refused our key"),)
    assert "b is missing: its provider refused our key" in user_of(model.requests[-1])


async def test_a_quorum_that_is_met_is_enough() -> None:
    with ScriptedModel(by_order("one", REFUSED, "three")) as model:
        result = await run("quorum", model, Memory())
    assert result.output == "together"


async def test_a_quorum_that_is_missed_concludes_nothing_and_shows_what_there_is() -> None:
    with ScriptedModel(by_order("one", REFUSED, REFUSED)) as model:
        result = await run("quorum", model, Memory())
    assert (result.output, result.stop_reason) == ("**a**\none", StopReason.PARTIAL)
    assert result.notes == ("Only 1 of 3 voices answered and 2 are needed, so nothing was concluded.",)


async def test_a_quorum_without_any_voice_says_so() -> None:
    with ScriptedModel(by_order(REFUSED, REFUSED, REFUSED)) as model:
        result = await run("quorum", model, Memory())
    assert result.notes == ("No voice answered and 2 are needed, so nothing was concluded.",)


async def test_fail_fast_stops_the_others_and_settles_them() -> None:
    memory = Memory()
    with ScriptedModel(by_order(Hang(), REFUSED, Hang())) as model:
        result = await run("strict", model, memory)
    assert (result.output, result.stop_reason) == ("", StopReason.FAILED)
    sent = [call.state for call in memory.calls.values() if call.request.path in ("broadcast/a", "broadcast/c")]
    assert sorted(sent) == ["released", "released", "uncertain", "uncertain"]
    assert result.cost_nusd == memory.settled_nusd > 0


async def test_when_nobody_answers_it_has_failed() -> None:
    with ScriptedModel(by_order(REFUSED, REFUSED, REFUSED)) as model:
        result = await run("fan", model, Memory())
    assert (result.output, result.stop_reason, len(result.missing)) == ("", StopReason.FAILED, 3)


async def test_voices_survive_a_synthesis_that_fails() -> None:
    with ScriptedModel(by_order("one", "two", "three", synthesis=REFUSED)) as model:
        result = await run("fan", model, Memory())
    assert (result.output, result.stop_reason) == ("**a**\none\n\n**b**\ntwo\n\n**c**\nthree", StopReason.PARTIAL)
    assert "chair could not bring the voices together (its provider refused our key)" in result.notes[0]


async def test_time_is_kept_for_the_synthesis() -> None:
    memory = Memory()

    def reply(request: ModelRequest) -> Reply:
        memory.now_s += 80 if "chair" not in system_of(request) else 0
        return "together" if "chair" in system_of(request) else "late"

    with ScriptedModel(reply) as model:
        result = await run("fan", model, memory, run_s=100.0, concurrency=1)
    assert (result.output, result.stop_reason) == ("together", StopReason.PARTIAL)
    assert [missing.name for missing in result.missing] == ["b", "c"]


async def test_a_stop_ends_all_voices_and_is_raised() -> None:
    memory = Memory()
    with ScriptedModel(by_order(Hang(), Hang(), Hang())) as model:
        work = asyncio.create_task(run("fan", model, memory))
        await model.asked(3)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    assert (memory.held_nusd, model.at_once) == (0, 0)


async def test_a_stopped_run_is_raised_out_of_a_voice() -> None:
    memory = Memory()

    def reply(_: ModelRequest) -> Reply:
        memory.stopped = True
        return Fail("server")

    with ScriptedModel(reply) as model, pytest.raises(CancelledRunError):
        await run("fan", model, memory)
    assert memory.held_nusd == 0


# ---------------------------------------------------------------- money


def price_of(flow_agents: int) -> int:
    place = services(ScriptedModel([]), Memory())
    voice = place.runner.quote(CTX, place, agent="a").once_nusd
    chair = place.runner.quote(CTX, place, agent="chair").once_nusd
    return flow_agents * voice + chair


async def test_the_money_for_all_of_it_is_there_before_the_first_voice_is_asked() -> None:
    memory = Memory()
    held: list[int] = []

    def reply(_: ModelRequest) -> Reply:
        held.append(memory.held_nusd)
        return "x"

    with ScriptedModel(reply) as model:
        await run("fan", model, memory, concurrency=1)
    assert held[0] == price_of(3)


async def test_a_plan_that_does_not_fit_is_narrowed_and_says_so() -> None:
    memory = Memory(budget_nusd=price_of(2))
    with ScriptedModel(by_order("one", "two")) as model:
        result = await run("fan", model, memory)
    assert (result.output, result.stop_reason) == ("together", StopReason.PARTIAL)
    assert result.missing == (MissingVoice(name="c", reason="the budget did not allow it"),)
    assert [event.text for event in memory.events if isinstance(event, Noted)] == [
        "The budget allows 2 of 3 voices; without c."
    ]
    assert memory.steps["broadcast/admission"].data == {"voices": 2}


async def test_a_reservation_that_waited_for_the_first_hold_and_was_refused_narrows_the_plan_just_so() -> None:
    memory = Memory(budget_nusd=price_of(2), joins=True)
    with ScriptedModel(by_order("one", "two")) as model:
        result = await run("fan", model, memory, steps=3)  # those of the first try do not count
    assert (result.output, result.steps) == ("together", 3)
    assert result.missing == (MissingVoice(name="c", reason="the budget did not allow it"),)
    assert (memory.held_nusd, memory.settled_nusd) == (0, model.billed_nusd)


async def test_a_fan_out_that_fits_needs_no_write_before_its_first_hold() -> None:
    memory = Memory(joins=True)
    held: list[int] = []

    def reply(_: ModelRequest) -> Reply:
        held.append(memory.held_nusd)
        return "x"

    with ScriptedModel(reply) as model:
        result = await run("fan", model, memory, concurrency=1)
    assert (held[0], result.stop_reason) == (price_of(3), StopReason.COMPLETED)


async def test_a_resumed_fan_out_reserves_before_it_asks_anybody() -> None:
    memory = Memory(budget_nusd=price_of(2), joins=True, epoch=2)
    with ScriptedModel(by_order("one", "two")) as model:
        result = await run("fan", model, memory)
    assert (result.output, memory.refused, memory.joined) == ("together", set(), [])


async def test_a_quorum_is_not_narrowed_away() -> None:
    memory = Memory(budget_nusd=price_of(1))
    with ScriptedModel([]) as model:
        result = await run("quorum", model, memory)
    assert (result.output, result.stop_reason, memory.calls) == ("", StopReason.BUDGET, {})
    assert len(result.missing) == 3


async def test_what_the_voices_did_not_need_is_free_again() -> None:
    memory = Memory()
    with ScriptedModel(by_order("one", "two", "three")) as model:
        place = services(model, memory)
        await run_flow(CTX, place, await resolve(CTX, place, Choice("fan")))
    assert (memory.held_nusd, memory.settled_nusd) == (0, model.billed_nusd)


async def test_what_the_voices_left_is_free_before_the_synthesis() -> None:
    memory = Memory()
    held: list[int] = []

    def reply(request: ModelRequest) -> Reply:
        held.append(memory.held_nusd)
        return "together" if "chair" in system_of(request) else "x"

    with ScriptedModel(reply) as model:
        await run("fan", model, memory)
    assert held[-1] == price_of(0)


async def test_a_retry_is_paid_from_what_its_voice_had_although_others_took_the_rest() -> None:
    memory = Memory()

    def reply(request: ModelRequest) -> Reply:
        if "chair" in system_of(request):
            return "together"
        if len(model.requests) == 1:
            memory.budget_nusd = memory.held_nusd + memory.settled_nusd
            return Fail("server")
        return "x"

    with ScriptedModel(reply) as model:
        result = await run("fan", model, memory)
    assert (result.output, result.stop_reason) == ("together", StopReason.COMPLETED)


async def test_the_synthesis_is_paid_from_the_money_kept_back_for_it() -> None:
    memory = Memory(budget_nusd=price_of(3))

    def reply(request: ModelRequest) -> Reply:
        bound = model.prepare(request)
        dearest = Usage(bound.input_tokens_max, bound.output_tokens_max)
        return Say("together" if "chair" in system_of(request) else "x", usage=dearest)

    with ScriptedModel(reply) as model:
        result = await run("fan", model, memory)
    assert (result.output, result.stop_reason) == ("together", StopReason.COMPLETED)


# ---------------------------------------------------------------- people


LEFT, RIGHT = "broadcast/2/supervisor/1/human", "broadcast/3/supervisor/1/human"


def signed(user: str = "U1") -> Decision:
    return Decision(verdict="approve", user=user)


def signers(first: Reply = "plain") -> Callable[[ModelRequest], Reply]:
    """One voice that just answers, or does not, and two writers whose drafts wait for a person."""
    left = [first, "draft", "draft"]

    def reply(request: ModelRequest) -> Reply:
        if "You review" in system_of(request):
            return verdict(9, accepted=True)
        return "together" if "chair" in system_of(request) else left.pop(0)

    return reply


async def test_a_voice_that_waits_for_a_person_lets_the_others_finish_and_all_their_questions_are_asked() -> None:
    memory = Memory()
    with ScriptedModel(signers()) as model:
        with pytest.raises(ParkedError) as parked:
            await run("signers", model, memory, loaded=SIGNERS)
        assert parked.value.paths == (LEFT, RIGHT)
        assert memory.steps["broadcast/c"].text == "plain"
        paid = memory.settled_nusd
        memory.crash()
        memory.answers[RIGHT] = signed()
        with pytest.raises(ParkedError) as again:
            await run("signers", model, memory, loaded=SIGNERS)
        assert (again.value.paths, memory.settled_nusd) == ((LEFT,), paid)
        memory.crash()
        memory.answers[LEFT] = signed()
        result = await run("signers", model, memory, loaded=SIGNERS)
    assert (result.output, result.stop_reason) == ("together", StopReason.COMPLETED)
    assert memory.settled_nusd == paid + COST_NUSD


async def test_a_voice_that_failed_while_others_wait_is_not_run_again() -> None:
    memory = Memory()
    with ScriptedModel(signers(Fail("timeout", retryable=False))) as model:
        with pytest.raises(ParkedError):
            await run("signers", model, memory, loaded=SIGNERS)
        asked = len(model.requests)
        memory.crash()
        memory.answers |= {LEFT: signed(), RIGHT: signed()}
        result = await run("signers", model, memory, loaded=SIGNERS)
    assert len(model.requests) == asked + 1, "only the synthesis"
    assert [missing.name for missing in result.missing] == ["c"]


async def test_a_fan_out_that_is_lost_ends_instead_of_asking() -> None:
    memory = Memory()
    with ScriptedModel(signers(REFUSED)) as model:
        result = await run("signers_or_none", model, memory, loaded=SIGNERS)
    assert (result.output, result.stop_reason) == ("", StopReason.FAILED)
    assert memory.held_nusd == 0


async def test_a_voice_that_acts_is_not_cancelled_because_another_one_failed() -> None:
    """Everything or nothing, nested: the sibling's end reaches the voice that acts, and its call is settled first."""
    gate = asyncio.Event()

    async def order() -> str:
        gate.set()
        await asyncio.sleep(0.01)
        return "ordered"

    class Waiting(ScriptedModel):
        async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
            if not call.request.tools:
                await gate.wait()
            return await super().complete(call, on_text)

    memory, tools = Memory(), FakeTools({"shop.order": lambda _: order()})
    schema = (await tools.schemas(["shop.order"]))[0]
    grant = Grant(id="g", tool="shop.order", schema_hash=schema_hash(schema), given_by="U9")
    model = Waiting(lambda request: ask_for(("shop.order", {"q": "tea"})) if request.tools else REFUSED)
    where = place(model, memory, tools, rules=ToolRules(enabled=None, grants=(grant,)))
    inner = Broadcast((Solo("a"),), None)
    whole = Broadcast((inner, Solo("b")), None, FailurePolicy(mode="fail_fast"))
    result = await whole.run(CTX, where)
    assert result.output == ""
    (call,) = (one for one in memory.calls.values() if one.request.path.endswith("call/1"))
    assert (call.state, tools.stopped) == ("settled", [])
