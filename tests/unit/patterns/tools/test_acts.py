"""What acts is done once: never without an approval, never twice, and never after somebody was told it was not done."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from patterns.core.errors import SIBLING_ENDED, CancelledRunError, ParkedError, RunLostError
from patterns.core.holds import HoldRequest
from patterns.core.questions import Decision
from patterns.core.reasons import Reason
from patterns.core.tools import RUN_GRANT_CALLS, Grant, ToolError, ToolRules, schema_hash
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.fakes.tools import FakeTools, forever
from tests.support.tool_runs import EVERYTHING, TOOLS, ask_for, place, roster_with, step

ORDER = ("shop.order", {"q": "tea", "n": 2})
CALL = "a/turn/1/call/1"


def script(*turns: Any, answer: str = "Done.") -> ScriptedModel:
    """A model that says the same in the same place, as a journal's must."""
    return ScriptedModel(
        lambda request: ([*turns, *[answer] * 9])[sum(one.role == "assistant" for one in request.messages)]
    )


async def approved(memory: Memory, model: ScriptedModel, tools: FakeTools, **decided: Any) -> Any:
    """Run until the question, decide it, and run again as the next owner."""
    with pytest.raises(ParkedError) as parked:
        await step(place(model, memory, tools))
    for path in parked.value.paths:
        memory.answers[path] = Decision(**{"verdict": "approve", "user": "U2", **decided})
    memory.crash()
    return await step(place(model, memory, tools))


def said(model: ScriptedModel) -> str:
    return [message.content for message in model.requests[-1].messages if message.role == "tool"][-1]


# ---------------------------------------------------------------- approvals


async def test_what_acts_waits_for_a_person_and_nothing_of_its_turn_is_sent_before() -> None:
    memory, tools = Memory(), FakeTools()
    with pytest.raises(ParkedError) as parked:
        await step(place(script(ask_for(("shop.find", {"q": "tea"}), ORDER)), memory, tools))
    assert (tools.did, memory.held_nusd) == ([], 0)
    (path,) = parked.value.paths
    question = memory.asked[path]
    assert (question.kind, question.amount_nusd, question.approve_by) == ("tool", 10_000_000, "asker")
    (call,) = question.calls
    assert (call.agent, call.tool, call.price_nusd) == ("a", "shop.order", 10_000_000)
    assert '"q": "tea"' in call.arguments


async def test_an_approved_call_is_made_once_and_says_who_approved_it() -> None:
    memory, tools = Memory(), FakeTools()
    record = await approved(memory, script(ask_for(ORDER)), tools)
    assert (record.text, tools.did) == ("Done.", [ORDER])
    assert memory.steps[CALL].data["by"] == "U2"


async def test_calls_of_one_turn_share_a_question() -> None:
    memory, tools = Memory(), FakeTools()
    await approved(memory, script(ask_for(ORDER, ("shop.order", {"q": "milk", "n": 1}))), tools)
    assert len(memory.asked) == 1
    assert tools.times("shop.order") == 2


async def test_calls_that_different_people_approve_are_different_questions() -> None:
    memory, tools = Memory(), FakeTools()
    calls = ask_for(ORDER, ("web.fetch", {"q": "x"}))
    both = roster_with(tools=TOOLS.replace("reach: anywhere", "reach: anywhere, approve_by: [U0LEE]"))
    with pytest.raises(ParkedError) as parked:
        await step(place(script(calls), memory, tools, roster=both))
    asked = [memory.asked[path] for path in parked.value.paths]
    assert [(one.approve_by, one.approvers, one.calls[0].tool) for one in asked] == [
        ("asker", (), "shop.order"),
        ("named", ("U0LEE",), "web.fetch"),
    ]
    memory.answers[parked.value.paths[0]] = Decision(verdict="approve", user="U2")
    memory.crash()
    with pytest.raises(ParkedError) as waiting:
        await step(place(script(calls), memory, tools, roster=both))
    assert (waiting.value.paths, tools.did) == (parked.value.paths[1:], [])
    memory.answers[waiting.value.paths[0]] = Decision(verdict="deny", user="U0LEE")
    memory.crash()
    await step(place(script(calls), memory, tools, roster=both))
    assert tools.did == [ORDER]


