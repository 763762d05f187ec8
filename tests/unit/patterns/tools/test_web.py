"""The web search of a model's provider: in the answer's own call, or as a call of its own beside other tools."""

import json
from dataclasses import replace
from typing import Any

from patterns.core.events import Noted, ToolCalled
from patterns.core.money import Usage
from patterns.core.tools import Source, ToolRules
from patterns.core.web_search import WebFindings, WebSearch
from patterns.services import Services
from patterns.tools.sources import offered_tools, sources_of, tool_uses, with_known_links
from patterns.tools.web import search_states
from tests.fakes.memory import Memory
from tests.fakes.model import COST_NUSD, SEARCH_NUSD, USAGE, Fail, Reply, Say, ScriptedModel
from tests.fakes.tools import FakeTools
from tests.support.pattern_runs import CTX
from tests.support.tool_runs import TOOLS, ask_for, place, roster_with, step

SEARCH = "  net: {provider_search: true, searches_max: 2, result_tokens_max: 1000}\n"
ALONE = roster_with("agent a, tools: [net],", TOOLS + SEARCH)
MIXED = roster_with("agent a, tools: [net, shop], turns_max: 4,", TOOLS + SEARCH)
BORN = Source(title="Shannon", url="https://wiki.example/shannon")
OTHER = Source(title="Other", url="https://wiki.example/other")
FOUND = WebFindings(searches=1, queries=("shannon born",), cited=(BORN,), read=(BORN, OTHER))


def found(text: str = "Born in 1916.", searches: int = 1, **changes: Any) -> Say:
    usage = replace(USAGE, searches=searches)
    return Say(text, usage=usage, found=replace(FOUND, searches=searches, **changes))


def alone(*replies: Reply, memory: Memory | None = None, **changes: Any) -> tuple[ScriptedModel, Memory, Services]:
    memory, model = memory or Memory(), ScriptedModel(list(replies))
    return model, memory, place(model, memory, FakeTools(), **{"roster": ALONE, **changes})


async def test_an_agent_with_nothing_else_searches_while_it_answers() -> None:
    model, memory, where = alone(found())
    record = await step(where)
    (request,) = model.requests
    assert (request.search, request.tools) == (WebSearch(2, 1000), ())
    assert (record.text, record.cost_nusd, record.data["searches"]) == ("Born in 1916.", COST_NUSD + SEARCH_NUSD, 1)
    steps = list(memory.steps.values())
    assert sources_of(steps) == (BORN,)
    assert offered_tools(steps)
    (use,) = tool_uses(steps)
    assert (use.tool, json.loads(use.arguments), use.cost_nusd) == (
        "web search",
        {"queries": ["shannon born"]},
        SEARCH_NUSD,
    )


async def test_all_that_may_be_searched_is_held_and_what_was_searched_is_paid() -> None:
    _, memory, where = alone(found(searches=2))
    await step(where)
    (call,) = memory.calls.values()
    assert call.request.amount_nusd > 2 * SEARCH_NUSD
    assert call.request.price_version.endswith(f"*{SEARCH_NUSD}")
    assert (call.state, call.actual_nusd) == ("settled", COST_NUSD + 2 * SEARCH_NUSD)


async def test_an_answer_without_a_bill_counts_in_full() -> None:
    _, memory, where = alone(Say("Born in 1916.", usage=None, found=FOUND))
    record = await step(where)
    (call,) = memory.calls.values()
    assert call.state == "uncertain"
    assert call.actual_nusd == call.request.amount_nusd == record.data["uncertain_nusd"] > 2 * SEARCH_NUSD


async def test_a_finished_search_is_not_paid_again_and_one_that_was_cut_off_is_asked_again() -> None:
    model, memory, where = alone(Fail("truncated", usage=Usage(100, 10, searches=1)), found())
    record = await step(where)
    assert record.cost_nusd == memory.settled_nusd == 2 * (COST_NUSD + SEARCH_NUSD)
    again = replace(where, fence=replace(where.fence, epoch=2))
    assert (await step(again)).text == "Born in 1916."
    assert len(model.requests) == 2


async def test_no_search_is_no_source() -> None:
    _, memory, where = alone("I know that.")
    await step(where)
    steps = list(memory.steps.values())
    assert (offered_tools(steps), sources_of(steps), tool_uses(steps)) == (True, (), ())


async def test_searches_that_fail_are_told_apart_from_sources() -> None:
    _, memory, where = alone(found("I could not.", searches=0, cited=(), read=(), errors=("too_many_requests",)))
    await step(where)
    _, memory, where = alone(found("I could not.", cited=(), read=(), errors=("too_many_requests",)))
    record = await step(where)
    assert record.data["search_errors"] == ["too_many_requests"]
    (use,) = tool_uses(list(memory.steps.values()))
    assert use.is_error
    assert sources_of(list(memory.steps.values())) == ()


async def test_links_that_were_found_stand_and_others_are_text() -> None:
    _, memory, where = alone(found())
    await step(where)
    said = f"See {BORN.url}, {OTHER.url} and https://evil.example/x"
    shown = with_known_links(said, CTX, list(memory.steps.values()))
    assert shown == f"See {BORN.url}, {OTHER.url} and `evil.example/x` (not from a source)"


