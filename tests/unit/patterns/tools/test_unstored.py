"""Results that may not be stored: read once, found again after a crash, marked where gone, never in the journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from patterns.core.forms import NOBODY_TO_ASK, FormAnswers
from patterns.core.tools import Source, ToolError, ToolOutput, ToolSchema
from patterns.tools.sources import sources_of
from patterns.tools.unstored import GONE, addresses_in, kept_text, pieces_in, shown_text
from tests.fakes.memory import Memory
from tests.fakes.model import Fail, Reply, ScriptedModel
from tests.support.tool_runs import TOOLS, ask_for, place, roster_with, step

ROSTER = roster_with("agent a, tools: [slack], turns_max: 4,", TOOLS + "  slack: {workspace_search: true}\n")
A, B, C = (f"https://team.slack.example/archives/C1/p{n}" for n in range(3))
SEARCH = ask_for(("slack.search", {"query": "launch"}))


@dataclass
class Slack:
    """A workspace to search; `found` is what stands where."""

    found: dict[str, str] | None
    asked: list[str] = field(default_factory=list)

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        properties = {"query": {"type": "string"}}
        return tuple(ToolSchema(name, "Searches.", {"type": "object", "properties": properties}) for name in names)

    async def call(
        self,
        tool: str,  # noqa: ARG002 - the port
        arguments: Mapping[str, Any],
        *,
        key: str,  # noqa: ARG002 - the port
        timeout_s: float,  # noqa: ARG002 - the port
        asker: str = "",  # noqa: ARG002 - the port
        answers: FormAnswers = NOBODY_TO_ASK,  # noqa: ARG002 - the port
    ) -> ToolOutput:
        self.asked.append(arguments["query"])
        if self.found is None:
            raise ToolError("The key is no longer good.", was_sent=False)
        sources = tuple(Source(title=address, url=address) for address in self.found)
        text = shown_text(self.found, tuple(self.found))
        return ToolOutput(text, sources=sources, bytes_read=len(text), kept=kept_text(tuple(self.found)))


def journalled(memory: Memory) -> str:
    return repr([(record.text, record.data) for record in memory.steps.values()])


def read(model: ScriptedModel) -> str:
    return "\n".join(message.content for message in model.requests[-1].messages if message.role == "tool")


async def run(model: ScriptedModel, memory: Memory, slack: Slack) -> None:
    where = place(model, memory, slack, roster=ROSTER)  # type: ignore[arg-type]
    await step(replace(where, fence=replace(where.fence, epoch=memory.epoch)))


async def test_the_agent_reads_it_and_the_journal_has_where_it_stands() -> None:
    memory, model, slack = Memory(), ScriptedModel([SEARCH, "On Monday."]), Slack({A: "launch PELICAN", B: "more"})
    await run(model, memory, slack)
    assert "launch PELICAN" in read(model)
    assert [message.is_unstored for message in model.requests[-1].messages if message.role == "tool"] == [True]
    assert "PELICAN" not in journalled(memory)
    kept = memory.steps["a/turn/1/call/1"]
    assert kept.text == f"2 found\n{A}\n{B}"
    assert [source.url for source in sources_of(list(memory.steps.values()))] == [A, B]
    assert slack.asked == ["launch"]


async def crashed(slack: Slack, *replies: Reply) -> tuple[Memory, ScriptedModel]:
    """A step whose answer was lost, and the process with it."""
    memory, model = Memory(), ScriptedModel([SEARCH, Fail(retryable=False), *replies])
    await run(model, memory, slack)
    del memory.steps["a"]
    memory.epoch += 1
    return memory, model


async def test_a_resumed_step_asks_again_and_reads_what_is_still_there() -> None:
    slack = Slack({A: "launch PELICAN", B: "more"})
    memory, model = await crashed(slack, "On Monday.")
    slack.found = {C: "brand new", B: "more, edited"}
    await run(model, memory, slack)
    assert f"{A}\n{GONE}" in read(model)
    assert f"{B}\nmore, edited" in read(model)
    assert "PELICAN" not in read(model)
    assert C not in read(model)
    assert slack.asked == ["launch", "launch"]
    assert memory.steps["a"].text == "On Monday."


async def test_a_resumed_step_whose_key_is_no_longer_good_reads_that_it_is_gone() -> None:
    slack = Slack({A: "launch PELICAN"})
    memory, model = await crashed(slack, "I cannot say.")
    slack.found = None
    await run(model, memory, slack)
    assert read(model).count(GONE) == 1
    assert memory.steps["a"].text == "I cannot say."


async def test_a_finished_step_asks_nothing_again() -> None:
    memory, model, slack = Memory(), ScriptedModel([SEARCH, "On Monday."]), Slack({A: "x"})
    await run(model, memory, slack)
    await run(model, memory, slack)
    assert slack.asked == ["launch"]


async def test_nothing_found_is_said_and_needs_no_second_search() -> None:
    slack = Slack({})
    memory, model = await crashed(slack, "Nothing.")
    slack.found = {A: "new"}
    await run(model, memory, slack)
    assert "Nothing was found." in read(model)
    assert slack.asked == ["launch"]


async def test_a_run_that_searched_has_read_something_private() -> None:
    memory, model = Memory(), ScriptedModel([SEARCH, "On Monday."])
    await run(model, memory, Slack({A: "x"}))
    assert any("private" in path for path in memory.steps)


def test_what_is_shown_can_be_taken_apart_again() -> None:
    found = {A: "one", B: "two http://x"}
    assert pieces_in(shown_text(found, (A, B))) == found
    assert addresses_in(kept_text((A, B))) == (A, B)
    assert replace(ToolOutput("x"), kept="y").kept == "y"
