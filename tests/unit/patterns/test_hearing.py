"""What of a reply counts as its answer, in whole replies and in streams, and what a stopped loop costs."""

import asyncio

from patterns.core.calls import Completion, Message, ModelRequest, PreparedCall
from patterns.core.events import StepRetried, TextDelta, TextWithdrawn
from patterns.core.money import Usage
from patterns.core.ports import OnText
from patterns.core.step_record import StepRecord
from patterns.core.tools import ToolCall, ToolSchema
from patterns.handoff import EMPTY_HANDOFF
from patterns.hearing import Hearing
from patterns.services import Services
from tests.fakes.memory import Memory
from tests.fakes.model import COST_NUSD, Fail, Say, ScriptedModel
from tests.support.pattern_runs import CTX, run, services

LOOP = "The task: The team has to decide. "


async def step(place: Services, *, agent: str = "a") -> StepRecord:
    return await place.runner.step(CTX, place, agent=agent, path=agent, handoff=EMPTY_HANDOFF)


def seen(memory: Memory) -> str:
    """What somebody sees in the end who follows the stream."""
    shown = ""
    for event in memory.events:
        if isinstance(event, TextWithdrawn):
            shown = ""
        elif isinstance(event, TextDelta):
            shown += event.text
    return shown


async def test_thinking_reaches_neither_the_journal_nor_the_stream() -> None:
    memory = Memory()
    text = "<think>\nsecret\n</think>\n\nThe answer."
    with ScriptedModel([Say(text, pieces=tuple(text))]) as model:
        record = await step(services(model, memory, may_stream=True))
    assert (record.text, seen(memory)) == ("The answer.", "The answer.")
    assert [type(event) for event in memory.events if isinstance(event, TextWithdrawn)] == []


async def test_thinking_that_only_its_end_gives_away_is_withdrawn_from_the_stream() -> None:
    memory = Memory()
    text = "They ask for a name.\n</think>\n\nAda."
    with ScriptedModel([Say(text, pieces=tuple(text))]) as model:
        record = await step(services(model, memory, may_stream=True))
    assert (record.text, seen(memory)) == ("Ada.", "Ada.")


async def test_a_stream_that_broke_off_in_its_thinking_is_tried_again() -> None:
    memory = Memory()
    with ScriptedModel([Fail("truncated", pieces=("<think>well", " well")), "hello"]) as model:
        record = await step(services(model, memory, may_stream=True))
    assert (record.text, record.attempts) == ("hello", 2)


async def test_a_reply_without_anything_to_see_is_an_empty_answer() -> None:
    for nothing in ("<think>only this</think>", "```\n```", "##\n\n#", "\u200b\u2060", "\U000e0041\U000e0042"):
        memory = Memory()
        with ScriptedModel([nothing, "hello"]) as model:
            record = await step(services(model, memory))
        assert (record.text, record.attempts) == ("hello", 2)
        assert [event.reason for event in memory.events if isinstance(event, StepRetried)] == ["empty"]


async def test_the_next_agent_does_not_see_the_thinking_of_the_one_before() -> None:
    with ScriptedModel(["<think>secret</think>draft", "more", "done"]) as model:
        result = await run("chain", model, Memory())
    assert result.output == "done"
    assert ["secret" in message.content for message in model.requests[1].messages] == [False, False]


async def test_a_loop_in_a_whole_reply_is_kept_once_and_labelled() -> None:
    with ScriptedModel(["Intro. " + LOOP * 40]) as model:
        result = await run("one", model, Memory())
    assert (result.output.strip(), result.stop_reason.value, result.cost_nusd) == (
        "Intro. " + LOOP.strip(),
        "partial",
        COST_NUSD,
    )
    assert result.notes == (
        "The model of a began to repeat itself, so it was stopped; its text ends where the repetition began.",
    )


class Endless(ScriptedModel):
    """Says the same for ever, until somebody hangs up."""

    said = 0

    def __init__(self, told: Usage | None = None) -> None:
        super().__init__([])
        self.told = told
        self.begun = asyncio.Event()

    async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
        self.requests.append(call.request)
        assert on_text is not None
        try:
            while True:
                self.said += 1
                self.begun.set()
                on_text(LOOP)
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            raise asyncio.CancelledError(*[self.told] if self.told else []) from None


async def test_a_stream_in_a_loop_is_hung_up_on_and_what_was_used_is_settled() -> None:
    memory, model = Memory(), Endless()
    record = await step(services(model, memory, may_stream=True))
    assert (record.outcome, record.text.strip(), record.finish_reason) == ("ok", LOOP.strip(), "repetition")
    assert model.said < 20
    [call] = memory.calls.values()
    assert call.state == "settled"
    assert 0 < call.actual_nusd <= call.request.amount_nusd


async def test_the_bill_of_a_stopped_loop_is_the_told_one_where_it_is_told() -> None:
    memory, told = Memory(), Usage(input_tokens=7, output_tokens=5)
    model = Endless(told)
    await step(services(model, memory, may_stream=True))
    [call] = memory.calls.values()
    assert call.actual_nusd == model.price("fast").cost_nusd(told)


async def test_a_person_who_stops_a_run_is_not_taken_for_a_loop() -> None:
    memory, model = Memory(), Endless()
    work = asyncio.create_task(step(services(model, memory, may_stream=True)))
    await model.begun.wait()
    work.cancel()
    await asyncio.wait([work])
    assert work.cancelled() is True


async def test_text_beside_calls_is_cleaned_and_the_calls_stand() -> None:
    call = ToolCall(id="c", name="time.now", arguments="{}")
    request = ModelRequest("m", (Message("user", "Hi"),), 10, tools=(ToolSchema("time.now", "", {}),))

    async def heard(text: str) -> Completion:
        with ScriptedModel([Say(text, calls=(call,), thinking="t")]) as model:
            hearing = Hearing(tell=lambda _: None, withdraw=lambda: None)
            return await hearing.hear(model.complete, model.prepare(request))

    plain = await heard("<think>secret</think>Let me look.")
    assert (plain.text, plain.finish_reason, plain.calls, plain.thinking) == ("Let me look.", "tools", (call,), "t")
    loop = await heard(LOOP * 200)
    assert (len(loop.text) < len(LOOP) * 200, loop.finish_reason, loop.calls) == (True, "tools", (call,))