async def test_it_is_off_where_nobody_has_switched_it_on() -> None:
    model, memory, where = alone("I know that.", rules=ToolRules())
    await step(where)
    assert model.requests[0].search is None
    assert not offered_tools(list(memory.steps.values()))


async def test_a_model_whose_provider_has_none_answers_without_and_says_so() -> None:
    memory, model = Memory(), ScriptedModel(["I know that."], no_search={"fast": "fast has no web search."})
    await step(place(model, memory, FakeTools(), roster=ALONE))
    assert model.requests[0].search is None
    notes = [event.text for event in memory.events if isinstance(event, Noted)]
    assert notes == ["a works without net.search: fast has no web search."]
    assert not offered_tools(list(memory.steps.values()))


async def test_a_fallback_without_a_search_answers_without() -> None:
    failing = [Fail(), Fail(), "I know that."]
    model = ScriptedModel(failing, fallback={"fast": ("spare",)}, no_search={"spare": "none"})
    await step(place(model, Memory(), FakeTools(), roster=ALONE))
    assert [request.search is not None for request in model.requests] == [True, True, False]


async def test_beside_other_tools_it_is_a_call_of_its_own() -> None:
    turns = [ask_for(("net.search", {"query": "shannon born"})), found(), "He was born in 1916."]
    memory, model = Memory(), ScriptedModel(turns)
    record = await step(place(model, memory, FakeTools(), roster=MIXED))
    offer, search, _ = model.requests
    assert "net.search" in [tool.name for tool in offer.tools]
    assert (search.search, search.tools) == (WebSearch(2, 1000), ())
    assert search.messages[1].content == "shannon born"
    assert record.spent_nusd == memory.settled_nusd == 3 * COST_NUSD + SEARCH_NUSD
    kept = memory.steps["a/turn/1/call/1"]
    assert (kept.text, kept.data["tool"], kept.cost_nusd) == ("Born in 1916.", "net.search", COST_NUSD + SEARCH_NUSD)
    assert sources_of(list(memory.steps.values())) == (BORN,)
    called = [event for event in memory.events if isinstance(event, ToolCalled)]
    assert [(event.tool, event.acts) for event in called] == [("net.search", False)]


async def test_a_search_that_fails_beside_other_tools_is_a_result_that_the_agent_reads() -> None:
    turns = [ask_for(("net.search", {"query": "x"})), Fail("overloaded", retryable=False), "I could not look."]
    memory, model = Memory(), ScriptedModel(turns)
    record = await step(place(model, memory, FakeTools(), roster=MIXED))
    assert (record.text, record.outcome) == ("I could not look.", "ok")
    kept = memory.steps["a/turn/1/call/1"]
    assert kept.data["is_error"]
    assert kept.text.startswith("No answer. ")
    assert sources_of(list(memory.steps.values())) == ()


async def test_a_search_beside_other_tools_is_not_made_again_after_a_crash() -> None:
    turns = [ask_for(("net.search", {"query": "x"})), found(), Fail(retryable=False), "Born in 1916."]
    memory, model = Memory(), ScriptedModel(turns)
    where = place(model, memory, FakeTools(), roster=MIXED)
    await step(where)
    del memory.steps["a"]
    memory.epoch = 2
    again = replace(where, fence=replace(where.fence, epoch=2))
    assert (await step(again)).text == "Born in 1916."
    assert len(model.requests) == len(turns)


async def test_a_query_is_bounded_and_must_be_there() -> None:
    calls = [("net.search", {"query": "x" * 2000}), ("net.search", {})]
    memory, model = Memory(), ScriptedModel([ask_for(*calls), "No."])
    await step(place(model, memory, FakeTools(), roster=MIXED))
    assert [memory.steps[f"a/turn/1/call/{n}"].text[:11] for n in (1, 2)] == ["Not called:"] * 2


def test_the_price_before_it_runs_counts_the_searches() -> None:
    def quoted(roster: Any, rules: ToolRules) -> Any:
        where = place(ScriptedModel([]), Memory(), FakeTools(), roster=roster, rules=rules)
        return where.runner.quote(CTX, where, agent="a")

    on, off = ToolRules(enabled=None), ToolRules()
    for roster in (ALONE, MIXED):
        with_search, without = quoted(roster, on), quoted(roster, off)
        assert with_search.worst_nusd >= without.worst_nusd + 2 * SEARCH_NUSD
        assert with_search.typical_nusd > without.typical_nusd
    assert quoted(ALONE, on).once_nusd >= quoted(ALONE, off).once_nusd + 2 * SEARCH_NUSD


def test_each_model_of_a_roster_says_whether_it_can_search() -> None:
    works = list(search_states(ALONE, ScriptedModel([])))
    assert [state.sentence() for state in works] == [
        f"net.search searches at the provider of {ALONE.models['fast'].model} for a, $0.01 a search."
    ]
    off = list(search_states(ALONE, ScriptedModel([], no_search={"fast": "it has none."})))
    assert [state.sentence() for state in off] == ["net.search is off for a: it has none."]
