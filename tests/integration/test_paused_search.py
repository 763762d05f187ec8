"""Searches that Anthropic pauses, over real HTTP: continued in the same step, held, bounded, and paid once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from patterns.core.errors import CircuitOpenError
from patterns.core.events import StopReason
from patterns.core.holds import Hold, HoldRequest
from patterns.core.reasons import Reason
from patterns.core.tools import ToolCall
from patterns.handoff import EMPTY_HANDOFF
from patterns.models.client import LiteLLMClient
from patterns.models.sdk import litellm_sdk
from patterns.pattern import PAUSED, run_agent
from patterns.services import Services
from patterns.tools.paused import PAUSES_MAX
from patterns.tools.sources import sources_of
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.fakes.provider import Call, Reply
from tests.fakes.tools import FakeTools
from tests.integration.test_web_search import PAGE, SEARCH_NUSD, found, played, roster
from tests.support.pattern_runs import CTX
from tests.support.tool_runs import EVERYTHING, place


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Load litellm before a call's time begins to run."""
    litellm_sdk()


def kept_in(memory: Memory) -> Services:
    """A place where the step is journalled already, so that nothing is asked."""
    return place(ScriptedModel([]), memory, FakeTools(), roster=roster("agent a, tools: [web],"), rules=EVERYTHING)


@pytest.mark.parametrize("streams", [True, False])
async def test_a_search_that_its_provider_pauses_goes_on_in_the_same_step(*, streams: bool) -> None:
    other = ("Bell", "https://wiki.example/bell")
    replies = [
        replace(found("He was born", "a", "b"), finish="paused"),
        replace(found("in 1916.", "c"), pages=[other]),
    ]
    memory, provider = await played(
        "anthropic", lambda call: replies[call.number - 1], "agent a, tools: [web],", streams=streams
    )
    record = memory.steps["a"]
    assert (record.text, record.finish_reason, record.attempts) == ("He was born\n\nin 1916.", "stop", 2)
    assert record.cost_nusd == memory.settled_nusd == 2 * 120_000 + 3 * SEARCH_NUSD["anthropic"]
    assert (record.data["searches"], memory.held_nusd) == (3, 0)
    assert [one.url for one in sources_of(list(memory.steps.values()))] == [PAGE[1], other[1]]
    assert [one.state for one in memory.calls.values()] == ["settled", "settled"]
    assert [call.searches_max for call in provider.calls] == [3, 1]
    first, second = provider.calls
    assert second.body["messages"][:-1] == first.body["messages"]
    back = second.body["messages"][-1]
    assert (back["role"], [block["type"] for block in back["content"]]) == (
        "assistant", ["server_tool_use", "web_search_tool_result", "server_tool_use", "web_search_tool_result", "text"],
    )  # fmt: skip
    assert [block["input"] for block in back["content"] if "input" in block] == [{"query": "a"}, {"query": "b"}]
    assert back["content"][-1]["text"] == "He was born"
    assert back["content"][-1]["citations"][0]["url"] == PAGE[1]


async def test_a_search_that_is_paused_again_and_again_ends_with_what_was_said_and_bounded() -> None:
    paused = replace(found("More."), finish="paused")
    memory, provider = await played("anthropic", lambda _: paused, "agent a, tools: [web],", streams=False)
    record = memory.steps["a"]
    assert 1 < len(provider.calls) <= 1 + PAUSES_MAX
    assert (record.text, record.finish_reason) == ("\n\n".join(["More."] * len(provider.calls)), "paused")
    assert record.cost_nusd == memory.settled_nusd == len(provider.calls) * (120_000 + SEARCH_NUSD["anthropic"])
    last = provider.calls[-1].body["messages"]
    assert [one["role"] for one in last] == ["user", "assistant"]
    assert len(last[-1]["content"]) == 3 * (len(provider.calls) - 1)
    outcome = await run_agent(CTX, kept_in(memory), agent="a", handoff=EMPTY_HANDOFF)
    assert (outcome.result.stop_reason, outcome.result.notes) == (StopReason.PARTIAL, (PAUSED.format(agent="a"),))


