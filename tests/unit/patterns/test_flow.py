"""From a choice to a tree: narrowed by people, kept over restarts, never raising for a failure."""

import pytest

from patterns.broadcast import Broadcast
from patterns.core.errors import UserError
from patterns.core.events import StopReason
from patterns.core.limits import FailurePolicy
from patterns.estimate import estimate
from patterns.flow import Choice, plan_of, resolve, run_flow
from patterns.pattern import Solo
from patterns.router import RouteDecision
from patterns.trees import build_pattern, flow_tree, kind_of
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.support.pattern_runs import CTX, LOADED, run, services
from tests.unit.patterns.test_resume import sensible


async def test_a_fan_out_can_be_narrowed_to_named_agents() -> None:
    memory = Memory()
    with ScriptedModel(["one", "two", "both"]) as model:
        place = services(model, memory)
        result = await run_flow(CTX, place, await resolve(CTX, place, Choice("quorum", ("a", "c"))))
    assert (result.output, result.stop_reason) == ("both", StopReason.COMPLETED)
    assert [step.agent for step in memory.steps.values() if step.agent] == ["a", "c", "chair"]


def test_a_quorum_never_asks_for_more_voices_than_were_named() -> None:
    pattern = build_pattern(flow_tree(LOADED, RouteDecision(flow="quorum", agents=("a",))))
    assert pattern == Broadcast((Solo("a"),), "chair", FailurePolicy(mode="quorum", quorum=1))


async def test_agents_without_a_flow_answer_side_by_side() -> None:
    with ScriptedModel(["one", "two", "both"]) as model:
        place = services(model, Memory())
        plan = await resolve(CTX, place, Choice(agents=("a", "b")))
        result = await run_flow(CTX, place, plan)
    assert (plan.title, result.output) == ("broadcast of chair", "both")


async def test_agents_that_cannot_work_there_are_refused_before_anything_is_paid() -> None:
    memory = Memory()
    with ScriptedModel([]) as model, pytest.raises(UserError, match="There is no agent 'deaf'"):
        await resolve(CTX, services(model, memory), Choice("fan", ("deaf",)))
    assert memory.calls == {}


@pytest.mark.parametrize(("reviewer", "flow"), [("critic", ""), ("chair", "one")])
async def test_a_composed_review_needs_a_reviewer_who_sees_the_draft(reviewer: str, flow: str) -> None:
    wish = {"flow": "supervisor", "agents": ["a", reviewer], "confidence": 1, "reason": "r"}
    with ScriptedModel([wish]) as model:
        plan = await resolve(CTX, services(model, Memory()))
    assert plan.decision.flow == flow


async def test_the_plan_is_decided_once() -> None:
    memory = Memory()
    with ScriptedModel([{"flow": "fan", "agents": [], "confidence": 1, "reason": "r"}]) as model:
        first = await resolve(CTX, services(model, memory))
        again = await resolve(CTX, services(model, memory), Choice("chain"))
    assert (again.decision, again.took) == (first.decision, first.took)


async def test_what_choosing_cost_is_part_of_the_result() -> None:
    memory = Memory()
    with ScriptedModel([{"flow": "one", "agents": [], "confidence": 1, "reason": "r"}, "hello"]) as model:
        result = await run(None, model, memory)
    assert (result.steps, result.cost_nusd) == (2, memory.settled_nusd)


async def test_holds_carry_the_flow_they_are_for() -> None:
    memory = Memory()
    with ScriptedModel([{"flow": "one", "agents": [], "confidence": 1, "reason": "r"}, "hello"]) as model:
        await run(None, model, memory)
    assert [call.request.flow for call in memory.calls.values()] == ["route", "one"]


async def test_the_worst_price_counts_what_choosing_cost_already() -> None:
    place = services(ScriptedModel([]), Memory(), run_nusd=10**12)
    decision = RouteDecision(flow="one", chosen_by="person")
    plain = plan_of(CTX, place, decision)
    took = plain.took.model_copy(update={"cost_nusd": 7})
    assert plan_of(CTX, place, decision, took=took).worst_nusd == plain.worst_nusd + 7


@pytest.mark.parametrize("chosen_by", ["router", "default"])
async def test_a_price_is_the_same_before_and_after_the_router_chose(chosen_by: str) -> None:
    place = services(ScriptedModel([]), Memory(), run_nusd=10**12)
    before = estimate(CTX, place, Choice())
    took = before.took.model_copy(update={"cost_nusd": 7})
    decision = RouteDecision(flow=LOADED.router.default, chosen_by=chosen_by)  # type: ignore[arg-type]
    assert plan_of(CTX, place, decision, took=took).price == before.price
    whole, narrowed = (RouteDecision(flow="pick", agents=agents) for agents in ((), ("a",)))
    assert plan_of(CTX, place, whole).price == plan_of(CTX, place, narrowed).price
    alone = plan_of(CTX, place, RouteDecision(flow=LOADED.router.default, chosen_by="person")).price
    assert alone.worst_nusd < before.price.worst_nusd
    assert alone.expected_nusd < before.price.expected_nusd


@pytest.mark.parametrize(
    ("decision", "kind"),
    [
        (RouteDecision(flow="deep"), "pipeline"),
        (RouteDecision(flow="one"), "agent"),
        (RouteDecision(pattern="router", agents=("a",)), "router"),
        (RouteDecision(pattern="supervisor", agents=("a", "critic")), "supervisor"),
    ],
)
def test_every_decision_comes_to_a_kind_of_pattern(decision: RouteDecision, kind: str) -> None:
    assert kind_of(LOADED, decision) == kind


async def test_a_narrowed_fan_out_stays_narrowed_after_a_restart() -> None:
    memory = Memory()
    place = services(ScriptedModel([]), memory)
    voice = place.runner.quote(CTX, place, agent="a").once_nusd
    memory.budget_nusd = 2 * voice + place.runner.quote(CTX, place, agent="chair").once_nusd
    model = ScriptedModel(sensible)
    first = await run("fan", model, memory)
    memory.budget_nusd = 10**12
    memory.crash()
    again = await run("fan", model, memory)
    assert (again.output, again.missing, len(model.requests)) == (first.output, first.missing, 3)
