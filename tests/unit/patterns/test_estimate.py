"""Prices before the run: without a call, never below what the run then costs."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patterns.errors import UserError
from patterns.estimate import Estimate, estimate, flow_quotes
from patterns.flow import Choice
from patterns.ports import ModelRequest
from tests.fakes.memory import Memory
from tests.fakes.model import PRICE, Reply, Say, ScriptedModel, Usage
from tests.unit.patterns.house import CTX, LOADED, run, services
from tests.unit.patterns.test_resume import sensible


def test_words_for_people() -> None:
    assert Estimate("fan", 1, 120_000_000, 30_000_000).text == "about $0.03, at most $0.12"
    assert Estimate("fan", 1, 120_000_000).text == "at most $0.12"


def test_no_model_is_asked_and_no_money_held() -> None:
    memory = Memory()
    with ScriptedModel([]) as model:
        place = services(model, memory)
        assert set(flow_quotes(CTX, place)) == set(LOADED.flows)
        estimate(CTX, place, Choice("fan"))
    assert memory.calls == {}


def test_without_a_choice_it_is_the_dearest_flow_and_the_choosing() -> None:
    place = services(ScriptedModel([]), Memory())
    dearest = max(quote.once_nusd for quote in flow_quotes(CTX, place).values())
    assert estimate(CTX, place).once_nusd > dearest


def test_more_rounds_cost_more() -> None:
    place = services(ScriptedModel([]), Memory(), run_nusd=10**12)
    quotes = flow_quotes(CTX, place)
    assert quotes["team"].once_nusd * 2 == quotes["signed"].once_nusd * 3


def test_the_worst_is_never_above_the_runs_limit() -> None:
    place = services(ScriptedModel([]), Memory(), run_nusd=1000)
    assert estimate(CTX, place, Choice("deep")).worst_nusd == 1000


def test_a_flow_that_is_not_there_is_told() -> None:
    with pytest.raises(UserError):
        estimate(CTX, services(ScriptedModel([]), Memory()), Choice("nope"))


@settings(max_examples=30, deadline=None)
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
    quote = flow_quotes(ctx, services(model, memory, run_nusd=10**12))[flow]
    result = asyncio.run(run(flow, model, memory, ctx=ctx, run_nusd=10**12))
    assert PRICE.cost_nusd(Usage(1, 0)) <= result.cost_nusd <= quote.once_nusd
