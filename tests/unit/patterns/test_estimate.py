"""Prices before the run: without a call, never below what the run then costs."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.core.calls import ModelRequest
from patterns.core.context import TaskContext
from patterns.core.errors import UserError
from patterns.core.quotes import Quote
from patterns.estimate import estimate
from patterns.flow import Choice
from patterns.roster.prompts import Prompt
from patterns.services import Services
from tests.fakes.memory import Memory
from tests.fakes.model import PRICE, Reply, Say, ScriptedModel, Usage
from tests.support.examples import examples
from tests.support.pattern_runs import CTX, LOADED, run, services
from tests.unit.patterns.test_resume import sensible


def quote_of(flow: str, place: Services, ctx: TaskContext = CTX) -> Quote:
    return estimate(ctx, place, Choice(flow)).quote


def test_no_model_is_asked_and_no_money_held() -> None:
    memory = Memory()
    with ScriptedModel([]) as model:
        place = services(model, memory)
        assert all(quote_of(flow, place).once_nusd for flow in LOADED.flows)
    assert memory.calls == {}


def test_without_a_choice_it_is_the_default_flow_and_the_choosing() -> None:
    place = services(ScriptedModel([]), Memory())
    plan = estimate(CTX, place, Choice())
    assert (plan.title, plan.decision.chosen_by) == (LOADED.router.default, "default")
    assert plan.quote.once_nusd > quote_of(LOADED.router.default, place).once_nusd


def test_more_rounds_cost_more() -> None:
    place = services(ScriptedModel([]), Memory(), run_nusd=10**12)
    assert quote_of("team", place).once_nusd * 2 == quote_of("signed", place).once_nusd * 3


def test_the_worst_is_never_above_the_runs_limit() -> None:
    place = services(ScriptedModel([]), Memory(), run_nusd=1000)
    assert estimate(CTX, place, Choice("deep")).worst_nusd == 1000


def test_a_flow_that_is_not_there_is_told() -> None:
    with pytest.raises(UserError):
        estimate(CTX, services(ScriptedModel([]), Memory()), Choice("nope"))


def test_agents_that_cannot_work_together_have_no_price() -> None:
    place = services(ScriptedModel([]), Memory())
    deaf = Prompt("deaf", "You hear nothing.\n=== user\n{{ material }}")
    roster = replace(LOADED, prompts={**LOADED.prompts, "plain": deaf})
    with pytest.raises(UserError, match="cannot work together"):
        estimate(CTX, replace(place, roster=roster), Choice("fan", ("a", "b")))


@examples(30)
@given(
    flow=st.sampled_from(sorted(set(LOADED.flows) - {"signed", "formal"})),
    size=st.sampled_from([1, 1000, 20_000]),
    part=st.integers(1, 100),
)
def test_no_run_costs_more_than_its_quote(flow: str, size: int, part: int) -> None:
    def reply(request: ModelRequest) -> Reply:
        answer = sensible(request)
        if isinstance(answer, str):
            bound = model.prepare(request)
            usage = Usage(bound.input_tokens_max * part // 100, bound.output_tokens_max * part // 100)
            return Say("word " * size, usage=usage)
        return answer

    model = ScriptedModel(reply)
    memory = Memory()
    ctx = CTX.model_copy(update={"request": "ﷺ" * size})
    quote = quote_of(flow, services(model, memory, run_nusd=10**12), ctx)
    result = asyncio.run(run(flow, model, memory, ctx=ctx, run_nusd=10**12))
    assert PRICE.cost_nusd(Usage(1, 0)) <= result.cost_nusd <= quote.once_nusd
