"""One path to a model: what is held, tried again, settled and journalled, and what is not."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from patterns.core.calls import Completion, ModelRequest, PreparedCall
from patterns.core.context import Artifact
from patterns.core.errors import NEVER_SENT, BudgetExceededError, Charge, DriftError, LimitReachedError
from patterns.core.events import Noted, RunEvent, StepFinished, StepRetried, StepStarted, StopReason, TextDelta
from patterns.core.holds import Hold, HoldRequest
from patterns.core.money import Price, Usage, format_usd
from patterns.core.ports import OnText
from patterns.core.step_record import CACHED_TOKENS, StepRecord
from patterns.core.structured import parse
from patterns.handoff import EMPTY_HANDOFF, Handoff
from patterns.pattern import Solo
from patterns.services import Services
from tests.fakes.memory import Memory
from tests.fakes.model import COST_NUSD, USAGE, Fail, Hang, Reply, Say, ScriptedModel, user_of
from tests.support.pattern_runs import CTX, run, services
from tests.unit.patterns.test_resume import sensible

ROOT = Path(__file__).parents[3]


async def step(place: Services, *, agent: str = "a", handoff: Handoff = EMPTY_HANDOFF) -> StepRecord:
    return await place.runner.step(CTX, place, agent=agent, path=agent, handoff=handoff)


def states(memory: Memory) -> list[tuple[str, int]]:
    return [(call.state, call.actual_nusd) for call in memory.calls.values()]


async def test_an_answer_is_settled_at_its_true_price_and_journalled() -> None:
    memory = Memory()
    with ScriptedModel(["hello"]) as model:
        record = await step(services(model, memory))
    assert (record.outcome, record.text, record.cost_nusd, record.attempts) == ("ok", "hello", COST_NUSD, 1)
    assert states(memory) == [("settled", COST_NUSD)]
    assert memory.steps == {"a": record}


async def test_the_hold_is_an_upper_bound_of_the_body() -> None:
    memory = Memory()
    with ScriptedModel(["hello"]) as model:
        place = services(model, memory)
        await step(place)
    (call,) = memory.calls.values()
    assert call.request.amount_nusd == model.prepare(model.requests[0]).bound_nusd
    assert call.request.caps == place.caps


async def test_a_finished_step_returns_from_the_journal_for_free() -> None:
    memory = Memory()
    with ScriptedModel(["hello"]) as model:
        first = await step(services(model, memory))
        again = await step(services(model, memory))
    assert again == first
    replays = [event.replayed for event in memory.events if isinstance(event, StepFinished)]
    assert replays == [False, True]


async def test_a_step_whose_input_changed_is_refused() -> None:
    memory = Memory()
    with ScriptedModel(["hello"]) as model:
        await step(services(model, memory))
        with pytest.raises(DriftError):
            await step(services(model, memory), handoff=Handoff(draft="something else"))


async def test_events_tell_the_story_of_a_step() -> None:
    memory = Memory()
    with ScriptedModel([Fail("server"), "hello"]) as model:
        await step(services(model, memory))
    kinds = [type(event) for event in memory.events]
    assert kinds == [StepStarted, StepRetried, StepFinished]


# ---------------------------------------------------------------- retries and fallbacks


@pytest.mark.parametrize("reason", ["rate_limit", "overloaded", "server", "connection", "timeout"])
async def test_a_passing_failure_is_tried_once_more(reason: str) -> None:
    memory = Memory()
    with ScriptedModel([Fail(reason), "hello"]) as model:
        record = await step(services(model, memory))
    assert (record.text, record.attempts) == ("hello", 2)
    assert states(memory) == [("released", 0), ("settled", COST_NUSD)]
    assert len(memory.slept_s) == 1


async def test_two_tries_for_each_model_then_a_failure_that_is_journalled() -> None:
    memory = Memory()
    replies = [Fail("server")] * 4
    with ScriptedModel(list(replies), fallback={"fast": ("spare",)}) as model:
        record = await step(services(model, memory))
        again = await step(services(model, memory))
    assert [request.model for request in model.requests] == ["fast", "fast", "spare", "spare"]
    assert (record.outcome, record.reason, record.attempts) == ("failed", "server", 4)
    assert again == record


@pytest.mark.parametrize("reason", ["auth", "bad_request", "content_policy", "context_length"])
async def test_what_will_not_pass_goes_straight_to_the_fallback(reason: str) -> None:
    memory = Memory()
    with ScriptedModel([Fail(reason, retryable=False), "hello"], fallback={"fast": ("spare",)}) as model:
        record = await step(services(model, memory))
    assert (record.text, record.model) == ("hello", "spare")
    assert memory.slept_s == []


async def test_retry_after_is_honoured_when_it_is_short() -> None:
    memory = Memory()
    with ScriptedModel([Fail("rate_limit", retry_after_s=7.0), "hello"]) as model:
        await step(services(model, memory))
    assert memory.slept_s == [7.0]


async def test_a_long_retry_after_is_not_waited_for() -> None:
    memory = Memory()
    with ScriptedModel([Fail("rate_limit", retry_after_s=70.0), "hello"], fallback={"fast": ("spare",)}) as model:
        record = await step(services(model, memory))
    assert (record.model, memory.slept_s) == ("spare", [])


async def test_each_attempt_is_held_anew_and_an_uncertain_one_counts_in_full() -> None:
    memory = Memory()
    with ScriptedModel([Fail("timeout", charge=Charge.UNCERTAIN), "hello"]) as model:
        record = await step(services(model, memory))
    first, second = memory.calls.values()
    assert (first.state, first.actual_nusd) == ("uncertain", first.request.amount_nusd)
    assert record.cost_nusd == first.actual_nusd + second.actual_nusd == memory.settled_nusd


async def test_the_told_bill_of_a_failed_attempt_is_settled_and_not_the_hold() -> None:
    memory = Memory()
    with ScriptedModel([Fail("truncated", usage=USAGE), "hello"]) as model:
        record = await step(services(model, memory))
    assert states(memory) == [("settled", COST_NUSD)] * 2
    assert (record.outcome, record.cost_nusd, record.data) == ("ok", 2 * COST_NUSD, {})


async def test_a_told_bill_is_settled_when_a_person_stops_the_call() -> None:
    class Stopping(ScriptedModel):
        async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
            del call, on_text
            raise asyncio.CancelledError(USAGE)

    memory = Memory()
    with pytest.raises(asyncio.CancelledError):
        await step(services(Stopping([]), memory))
    assert states(memory) == [("settled", COST_NUSD)]


@pytest.mark.parametrize("usage", [Usage(50, 60, 0, 60), Usage(50, 60)], ids=["told", "not told"])
async def test_thinking_that_used_up_the_output_is_not_sent_again_and_says_what_to_raise(usage: Usage) -> None:
    memory = Memory()
    with ScriptedModel([Say("", usage, finish_reason="length")]) as model:
        record = await step(services(model, memory))
        said = (await Solo("a").run(CTX, services(model, memory))).missing[0].reason
    assert (record.outcome, record.reason, record.attempts) == ("failed", "thinking", 1)
    assert states(memory) == [("settled", 170_000)]
    assert said == (
        "its model used up its whole output by thinking, before it wrote a word. An admin can raise "
        "reasoning_tokens_max of model fast in the roster; it is 0 now"
    )


async def test_a_form_that_thinking_left_no_room_for_is_not_repaired() -> None:
    memory = Memory()
    with ScriptedModel([Say("<think>First, I", Usage(50, 60), finish_reason="length")]) as model:
        record = await step(services(model, memory), agent="form")
    assert (record.reason, record.attempts, states(memory)) == ("thinking", 1, [("settled", 170_000)])


async def test_what_the_provider_read_from_its_cache_is_journalled() -> None:
    memory = Memory()
    with ScriptedModel([Say("hello", Usage(100, 10, cached_input_tokens=80))]) as model:
        record = await step(services(model, memory))
    assert record.data == {CACHED_TOKENS: 80}


async def test_an_answer_without_usage_counts_the_whole_hold() -> None:
    memory = Memory()
    with ScriptedModel([Say("hello", usage=None)]) as model:
        record = await step(services(model, memory))
    (call,) = memory.calls.values()
    assert ("uncertain", call.request.amount_nusd) == (call.state, record.cost_nusd)
    assert [event.uncertain for event in memory.events if isinstance(event, StepFinished)] == [True]


async def test_an_empty_answer_is_paid_for_and_tried_again() -> None:
    memory = Memory()
    with ScriptedModel(["  ", "hello"]) as model:
        record = await step(services(model, memory))
    assert (record.text, record.cost_nusd) == ("hello", 2 * COST_NUSD)


async def test_a_filtered_answer_is_no_answer() -> None:
    memory = Memory()
    with ScriptedModel([Say("half", finish_reason="content_filter")]) as model:
        record = await step(services(model, memory))
    assert (record.outcome, record.reason, record.cost_nusd) == ("failed", "content_policy", COST_NUSD)


async def test_a_model_that_is_set_aside_is_no_matter_of_budget() -> None:
    with ScriptedModel([]) as model:
        result = await run("one", model, Memory(quarantined="fast"))
    assert (result.stop_reason, [voice.reason for voice in result.missing]) == (
        StopReason.FAILED,
        ["its model was taken out of use, because the provider billed more than our highest estimate"],
    )


async def test_a_quarantined_model_gives_way_to_its_fallback() -> None:
    memory = Memory(quarantined="fast")
    with ScriptedModel(["hello"], fallback={"fast": ("spare",)}) as model:
        record = await step(services(model, memory))
    assert record.model == "spare"


# ---------------------------------------------------------------- limits


async def test_a_refusal_sends_nothing_and_is_not_journalled() -> None:
    memory = Memory(budget_nusd=1)
    with ScriptedModel([]) as model, pytest.raises(BudgetExceededError):
        await step(services(model, memory))
    assert (memory.calls, memory.steps) == ({}, {})


async def test_no_step_starts_after_the_last_one() -> None:
    memory = Memory()
    with ScriptedModel(["hello"]) as model:
        place = services(model, memory, steps=1)
        await step(place)
        with pytest.raises(LimitReachedError) as refused:
            await step(place, agent="b")
    assert refused.value.limit == "steps"


async def test_no_step_starts_after_the_deadline() -> None:
    memory = Memory()
    with ScriptedModel([]) as model:
        place = services(model, memory, run_s=10.0)
        memory.now_s += 10
        with pytest.raises(LimitReachedError) as refused:
            await step(place)
    assert (refused.value.limit, memory.calls) == ("run_s", {})


async def test_a_model_that_hangs_is_left_at_the_end_of_the_run_and_counted() -> None:
    memory = Memory()
    with ScriptedModel([Hang()]) as model:
        place = services(model, memory, run_s=0.01)
        work = asyncio.create_task(step(place))
        await model.asked()
        memory.now_s += 1
        with pytest.raises(LimitReachedError):
            await work
    assert [state for state, _ in states(memory)] == ["uncertain"]


async def test_time_that_ran_out_while_the_money_was_held_sends_nothing() -> None:
    memory = Memory()
    hold = memory.hold

    async def slow(request: HoldRequest) -> Hold:
        memory.now_s += 20
        return await hold(request)

    memory.hold = slow  # type: ignore[method-assign]
    with ScriptedModel([]) as model:
        place = services(model, memory, run_s=10.0)
        with pytest.raises(LimitReachedError):
            await step(place)
    assert states(memory) == [("released", 0)]


async def test_calls_at_once_never_pass_the_limit() -> None:
    memory = Memory()
    with ScriptedModel(lambda _: "hello") as model:
        place = services(model, memory, concurrency=2)
        await asyncio.gather(
            *(place.runner.step(CTX, place, agent="a", path=f"x/{n}", handoff=EMPTY_HANDOFF) for n in range(8))
        )
    assert model.at_once_max == 2


# ---------------------------------------------------------------- stopping and streaming


async def test_a_stop_settles_what_was_sent_and_ends_at_once() -> None:
    memory = Memory()
    with ScriptedModel([Hang()]) as model:
        work = asyncio.create_task(step(services(model, memory)))
        await model.asked()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    (call,) = memory.calls.values()
    assert ("uncertain", call.request.amount_nusd, "stopped") == (call.state, call.actual_nusd, call.reason)
    assert memory.steps == {}


async def test_a_stop_before_anything_was_written_costs_nothing() -> None:
    class Connecting(ScriptedModel):
        async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
            try:
                return await super().complete(call, on_text)
            except asyncio.CancelledError as error:
                raise asyncio.CancelledError(NEVER_SENT) from error

    memory = Memory()
    with Connecting([Hang()]) as model:
        work = asyncio.create_task(step(services(model, memory)))
        await model.asked()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    assert states(memory) == [("released", 0)]


async def test_a_stop_while_settling_still_writes_the_truth() -> None:
    memory = Memory()
    gate = asyncio.Event()
    with ScriptedModel([Say("hello", gate=gate)]) as model:
        work = asyncio.create_task(step(services(model, memory)))
        settle = memory.settle
        entered, leave = asyncio.Event(), asyncio.Event()

        async def slow(*given: object) -> object:
            entered.set()
            await leave.wait()
            return await settle(*given)  # type: ignore[arg-type]

        memory.settle = slow  # type: ignore[assignment, method-assign]
        gate.set()
        await entered.wait()
        work.cancel()
        await asyncio.sleep(0)
        work.cancel()
        leave.set()
        with pytest.raises(asyncio.CancelledError):
            await work
    assert states(memory) == [("settled", COST_NUSD)]
    assert memory.steps["a"].text == "hello"


async def test_text_streams_only_where_it_may() -> None:
    for may_stream, expected in ((True, ["he", "llo"]), (False, [])):
        memory = Memory()
        with ScriptedModel([Say("hello", pieces=("he", "llo"))]) as model:
            await step(services(model, memory, may_stream=may_stream))
        assert [event.text for event in memory.events if isinstance(event, TextDelta)] == expected
        assert model.requests[0].stream is may_stream


async def test_nothing_is_tried_again_after_text_was_shown() -> None:
    memory = Memory()
    broken = Fail("truncated", charge=Charge.UNCERTAIN, pieces=("he",))
    with ScriptedModel([broken], fallback={"fast": ("spare",)}) as model:
        record = await step(services(model, memory, may_stream=True))
    assert (record.outcome, record.reason, record.text) == ("failed", "truncated", "he")


async def test_what_was_shown_before_the_time_was_over_is_kept() -> None:
    memory = Memory()
    with ScriptedModel([Fail("timeout", charge=Charge.UNCERTAIN, pieces=("he",))]) as model:
        place = services(model, memory, may_stream=True, run_s=10.0)
        emit = memory.emit

        def late(run_id: str, event: RunEvent) -> None:
            emit(run_id, event)
            memory.now_s += 20 if isinstance(event, TextDelta) else 0

        memory.emit = late  # type: ignore[method-assign]
        record = await step(place)
    assert (record.outcome, record.reason, record.text) == ("failed", "timeout", "he")


async def test_an_answer_with_a_form_never_streams() -> None:
    memory = Memory()
    with ScriptedModel([{"n": 1}]) as model:
        await step(services(model, memory, may_stream=True), agent="form")
    assert model.requests[0].stream is False


# ---------------------------------------------------------------- forms


def test_a_form_may_come_in_a_fence() -> None:
    assert parse('```json\n{"n": 1}\n```', {"type": "object"}) == {"n": 1}


@pytest.mark.parametrize("bad", ["no json", '{"n": "one"}', '{"m": 2}', '{"n": NaN}', "[" * 100_000])
async def test_a_bad_form_is_repaired_once_by_a_second_paid_attempt(bad: str) -> None:
    memory = Memory()
    with ScriptedModel([bad, {"n": 2}]) as model:
        record = await step(services(model, memory), agent="form")
    assert (record.text, record.cost_nusd, record.attempts) == ('{"n": 2}', 2 * COST_NUSD, 2)
    assert model.requests[1].messages[-1].content.startswith("Your answer could not be read.")


async def test_a_form_that_stays_bad_is_a_failure() -> None:
    memory = Memory()
    with ScriptedModel(["no", "still no"]) as model:
        record = await step(services(model, memory), agent="form")
    assert (record.outcome, record.reason, record.cost_nusd) == ("failed", "invalid_output", 2 * COST_NUSD)
    assert memory.steps == {"form": record}


# ---------------------------------------------------------------- pictures and prompts


async def test_pictures_go_only_to_models_that_see() -> None:
    picture = Artifact(name="x.png", media_type="image/png", data_base64="AAAA")
    ctx = CTX.model_copy(update={"artifacts": (picture,)})
    with ScriptedModel(["hello"]) as model:
        place = services(model, Memory())
        await place.runner.step(ctx, place, agent="a", path="a", handoff=EMPTY_HANDOFF)
    assert model.requests[0].messages[1].images == ()
    assert "x.png (image/png):" in user_of(model.requests[0])


def test_a_model_that_sees_nothing_has_its_price_with_pictures_too() -> None:
    class Blind(ScriptedModel):
        def prepare(self, request: ModelRequest) -> PreparedCall:
            if any(message.images for message in request.messages):
                raise Fail("bad_request", retryable=False).error()
            return super().prepare(request)

    place = services(Blind([]), Memory())
    picture = Artifact(name="x.png", media_type="image/png", data_base64="AAAA")
    seen = CTX.model_copy(update={"artifacts": (picture,)})
    assert place.runner.quote(seen, place, agent="a") == place.runner.quote(CTX, place, agent="a")


def test_only_the_runner_and_its_attempts_call_a_model_client() -> None:
    call = re.compile(r"\.(complete|prepare)\(")
    sources = [path for folder in ("bot", "patterns", "storage") for path in (ROOT / folder).rglob("*.py")]
    callers = {str(path.relative_to(ROOT)) for path in sources if call.search(path.read_text("utf-8"))}
    around_the_client = {"bot/runs/model_allowlist.py", "bot/telemetry/watched.py"}
    assert callers == {"patterns/agent.py", "patterns/attempts.py", *around_the_client}


def test_a_quote_bounds_every_call_of_the_step() -> None:
    place = services(ScriptedModel([]), Memory())
    quote = place.runner.quote(CTX, place, agent="a")
    hostile = Handoff(draft='ﷺ\u0001"\\é' * 5000, feedback="🧨" * 5000)
    model = ScriptedModel(["hello"])
    memory = Memory()
    asyncio.run(step(services(model, memory), handoff=hostile))
    (call,) = memory.calls.values()
    assert json.loads(model.prepare(model.requests[0]).body)
    assert call.request.amount_nusd <= quote.once_nusd <= quote.worst_nusd


async def test_a_refused_second_try_still_tells_what_the_first_one_cost() -> None:
    memory = Memory()

    def reply(_: ModelRequest) -> Reply:
        memory.budget_nusd = 1
        return Fail("timeout", charge=Charge.UNCERTAIN)

    with ScriptedModel(reply) as model, pytest.raises(BudgetExceededError) as refused:
        await step(services(model, memory))
    assert refused.value.spent_nusd == memory.settled_nusd > 0


async def test_what_nobody_can_be_sure_of_is_said_to_the_reader() -> None:
    memory = Memory()
    with ScriptedModel([Fail("timeout", charge=Charge.UNCERTAIN), "hello"]) as model:
        result = await run("one", model, memory)
    (lost, _) = memory.calls.values()
    amount = format_usd(lost.actual_nusd)
    expected = f"Nobody can tell whether the provider billed a lost call of a, so {amount} is counted for it."
    assert result.notes == (expected,)


async def test_material_that_is_cut_is_noted() -> None:
    memory = Memory()
    with ScriptedModel(["hello"]) as model:
        await step(services(model, memory), handoff=Handoff(draft="x" * 50_000))
    assert [event.text for event in memory.events if isinstance(event, Noted)] == [
        "a sees long material only in part; the cuts are marked."
    ]


async def test_texts_are_kept_only_where_they_can_be_forgotten() -> None:
    memory = Memory()
    with ScriptedModel(sensible) as model:
        await run("deep", model, memory)
    assert {key for step in memory.steps.values() for key in step.data} == {"agent"}


async def test_an_answer_that_is_no_text_is_stored_with_marks() -> None:
    memory = Memory()
    with ScriptedModel(["half \ud800 and \x00"]) as model:
        record = await step(services(model, memory))
    assert record.text == "half ? and \N{REPLACEMENT CHARACTER}"


def test_a_price_is_worked_out_once_for_each_form_of_an_answer() -> None:
    class Counting(ScriptedModel):
        prepared = 0

        def prepare(self, request: ModelRequest) -> PreparedCall:
            self.prepared += 1
            return super().prepare(request)

    model = Counting([])
    place = services(model, Memory())
    plain = place.runner.quote(CTX, place, agent="a")
    asked = model.prepared
    assert place.runner.quote(CTX, place, agent="a") == plain
    assert model.prepared == asked
    assert place.runner.quote(CTX, place, agent="a", schema={"type": "object"}) != plain
    assert model.prepared > asked
    other = replace(place, roster=place.roster.with_models({}))
    model.prices["fast"] = Price(10**12, 10**12)
    assert other.runner.quote(CTX, other, agent="a") != plain