async def test_a_denied_call_is_not_made_and_the_agent_hears_why() -> None:
    memory, tools = Memory(), FakeTools()
    model = script(ask_for(ORDER))
    await approved(memory, model, tools, verdict="deny", text="Too much tea.")
    assert tools.did == []
    assert "a person denied it. The reason given: Too much tea." in said(model)


async def test_a_deadline_that_passed_is_a_denial() -> None:
    memory, tools, model = Memory(), FakeTools(), script(ask_for(ORDER))
    await approved(memory, model, tools, verdict="expired", user="")
    assert tools.did == []
    assert "nobody approved it in time" in said(model)


async def test_other_arguments_are_another_question() -> None:
    memory, tools = Memory(), FakeTools()
    with pytest.raises(ParkedError) as first:
        await step(place(script(ask_for(ORDER)), memory, tools))
    other = Memory()
    with pytest.raises(ParkedError) as second:
        await step(place(script(ask_for(("shop.order", {"q": "tea", "n": 200}))), other, tools))
    assert first.value.paths != second.value.paths


async def test_an_approval_for_the_run_covers_further_calls_and_not_endlessly() -> None:
    memory, tools = Memory(), FakeTools()
    turns = [ask_for(ORDER), ask_for(("shop.order", {"q": "milk", "n": 1}))]
    await approved(memory, script(*turns), tools, scope="run")
    assert (tools.times("shop.order"), len(memory.asked)) == (2, 1)
    uses = [path for path in memory.steps if path.startswith("tools/granted/shop.order/")]
    assert (len(uses), RUN_GRANT_CALLS) == (1, 10)


async def test_a_used_up_grant_asks_again() -> None:
    memory, tools = Memory(), FakeTools()
    where = place(script(), memory, tools)
    data = {"schema": schema_hash((await tools.schemas(["shop.order"]))[0]), "by": "U2"}
    await where.record_decision("tools/granted/shop.order", data)
    for number in range(1, RUN_GRANT_CALLS + 1):
        await where.record_decision(f"tools/granted/shop.order/{number}", {"call": f"b/turn/{number}/call/1"})
    with pytest.raises(ParkedError):
        await step(place(script(ask_for(ORDER)), memory, tools))


async def standing(tools: FakeTools, **changes: Any) -> ToolRules:
    schema = (await tools.schemas(["shop.order"]))[0]
    grant = Grant(id="g1", tool="shop.order", schema_hash=schema_hash(schema), given_by="U9")
    return replace(EVERYTHING, grants=(replace(grant, **changes),))


async def waits(memory: Memory, model: ScriptedModel, tools: FakeTools, path: str) -> str:
    """Run a step until it waits; the path of its question."""
    with pytest.raises(ParkedError) as parked:
        await step(place(model, memory, tools), path=path)
    (question,) = parked.value.paths
    return question


async def test_an_approval_for_the_run_does_not_decide_what_people_are_being_asked() -> None:
    memory, tools, model = Memory(), FakeTools(), script(ask_for(ORDER))
    first, second = [await waits(memory, model, tools, path) for path in ("left", "right")]
    memory.answers[second] = Decision(verdict="approve", user="U2", scope="run")
    memory.crash()
    await step(place(model, memory, tools), path="right")
    assert await waits(memory, model, tools, "left") == first
    assert tools.times("shop.order") == 1
    memory.answers[first] = Decision(verdict="deny", user="U2", text="Not this one.")
    memory.crash()
    await step(place(model, memory, tools), path="left")
    assert "a person denied it. The reason given: Not this one." in said(model)
    assert tools.times("shop.order") == 1


@pytest.mark.parametrize("is_denied_first", [True, False])
async def test_after_a_denial_no_approval_for_the_run_covers_that_tool(*, is_denied_first: bool) -> None:
    memory, tools = Memory(), FakeTools()
    model = script(ask_for(ORDER), ask_for(("shop.order", {"q": "milk", "n": 1})))
    questions = {path: await waits(memory, model, tools, path) for path in ("left", "right")}
    decided = {
        "left": Decision(verdict="deny", user="U2"),
        "right": Decision(verdict="approve", user="U2", scope="run"),
    }
    for path in ("left", "right") if is_denied_first else ("right", "left"):
        memory.answers[questions[path]] = decided[path]
        memory.crash()
        if path == "right" and not is_denied_first:
            await step(place(model, memory, tools), path=path)
        else:
            assert await waits(memory, model, tools, path) != questions[path]
    assert tools.times("shop.order") == (1 if is_denied_first else 2)


