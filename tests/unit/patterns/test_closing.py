"""Runs that a limit cuts short: what exists is summed up from what was kept back for it, where that helps."""

from dataclasses import replace

from patterns.core.calls import ModelRequest
from patterns.core.events import StopReason
from patterns.flow import NO_COST, Plan, plan_of, run_flow
from patterns.pattern import Solo
from patterns.pipeline import Pipeline
from patterns.router import RouteDecision
from patterns.services import Services
from patterns.supervisor import Supervisor
from tests.fakes.memory import Memory
from tests.fakes.model import COST_NUSD, Fail, Reply, ScriptedModel, system_of, user_of
from tests.support.pattern_runs import CTX, run, services, verdict

CLOSED = "chair summed up what there was."


def summary_nusd() -> int:
    place = services(ScriptedModel([]), Memory())
    return place.runner.quote(CTX, place, agent="chair").once_nusd


def spent_after(memory: Memory, texts: int, *, left_nusd: int, closing: Reply = "summary") -> ScriptedModel:
    """A model after whose first texts the month has only so much left."""

    def reply(request: ModelRequest) -> Reply:
        if "chair" in system_of(request):
            return closing
        if len(model.requests) == texts:
            memory.budget_nusd = texts * COST_NUSD + left_nusd
        return f"text {len(model.requests)}"

    model = ScriptedModel(reply)
    return model


async def test_a_budget_that_ran_out_is_closed_from_what_was_kept_back() -> None:
    memory = Memory()
    model = spent_after(memory, 2, left_nusd=summary_nusd())
    result = await run("chain", model, memory)
    assert (result.output, result.stop_reason, result.cost_nusd) == ("summary", StopReason.BUDGET, 3 * COST_NUSD)
    assert result.notes[-1] == CLOSED
    shown = user_of(model.requests[-1])
    assert ["text 1" in shown, "text 2" in shown, "c is missing" in shown] == [True, True, True]


async def test_the_time_and_the_step_are_kept_back_too() -> None:
    memory = Memory()

    def reply(request: ModelRequest) -> Reply:
        memory.now_s += 0 if "chair" in system_of(request) else 48
        return "summary" if "chair" in system_of(request) else "text"

    with ScriptedModel(reply) as model:
        result = await run("chain", model, memory, run_s=100.0)
    assert (result.output, result.stop_reason, len(model.requests)) == ("summary", StopReason.TIMEOUT, 3)


async def test_a_run_at_its_last_step_is_closed_with_the_step_kept_back() -> None:
    team = Supervisor(Solo("b"), "critic", rounds=3, acceptance="It rhymes.")
    replies: list[Reply] = ["1", "2", verdict(3, change="x"), "3", verdict(4, change="y"), "summary"]
    with ScriptedModel(replies) as model:
        place = services(model, Memory(), steps=6)
        plan = plan_of(CTX, place, RouteDecision(flow="chain"), took=NO_COST)
        chain = Pipeline((Solo("a"), team, Solo("c")), (None, None, None))
        result = await run_flow(CTX, place, replace(plan, pattern=chain))
    assert (result.output, result.stop_reason, result.steps) == ("summary", StopReason.LIMIT, 6)


async def test_a_summary_whose_money_was_refused_with_the_first_hold_asks_for_it_when_it_is_due() -> None:
    place = services(ScriptedModel([]), Memory())
    plan = plan_of(CTX, place, RouteDecision(flow="chain"), took=NO_COST).pattern.quote(CTX, place).once_nusd
    memory = Memory(budget_nusd=plan, joins=True)  # nothing is left for a summary beside the plan

    def reply(request: ModelRequest) -> Reply:
        memory.now_s += 0 if "chair" in system_of(request) else 48
        return "summary" if "chair" in system_of(request) else "text"

    with ScriptedModel(reply) as model:
        result = await run("chain", model, memory, run_s=100.0)
    assert (len(memory.refused), len(model.requests)) == (2, 3)
    assert (result.output, result.stop_reason) == ("summary", StopReason.TIMEOUT)


async def test_one_text_is_its_own_summary() -> None:
    memory = Memory()
    model = spent_after(memory, 1, left_nusd=summary_nusd())
    result = await run("chain", model, memory)
    assert (result.output, result.stop_reason, len(model.requests)) == ("text 1", StopReason.BUDGET, 1)


async def test_a_failure_is_not_a_limit() -> None:
    with ScriptedModel(["1", "2", Fail("auth", retryable=False)]) as model:
        result = await run("chain", model, Memory())
    assert (result.output, result.stop_reason) == ("2", StopReason.PARTIAL)


async def test_a_summary_that_fails_leaves_what_there_is() -> None:
    memory = Memory()
    model = spent_after(memory, 2, left_nusd=summary_nusd(), closing=Fail("auth", retryable=False))
    result = await run("chain", model, memory)
    assert (result.output, result.stop_reason) == ("text 2", StopReason.BUDGET)
    assert CLOSED not in result.notes


async def test_keeping_it_back_never_causes_the_limit() -> None:
    with ScriptedModel(["1", "2", "3"]) as model:
        result = await run("chain", model, Memory(), steps=3)
    assert (result.output, result.stop_reason) == ("3", StopReason.COMPLETED)


async def test_nothing_is_kept_back_that_the_plan_itself_needs() -> None:
    place = services(ScriptedModel([]), Memory())
    memory = Memory(budget_nusd=plan_of(CTX, place, RouteDecision(flow="chain")).quote.once_nusd)
    with ScriptedModel(["1", "2", "3"]) as model:
        result = await run("chain", model, memory)
    assert (result.stop_reason, {call.state for call in memory.calls.values()}) == (StopReason.COMPLETED, {"settled"})


async def test_with_more_money_the_run_goes_on_past_its_summary() -> None:
    memory = Memory()
    model = spent_after(memory, 2, left_nusd=summary_nusd())
    await run("chain", model, memory)
    memory.budget_nusd = 10**12
    memory.crash()
    result = await run("chain", model, memory)
    assert (result.output, result.stop_reason) == ("text 4", StopReason.COMPLETED)


async def test_drafts_replace_each_other_so_the_best_one_is_the_answer() -> None:
    memory = Memory()
    with ScriptedModel(["one", verdict(6), "two", verdict(7, change="other")]) as model:
        result = await run("team", model, memory, steps=4)
    assert (result.output, result.stop_reason) == ("two", StopReason.LIMIT)


async def test_the_quote_bounds_the_summary() -> None:
    place: Services = services(ScriptedModel([]), Memory())
    decision = RouteDecision(flow="chain", chosen_by="person")
    plan: Plan = plan_of(CTX, place, decision)
    closing = place.runner.quote(CTX, place, agent="chair")
    assert plan.worst_nusd == plan.quote.worst_nusd + closing.worst_nusd