@pytest.mark.parametrize(
    ("parts", "asked", "said"),
    [
        ([1, 1, 1, 0], [4, 3, 2, 1], "stop"),
        ([2, 0, 1, 0], [4, 2, 2, 1], "stop"),
        ([1, 1, 1, 1], [4, 3, 2, 1], "paused"),
        ([4, 1], [4], "paused"),
    ],
)
async def test_all_parts_of_a_paused_search_have_the_searches_of_one(
    parts: list[int], asked: list[int], said: str
) -> None:
    def script(call: Call) -> Reply:
        made = replace(found("Part."), searches=tuple("abcd"[: parts[call.number - 1]]), input_tokens=1)
        return made if call.number == 4 and said == "stop" else replace(made, finish="paused")

    memory, provider = await played("anthropic", script, "agent a, tools: [web],", streams=False, searches_max=4)
    assert [call.searches_max for call in provider.calls] == asked
    record = memory.steps["a"]
    assert (record.data["searches"], record.finish_reason) == (sum(parts[: len(asked)]), said)
    assert all(one.actual_nusd <= one.request.amount_nusd for one in memory.calls.values())
    assert (memory.held_nusd, record.cost_nusd) == (0, memory.settled_nusd)


async def test_what_cannot_be_held_is_not_gone_on_with() -> None:
    paused = replace(found("He was born", "a", "b"), finish="paused", pages=[("x" * 5_000, PAGE[1])] * 40)
    memory, provider = await played("anthropic", lambda _: paused, "agent a, tools: [web],", streams=False)
    record = memory.steps["a"]
    assert (len(provider.calls), record.text, record.finish_reason) == (1, "He was born", "paused")
    assert (memory.held_nusd, record.cost_nusd) == (0, memory.settled_nusd)


async def test_a_search_that_breaks_off_after_a_pause_is_not_begun_anew() -> None:
    replies = [replace(found("He was born"), finish="paused"), replace(found(), fault="truncate", chunks=4)]
    memory, provider = await played(
        "anthropic", lambda call: replies[call.number - 1], "agent a, tools: [web],", streams=False
    )
    record = memory.steps["a"]
    assert (len(provider.calls), record.outcome, record.reason) == (2, "failed", Reason.TRUNCATED)
    assert [one.state for one in memory.calls.values()] == ["settled", "uncertain"]
    assert (memory.held_nusd, record.cost_nusd) == (0, memory.settled_nusd)


@pytest.mark.parametrize("stopped_by", [asyncio.CancelledError, CircuitOpenError])
async def test_a_paused_search_is_paid_once_where_nothing_can_go_on(
    monkeypatch: pytest.MonkeyPatch, stopped_by: type[BaseException]
) -> None:
    holds = Memory.hold
    seen: list[HoldRequest] = []

    async def hold(self: Memory, request: HoldRequest) -> Hold:
        seen.append(request)
        if len(seen) > 1:
            raise asyncio.CancelledError
        return await holds(self, request)

    class Open:
        @contextmanager
        def passage(self, model: str) -> Iterator[None]:
            if seen:
                raise CircuitOpenError(model, since="12:00", retry_after_s=1)
            yield

    memory = Memory()
    monkeypatch.setattr(Memory, "hold", hold)
    if stopped_by is CircuitOpenError:
        monkeypatch.setattr(LiteLLMClient, "circuit", lambda *_: Open())
    script = replace(found("He was born", "a", "b"), finish="paused")
    with suppress(asyncio.CancelledError):
        await played("anthropic", lambda _: script, "agent a, tools: [web],", streams=False, memory=memory)
    (paid,) = memory.calls.values()
    assert (paid.state, paid.actual_nusd) == ("settled", 120_000 + 2 * SEARCH_NUSD["anthropic"])
    assert ("a" in memory.steps) == (stopped_by is CircuitOpenError)


async def test_beside_other_tools_a_paused_search_goes_on_as_well() -> None:
    asking = ToolCall(id="c1", name="web.search", arguments='{"query": "shannon born"}')
    searches = [replace(found("He was born"), finish="paused"), found("in 1916.")]

    def script(call: Call) -> Reply:
        if call.searches_max:
            return searches.pop(0)
        return Reply("In 1916.") if call.results else Reply("", calls=[asking])

    memory, _ = await played("anthropic", script, "agent a, tools: [web, clock],", streams=True)
    assert memory.steps["a/turn/1/call/1"].text == "He was born\n\nin 1916."
    assert memory.steps["a"].spent_nusd == memory.settled_nusd
    assert memory.held_nusd == 0


async def test_a_search_that_is_paused_before_a_word_is_not_asked_again() -> None:
    paused = replace(found(""), finish="paused", pages=[("x" * 5_000, PAGE[1])] * 40)
    memory, provider = await played("anthropic", lambda _: paused, "agent a, tools: [web],", streams=False)
    record = memory.steps["a"]
    assert (len(provider.calls), record.outcome, record.reason) == (1, "failed", Reason.LONG_SEARCH)
    assert record.cost_nusd == memory.settled_nusd > 0