async def test_who_approved_several_calls_is_not_asked_again_when_one_of_them_was_made_before_a_crash() -> None:
    memory, tools = Memory(), FakeTools()
    model = script(ask_for(("shop.status", {"q": "tea"}), ("shop.status", {"q": "milk"})))
    await approved(memory, model, tools)
    for path in ("a", "a/turn/2", "a/turn/1/call/2"):
        memory.steps.pop(path, None)
    memory.crash()
    assert (await step(place(model, memory, tools))).text == "Done."
    assert (len(memory.asked), tools.times("shop.status")) == (1, 3)


async def test_a_standing_approval_lets_the_call_through() -> None:
    memory, tools = Memory(), FakeTools()
    await step(place(script(ask_for(ORDER)), memory, tools, rules=await standing(tools)))
    assert tools.did == [ORDER]
    assert memory.steps[CALL].data["by"] == "U9"


async def test_a_standing_approval_is_void_for_another_description() -> None:
    tools = FakeTools()
    rules = await standing(tools)
    tools.described["shop.order"] = "Orders and pays."
    with pytest.raises(ParkedError):
        await step(place(script(ask_for(ORDER)), Memory(), tools, rules=rules))


async def test_secrets_in_arguments_are_masked_for_people_and_sent_as_they_are() -> None:
    memory, tools = Memory(), FakeTools()
    call = ("shop.secret", {"q": "use xoxb-1234567890-abcdef", "password": "hunter2"})
    await approved(memory, script(ask_for(call)), tools)
    shown = next(iter(memory.asked.values())).calls[0].arguments
    assert ("hunter2" in shown, "xoxb-1234567890" in shown) == (False, False)
    assert tools.did == [call]


# ---------------------------------------------------------------- private things


async def test_after_something_private_no_grant_covers_what_acts_or_goes_anywhere() -> None:
    memory, tools = Memory(), FakeTools()
    rules = await standing(tools)
    turns = [ask_for(("vault.read", {})), ask_for(ORDER)]
    with pytest.raises(ParkedError):
        await step(place(script(*turns), memory, tools, rules=rules))
    assert memory.steps["tools/private"].data == {"tool": "vault.read"}
    assert next(iter(memory.asked.values())).calls[0].note == "This run has read something private."


async def test_what_one_step_read_binds_the_next_step_of_the_run() -> None:
    memory, tools = Memory(), FakeTools()
    rules = await standing(tools)
    await step(place(script(ask_for(("vault.read", {}))), memory, tools, rules=rules))
    with pytest.raises(ParkedError):
        await step(place(script(ask_for(ORDER)), memory, tools, rules=rules), path="later/a")


async def test_in_a_private_place_every_run_has_read_something_private() -> None:
    tools = FakeTools()
    rules = replace(await standing(tools), is_private=True)
    with pytest.raises(ParkedError):
        await step(place(script(ask_for(ORDER)), Memory(), tools, rules=rules))


# ---------------------------------------------------------------- what nobody knows


async def lost(memory: Memory, tools: FakeTools, model: ScriptedModel) -> str:
    """The next owner comes to a call that may have been made: it asks and sends nothing. Return where it asks."""
    before = len(tools.did)
    with pytest.raises(ParkedError) as parked:
        await step(place(model, memory, tools))
    assert len(tools.did) == before
    (path,) = parked.value.paths
    return path


async def begun(tools: FakeTools, *, then: str) -> tuple[Memory, ScriptedModel]:
    """A run whose approved order was interrupted at a moment between hold, send and settle."""
    memory, model = _Dying(), script(ask_for(ORDER))
    with pytest.raises(ParkedError) as parked:
        await step(place(model, memory, tools))
    memory.answers[parked.value.paths[0]] = Decision(verdict="approve", user="U2")
    memory.crash()
    memory.dies = then
    with pytest.raises(RunLostError):
        await step(place(model, memory, tools))
    memory.dies = ""
    memory.crash()
    return memory, model


class _Dying(Memory):
    """A ledger whose process ends at a moment of a tool call."""

    dies = ""

    async def hold(self, request: HoldRequest) -> Any:
        held = await super().hold(request)
        if self.dies == "held" and request.tool is not None:
            raise RunLostError
        return held

    async def settle(self, hold: Any, charged: Any, fence: Any, step: Any = None) -> Any:
        call = self.calls[hold.call_id]
        is_tool = getattr(call.request, "tool", None) is not None
        if self.dies == "sent" and is_tool:
            raise RunLostError
        if self.dies == "settled" and is_tool:  # the money is written, the record is not: a slow owner
            await super().settle(hold, charged, fence, None)
            raise RunLostError
        return await super().settle(hold, charged, fence, step)


