"""Many tools: an agent searches them, what it finds is offered, and a turn costs no more than a bound."""

from dataclasses import replace
from typing import Any

import pytest

from patterns.core.errors import ParkedError
from patterns.core.events import Noted
from patterns.core.holds import HoldRequest
from patterns.core.questions import Decision
from patterns.core.tools import ToolRules
from patterns.roster.roster import Roster, load_roster
from patterns.tools.search import FEW, FOUND_MAX, SCHEMAS_BYTES_MAX, TOOLS_MAX
from patterns.tools.toolbox import schema_bytes
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.fakes.tools import FakeTools
from tests.support.pattern_runs import CTX, PROMPTS, ROSTER
from tests.support.tool_runs import EVERYTHING, ask_for, place, step

TOPICS = ("order", "ticket", "invoice", "parcel", "calendar", "room", "contract", "customer", "branch", "release")
VERBS = ("create", "find", "close", "move", "rename", "print", "share", "copy", "count", "archive")
NAMES = [f"{verb}_{topic}{half}" for topic in TOPICS for verb in VERBS for half in ("", "_draft")]


def many(count: int = 200, **entry: Any) -> str:
    """As many tools as wanted, a hundred of them with each server."""
    more = "".join(f", {key}: {value}" for key, value in entry.items())
    servers = []
    for server, names in zip(("office", "depot"), (NAMES[: min(count, 100)], NAMES[100:count]), strict=True):
        reads = ", ".join(name for name in names if name.startswith(("find", "count")))
        allow = ", ".join(names)
        servers += [f"  {server}: {{mcp: {{command: [x]}}, allow: [{allow}], read_only: [{reads}]{more}}}"] * bool(
            names
        )
    return "\ntools:\n" + "\n".join(servers) + "\n"


def office(agent: str, tools: str) -> Roster:
    return load_roster(ROSTER.replace("agent a,", agent) + tools, file="roster.yml", env={}, prompts=PROMPTS)


AGENT = "agent a, tools: [office, depot, clock], turns_max: 5, tool_calls_max: 8,"
LARGE = office(AGENT, many())


def where(model: ScriptedModel, memory: Memory, tools: FakeTools, *, rules: ToolRules = EVERYTHING) -> Any:
    return place(model, memory, tools, roster=LARGE, rules=rules)


def offered(model: ScriptedModel) -> list[list[str]]:
    return [[tool.name for tool in request.tools] for request in model.requests]


def found_by(words: str) -> tuple[str, dict[str, str]]:
    return ("find_tools", {"query": words})


async def test_an_agent_with_two_hundred_tools_finds_one_and_uses_it() -> None:
    memory, tools = Memory(), FakeTools({"office.find_invoice": "Invoice 7 is paid."})
    with ScriptedModel(
        [ask_for(found_by("find an invoice")), ask_for(("office.find_invoice", {"q": "7"})), "Paid."]
    ) as m:
        record = await step(where(m, memory, tools))
    assert (record.text, tools.did) == ("Paid.", [("office.find_invoice", {"q": "7"})])
    first, second, third = offered(m)
    assert first == ["find_tools"]
    assert second[0] == "find_tools"
    assert second[1:] == third[1:]
    assert second[1] == "office.find_invoice"
    assert len(second) <= 1 + FEW
    told = next(message.content for message in m.requests[1].messages if message.role == "tool")
    assert "office.find_invoice(q, n): Does office.find_invoice." in told


async def test_what_was_found_acts_only_with_an_approval() -> None:
    memory, tools = Memory(), FakeTools()
    script = [ask_for(found_by("close a ticket")), ask_for(("office.close_ticket", {"q": "7"})), "Closed."]
    with ScriptedModel(script) as model:
        with pytest.raises(ParkedError) as parked:
            await step(where(model, memory, tools))
        assert tools.did == []
        memory.answers[parked.value.paths[0]] = Decision(verdict="approve", user="U2")
        memory.crash()
        await step(where(model, memory, tools))
    assert tools.did == [("office.close_ticket", {"q": "7"})]
    assert offered(model)[-1] == offered(model)[-2]


async def test_only_tools_that_are_on_are_found() -> None:
    memory, tools = Memory(), FakeTools()
    on = frozenset(f"{one}.{name}" for one in ("office", "depot") for name in NAMES if "invoice" not in name)
    with ScriptedModel([ask_for(found_by("find an invoice")), "None."]) as model:
        await step(where(model, memory, tools, rules=replace(EVERYTHING, enabled=on)))
    assert not [name for name in offered(model)[1] if "invoice" in name]


