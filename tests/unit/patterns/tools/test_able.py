"""A model that cannot use tools is not offered what needs them."""

from dataclasses import replace

import pytest

from patterns.core.tools import ToolRules
from patterns.flow import NO_COST, Choice, plan_of, resolve, run_flow
from patterns.roster.roster import Roster
from patterns.router import RouteDecision
from patterns.tools.able import can_work, is_able, workable
from patterns.trees import flow_tree, runnable_or_default
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel, user_of
from tests.fakes.tools import FakeTools
from tests.support.pattern_runs import CTX
from tests.support.tool_runs import EVERYTHING, LOADED, place

TINY = LOADED.with_models({name: replace(spec, uses_tools=False) for name, spec in LOADED.models.items()})
NOTHING = ToolRules(frozenset())


@pytest.mark.parametrize(("roster", "able"), [(LOADED, {*LOADED.agents}), (TINY, {*LOADED.agents} - {"a", "form"})])
def test_an_agent_is_able_whose_model_can_use_what_it_has(roster: Roster, able: set[str]) -> None:
    where = place(ScriptedModel([]), Memory(), FakeTools(), roster=roster)
    assert {name for name in roster.agents if is_able(where, name)} == able
    assert ("one" in workable(where).flows) == ("a" in able)


async def test_the_router_chooses_among_those_who_can_work_and_its_default_is_one_of_them() -> None:
    memory, prompts = Memory(), []
    unsure = {"flow": "pick", "agents": [], "confidence": 0.1, "reason": "because"}
    with ScriptedModel([unsure]) as model:
        where = place(model, memory, FakeTools(), roster=TINY)
        plan = await resolve(CTX, where)
        prompts += [user_of(request) for request in model.requests]
    assert (plan.decision.flow, plan.decision.chosen_by) == ("pick", "default")
    assert "- pick: one of three" in prompts[0]
    assert all(flow not in prompts[0] for flow in ("- one:", "- chain:", "- deep:", "- formal:", "- a:"))
    assert can_work(where, flow_tree(TINY, plan.decision))
    assert not can_work(where, flow_tree(TINY, RouteDecision(flow="one")))


async def test_a_choice_inside_a_flow_is_made_among_the_able_and_priced_like_that() -> None:
    memory = Memory()
    chosen = {"agent": "c", "confidence": 0.9, "reason": "because"}
    with ScriptedModel([chosen, "done by c"]) as model:
        where = place(model, memory, FakeTools(), roster=TINY)
        plan = plan_of(CTX, where, RouteDecision(flow="pick", chosen_by="person"), took=NO_COST)
        result = await run_flow(CTX, where, plan)
        assert "agent a" not in user_of(model.requests[0])
    assert result.output == "done by c"
    assert result.cost_nusd <= plan.worst_nusd


async def test_what_the_router_says_beyond_its_offer_is_the_default_with_a_sentence() -> None:
    where = place(ScriptedModel([]), Memory(), FakeTools(), roster=TINY)
    beyond = RouteDecision(flow="one")
    decision, note = runnable_or_default(workable(where), beyond)
    assert (decision.flow, decision.chosen_by) == ("pick", "default")
    assert note.endswith("which cannot work, so this is the default flow.")


async def test_tools_that_are_off_ask_nothing_of_a_model() -> None:
    plain = replace(TINY, agents={**TINY.agents, "a": TINY.agents["a"].model_copy(update={"tools": ("shop",)})})
    where = place(ScriptedModel([]), Memory(), FakeTools(), roster=plain, rules=NOTHING)
    assert (is_able(where, "a"), is_able(where, "form")) == (True, False)


async def test_a_persons_own_choice_is_not_turned_into_another() -> None:
    with ScriptedModel([]) as model:
        where = place(model, Memory(), FakeTools(), roster=TINY, rules=EVERYTHING)
        plan = await resolve(CTX, where, Choice(flow="one"))
    assert (plan.decision.flow, plan.decision.chosen_by) == ("one", "person")