@pytest.mark.parametrize("then", ["held", "sent", "settled"])
async def test_an_interrupted_act_is_asked_about_and_never_repeated(then: str) -> None:
    tools = FakeTools()
    memory, model = await begun(tools, then=then)
    path = await lost(memory, tools, model)
    assert path == f"{CALL}/outcome"
    assert (memory.asked[path].kind, memory.asked[path].calls[0].tool) == ("outcome", "shop.order")


@pytest.mark.parametrize("then", ["held", "sent", "settled"])
async def test_what_a_person_says_was_done_is_not_done_again(then: str) -> None:
    tools = FakeTools()
    memory, model = await begun(tools, then=then)
    memory.answers[await lost(memory, tools, model)] = Decision(verdict="done", user="U2")
    memory.crash()
    did = len(tools.did)
    await step(place(model, memory, tools))
    assert len(tools.did) == did
    assert "says that this was done" in said(model)


async def test_what_a_person_says_was_not_done_is_done_once_with_the_same_key() -> None:
    tools = FakeTools()
    memory, model = await begun(tools, then="sent")
    memory.answers[await lost(memory, tools, model)] = Decision(verdict="again", user="U2")
    memory.crash()
    await step(place(model, memory, tools))
    assert tools.times("shop.order") == 2
    assert len(set(tools.keys)) == 1


async def test_a_second_interruption_is_a_second_question() -> None:
    tools = FakeTools()
    memory, model = await begun(tools, then="held")
    memory.answers[await lost(memory, tools, model)] = Decision(verdict="again", user="U2")
    memory.crash()
    assert isinstance(memory, _Dying)
    memory.dies = "held"
    with pytest.raises(RunLostError):
        await step(place(model, memory, tools))
    memory.dies = ""
    memory.crash()
    assert await lost(memory, tools, model) == f"{CALL}/outcome/2"


async def test_nobody_who_knows_is_told_to_the_agent() -> None:
    tools = FakeTools()
    memory, model = await begun(tools, then="sent")
    memory.answers[await lost(memory, tools, model)] = Decision(verdict="expired")
    memory.crash()
    await step(place(model, memory, tools))
    assert "Nobody knows whether this was done" in said(model)


async def test_it_is_asked_no_sooner_than_the_call_must_have_ended() -> None:
    tools = FakeTools()
    memory, model = await begun(tools, then="held")
    opened_s = memory.now_s
    await lost(memory, tools, model)
    assert memory.now_s >= opened_s + 5  # timeout_s of the shop


async def test_what_may_be_done_twice_is_simply_done_again() -> None:
    memory, tools = _Dying(), FakeTools()
    call = ("shop.status", {"q": "open"})
    model = script(ask_for(call))
    with pytest.raises(ParkedError) as parked:
        await step(place(model, memory, tools))
    memory.answers[parked.value.paths[0]] = Decision(verdict="approve", user="U2")
    memory.crash()
    memory.dies = "sent"
    with pytest.raises(RunLostError):
        await step(place(model, memory, tools))
    memory.dies = ""
    memory.crash()
    record = await step(place(model, memory, tools))
    assert (record.text, tools.times("shop.status")) == ("Done.", 2)


async def test_what_was_never_sent_leaves_the_way_free() -> None:
    """A server that could not be reached is told; the next owner of a run that died then sends it, once."""
    memory, tools = Memory(), FakeTools({"shop.order": ToolError("Connection refused.", was_sent=False)})
    model = script(ask_for(ORDER))
    await approved(memory, model, tools)
    assert "Not called: Connection refused." in said(model)
    assert await memory.earlier_calls("run1", CALL) == []


async def test_an_act_that_does_not_answer_is_asked_about() -> None:
    memory, tools = Memory(), FakeTools({"shop.order": ToolError("No answer.", was_sent=True)})
    model = script(ask_for(ORDER))
    with pytest.raises(ParkedError) as parked:
        await approved(memory, model, tools)
    assert parked.value.paths == (f"{CALL}/outcome",)
    assert tools.times("shop.order") == 1
    assert memory.held_nusd == 0