async def test_a_tool_that_was_not_found_yet_is_not_called() -> None:
    tools = FakeTools()
    with ScriptedModel([ask_for(("office.find_invoice", {"q": "7"})), "No."]) as model:
        await step(where(model, Memory(), tools))
    assert tools.did == []
    told = next(message.content for message in model.requests[1].messages if message.role == "tool")
    assert "find_tools" in told


async def test_a_search_that_finds_nothing_says_so() -> None:
    with ScriptedModel([ask_for(found_by("weather")), "No."]) as model:
        await step(where(model, Memory(), FakeTools()))
    assert offered(model) == [["find_tools"], ["find_tools"]]
    told = next(message.content for message in model.requests[1].messages if message.role == "tool")
    assert "Nothing fits." in told


async def test_of_what_many_searches_find_the_latest_stays() -> None:
    searches = [
        ask_for(*(found_by(f"{verb} {topic}") for topic in TOPICS[at : at + 2]))
        for at, verb in ((0, "find"), (2, "print"), (4, "copy"))
    ]
    with ScriptedModel([*searches, "Done."]) as model:
        await step(where(model, Memory(), FakeTools()))
    sizes = [len(names) for names in offered(model)]
    assert sizes[0] == 1
    assert max(sizes) <= 1 + FOUND_MAX
    assert "depot.copy_room" in offered(model)[3]


async def test_a_few_long_descriptions_are_searched_too() -> None:
    few = office("agent a, tools: [office], turns_max: 4,", many(10, schema_bytes_max=9000))
    long = {f"office.{name}": f"Does {name}. " + "x" * 3000 for name in NAMES[:10]}
    with ScriptedModel([ask_for(found_by("rename an order")), "Done."]) as model:
        await step(place(model, Memory(), FakeTools(described=long), roster=few))
    assert offered(model)[0] == ["find_tools"]
    assert "office.rename_order" in offered(model)[1]
    taken = [
        sum(schema_bytes(tool.description, tool.parameters) for tool in request.tools) for request in model.requests
    ]
    assert max(taken) <= SCHEMAS_BYTES_MAX


async def test_a_tool_that_is_longer_than_a_turn_may_be_is_left_out_and_named() -> None:
    few = office("agent a, tools: [office], turns_max: 4,", many(4, schema_bytes_max=30000))
    memory, long = Memory(), {"office.create_order": "Does it. " + "x" * 25_000}
    with ScriptedModel([ask_for(found_by("create order")), "Done."]) as model:
        await step(place(model, memory, FakeTools(described=long), roster=few))
    assert "office.create_order" not in offered(model)[1]
    notes = [event.text for event in memory.events if isinstance(event, Noted)]
    assert any("works without office.create_order: it is described in 25," in note for note in notes)


async def test_as_many_tools_as_fit_are_offered_without_a_search() -> None:
    few = office("agent a, tools: [office],", many(TOOLS_MAX))
    with ScriptedModel(["Done."]) as model:
        await step(place(model, Memory(), FakeTools(), roster=few))
    assert len(offered(model)[0]) == TOOLS_MAX


def test_the_price_does_not_grow_with_the_tools() -> None:
    def worst(count: int) -> int:
        named = "office, depot" if count > 100 else "office"
        roster = office(f"agent a, tools: [{named}], turns_max: 5, tool_calls_max: 8,", many(count))
        there = place(ScriptedModel([]), Memory(), FakeTools(), roster=roster)
        return int(there.runner.quote(CTX, there, agent="a").worst_nusd)

    assert worst(10) <= worst(50) <= worst(200) < worst(50) * 1.01  # names are longer or shorter


async def test_nothing_costs_more_than_the_quote_said() -> None:
    described = {f"office.{name}": f"Does {name}. " + "x" * 1900 for name in NAMES}
    memory = Memory()
    turns = [ask_for(*(found_by(f"{verb} {topic}") for topic in TOPICS[:2])) for verb in VERBS[:4]]
    with ScriptedModel([*turns, "Done."]) as model:
        there = where(model, memory, FakeTools(described=described))
        quote = there.runner.quote(CTX, there, agent="a")
        await step(there)
    held = [call.request.amount_nusd for call in memory.calls.values() if isinstance(call.request, HoldRequest)]
    assert len(held) == 5 + 8
    assert sum(held) <= quote.worst_nusd


async def test_the_journal_keeps_what_was_found_and_not_every_description() -> None:
    memory = Memory()
    with ScriptedModel([ask_for(found_by("find an invoice")), "Done."]) as model:
        await step(where(model, memory, FakeTools()))
    assert [name for name, _, _ in memory.steps["a/tools"].data["tools"]] == ["find_tools"]
    found = memory.steps["a/turn/1/call/1"].data["found"]
    assert [name for name, _, _ in found] == offered(model)[1][1:]
