"""Stages in order: what is handed on, how the pool is shared, how it ends when a stage leaves nothing."""

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from patterns.core.calls import ModelRequest
from patterns.core.events import MissingVoice, StopReason
from patterns.core.money import Usage
from patterns.flow import Choice, resolve, run_flow
from patterns.pipeline import cumulative_limits
from tests.fakes.memory import Memory
from tests.fakes.model import COST_NUSD, Fail, Reply, Say, ScriptedModel, user_of
from tests.support.pattern_runs import CTX, run, services


async def test_each_stage_sees_what_earlier_ones_handed_on() -> None:
    with ScriptedModel(["first", "second", "third"]) as model:
        result = await run("chain", model, Memory())
    assert (result.output, result.stop_reason, result.steps) == ("third", StopReason.COMPLETED, 3)
    prompts = [user_of(request) for request in model.requests]
    assert ["first" in prompt for prompt in prompts] == [False, True, True]
    assert ["second" in prompt for prompt in prompts] == [False, False, True]


async def test_every_stage_has_a_path_of_its_own() -> None:
    memory = Memory()
    with ScriptedModel(["1", "2", "3"]) as model:
        await run("chain", model, memory)
    assert list(memory.steps) == ["plan", "pipeline/1/a", "pipeline/2/b", "pipeline/3/c"]


async def test_a_failed_stage_ends_it_with_what_exists() -> None:
    with ScriptedModel(["first", Fail("auth", retryable=False)]) as model:
        result = await run("chain", model, Memory())
    assert (result.output, result.stop_reason, result.cost_nusd) == ("first", StopReason.PARTIAL, COST_NUSD)
    assert result.missing == (
        MissingVoice(name="b", reason="its provider refused our key"),
        MissingVoice(name="c", reason="it was not reached"),
    )
    assert result.notes == ("This is the work of 1 of 3 stages; b is missing.",)


async def test_a_first_stage_that_fails_leaves_nothing() -> None:
    with ScriptedModel([Fail("auth", retryable=False)]) as model:
        result = await run("chain", model, Memory())
    assert (result.output, result.stop_reason) == ("", StopReason.FAILED)


async def test_a_failure_is_never_text_for_the_next_stage() -> None:
    with ScriptedModel([Fail("auth", retryable=False)]) as model:
        await run("chain", model, Memory())
    assert len(model.requests) == 1


async def test_the_budget_ending_half_way_is_said() -> None:
    memory = Memory()

    def reply(_: ModelRequest) -> Reply:
        memory.budget_nusd = COST_NUSD
        return "first"

    with ScriptedModel(reply) as model:
        result = await run("chain", model, memory)
    assert (result.output, result.stop_reason) == ("first", StopReason.BUDGET)
    assert result.missing[-2:] == (
        MissingVoice(name="b", reason="the budget did not allow it"),
        MissingVoice(name="c", reason="it was not reached"),
    )


async def test_stages_are_capped_by_what_is_theirs_and_what_was_left() -> None:
    memory = Memory()
    with ScriptedModel(["1", "2", "3"]) as model:
        await run("chain", model, memory, run_nusd=10_000_000)
    caps = [call.request.caps[-1].limit_nusd for call in memory.calls.values()]
    assert caps == [2_000_000, 5_000_000 - COST_NUSD, 10_000_000 - 2 * COST_NUSD]


async def test_a_stage_over_its_share_is_refused_and_cannot_starve_the_next() -> None:
    memory = Memory()
    with ScriptedModel([]) as model:
        result = await run("chain", model, memory, run_nusd=1_000_000)
    assert (result.stop_reason, memory.settled_nusd) == (StopReason.BUDGET, 0)


async def test_unused_share_flows_on() -> None:
    memory = Memory()
    dear = Usage(input_tokens=400, output_tokens=10)
    with ScriptedModel(["1", Say("2", usage=dear), "3"]) as model:
        result = await run("chain", model, memory, run_nusd=5_000_000)
    assert result.stop_reason is StopReason.COMPLETED


async def test_a_length_limit_reaches_the_reader() -> None:
    with ScriptedModel(["1", "2", Say("3", finish_reason="length")]) as model:
        result = await run("chain", model, Memory())
    assert result.notes == ("The text of c was cut at its length limit.",)


async def test_only_the_last_stage_may_stream() -> None:
    memory = Memory()
    with ScriptedModel(["1", "2", "3"]) as model:
        place = services(model, memory, may_stream=True)
        await run_flow(CTX, place, await resolve(CTX, place, Choice("chain")))
    assert [request.stream for request in model.requests] == [False, False, True]


shares = st.lists(st.none() | st.decimals(min_value="0.01", max_value="0.3", places=2), min_size=1, max_size=4)


@given(shares=shares, pool_nusd=st.integers(0, 10**15))
def test_shares_never_pass_the_pool_and_the_last_stage_may_use_the_rest(
    shares: list[Decimal | None], pool_nusd: int
) -> None:
    limits = cumulative_limits(shares, pool_nusd)
    assert limits[-1] == pool_nusd
    assert all(0 <= earlier <= later <= pool_nusd for earlier, later in pairwise([0, *limits]))


@given(pool_nusd=st.integers(100, 10**12))
def test_stages_without_shares_split_the_rest_evenly(pool_nusd: int) -> None:
    expected = [pool_nusd // 2, int(Decimal("0.75") * pool_nusd), pool_nusd]
    assert cumulative_limits([Decimal("0.5"), None, None], pool_nusd) == expected