async def test_siblings_of_an_act_that_is_not_known_end_first() -> None:
    memory = Memory()
    tools = FakeTools({"shop.order": ToolError("No answer.", was_sent=True)})
    model = script(ask_for(ORDER, ("shop.find", {"q": "tea"})))
    with pytest.raises(ParkedError):
        await approved(memory, model, tools)
    assert "a/turn/1/call/2" in memory.steps


# ---------------------------------------------------------------- slow owners


class _Slow(Memory):
    """A process that stands still between its hold and sending, so many times; `owner` comes meanwhile."""

    stops = 1
    taken_over = False

    async def hold(self, request: HoldRequest) -> Any:
        held = await super().hold(request)
        if request.tool is not None and request.lease_s and self.stops:
            self.stops -= 1
            self.now_s += 10
            if self.taken_over:
                self.crash()
        return held


async def test_a_hold_of_what_acts_extends_the_lease_past_its_timeout() -> None:
    memory, tools = Memory(), FakeTools()
    await approved(memory, script(ask_for(("shop.find", {"q": "x"}), ORDER)), tools)
    leases = {
        one.request.tool.tool: one.request.lease_s
        for one in memory.calls.values()
        if isinstance(one.request, HoldRequest) and one.request.tool
    }
    assert leases == {"shop.find": 0.0, "shop.order": 9.0}


async def test_an_owner_that_stood_still_sends_nothing_under_that_hold() -> None:
    memory, tools = _Slow(), FakeTools()
    await approved(memory, script(ask_for(ORDER)), tools)
    held = [one for one in memory.calls.values() if one.request.path == CALL]
    assert [(one.state, one.reason) for one in held] == [("released", Reason.NEVER_SENT), ("settled", "")]
    assert tools.did == [ORDER]


async def test_an_owner_that_wakes_after_its_successor_sends_nothing_at_all() -> None:
    memory, tools, model = _Slow(), FakeTools(), script(ask_for(ORDER))
    memory.taken_over = True
    with pytest.raises(RunLostError):
        await approved(memory, model, tools)
    assert tools.did == []


# ---------------------------------------------------------------- stops and siblings


async def stopped(tools: FakeTools, call: tuple[str, Any], *why: str) -> tuple[Memory, Any]:
    memory, model = Memory(), script(ask_for(call))
    rules = await standing(tools)
    work = asyncio.create_task(step(place(model, memory, tools, rules=rules)))
    await tools.began.wait()
    work.cancel(*why)
    await asyncio.wait({work})
    return memory, work


async def test_a_stop_tells_the_server_and_settles_what_is_unknown() -> None:
    tools = FakeTools({"shop.order": forever()})
    memory, work = await stopped(tools, ORDER)
    assert (work.cancelled(), tools.stopped) == (True, ["shop.order"])
    (call,) = (one for one in memory.calls.values() if one.request.path == CALL)
    assert (call.state, call.reason, call.actual_nusd) == ("uncertain", Reason.STOPPED, 10_000_000)
    assert memory.held_nusd == 0


async def test_a_sibling_that_ends_does_not_cancel_what_acts() -> None:
    gate = asyncio.Event()

    async def slow() -> str:
        gate.set()
        await asyncio.sleep(0.01)
        return "ordered"

    tools = FakeTools({"shop.order": lambda _: slow()})
    memory, work = await stopped(tools, ORDER, SIBLING_ENDED)
    assert (work.cancelled(), tools.stopped) == (True, [])
    assert memory.steps[CALL].text == "ordered"
    (call,) = (one for one in memory.calls.values() if one.request.path == CALL)
    assert call.state == "settled"


async def test_a_sibling_that_ends_stops_a_lookup() -> None:
    tools = FakeTools({"shop.find": forever()})
    _, work = await stopped(tools, ("shop.find", {"q": "x"}), SIBLING_ENDED)
    assert (work.cancelled(), tools.stopped) == (True, ["shop.find"])


async def test_a_run_that_was_stopped_holds_nothing_more() -> None:
    memory, tools = Memory(), FakeTools()

    def turn(_: object) -> Any:
        memory.stopped = True
        return ask_for(("shop.find", {"q": "x"}))

    with pytest.raises(CancelledRunError):
        await step(place(ScriptedModel(turn), memory, tools))
    assert tools.did == []
