"""Every way a call of a tool can go wrong, by every way to a model: the step ends plainly, and the money is right.

The server is a real process that speaks MCP (tests/fakes/moody_tools.py), the model real HTTP, the loop ours.
"""

import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from patterns.agent import AgentRunner
from patterns.core.errors import ParkedError
from patterns.core.holds import Fence, Payer
from patterns.core.questions import Decision
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.core.tools import ToolCall, ToolRules
from patterns.models.client import LiteLLMClient
from patterns.models.sdk import litellm_sdk
from patterns.roster.roster import load_roster
from patterns.services import Services, open_services
from patterns.tools.growth import REFUSED_MAX
from patterns.tools.mcp import connection
from patterns.tools.mcp.servers import ToolServers
from tests.fakes.memory import Memory
from tests.fakes.model import asks
from tests.fakes.moody_tools import TOOLS
from tests.fakes.provider import Call, Provider, Reply, ShapeName
from tests.integration.test_model_faults import MODELS
from tests.support.pattern_runs import PROMPTS, ROSTER
from tests.support.shells import PROJECT
from tests.support.tool_runs import step

WAYS: dict[str, tuple[str, ShapeName]] = {
    **{shape: (model, shape) for shape, model in MODELS.items()},
    "acompletion": ("deepseek/deepseek-chat", "openai"),
}
ACTS = ("act", "act_and_die", "act_and_hang", "lie")
CALLS_MAX, TURNS_MAX = 10, 5
PRICE_NUSD = 2_000_000
SERVER = f"""
tools:
  moody:
    mcp: {{command: [{sys.executable}, {PROJECT / "tests" / "fakes" / "moody_tools.py"}, FILE]}}
    allow: [{", ".join(TOOLS)}]
    read_only: [{", ".join(name for name in TOOLS if name not in ACTS)}]
    price_usd: {{{", ".join(f"{name}: 0.002" for name in TOOLS)}}}
    timeout_s: 1
    output_bytes_max: 1000
"""
ANSWER = "That is all."


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Load litellm before a call's time begins to run."""
    litellm_sdk()


@dataclass
class Bench:
    """One agent, its model, its server, and what they have done."""

    memory: Memory
    services: Services
    provider: Provider
    file: Path

    @property
    def did(self) -> list[str]:
        return [line.strip() for line in self.file.read_text().splitlines()] if self.file.exists() else []

    @property
    def told(self) -> tuple[str, ...]:
        """What the model was told of its calls at last."""
        return self.provider.calls[-1].results

    @property
    def tool_money(self) -> list[tuple[str, int]]:
        calls = [one for one in self.memory.calls.values() if getattr(one.request, "tool", None)]
        return [(one.state, one.actual_nusd) for one in calls]

    async def step(self) -> StepRecord:
        record = await step(self.services)
        assert self.memory.held_nusd == 0
        return record

    async def asked(self) -> str:
        """Run until a person has to say something; returns where."""
        with pytest.raises(ParkedError) as parked:
            await step(self.services)
        (path,) = parked.value.paths
        self.memory.crash()
        self.services = replace(self.services, fence=replace(self.services.fence, epoch=self.memory.epoch))
        return path


Script = Callable[[Call], Reply]


def first(*calls: tuple[str, Any], then: str = ANSWER) -> Script:
    """A model that asks for calls once, and answers when it has their results."""
    made = asks(*((f"moody.{name}", given) for name, given in calls)).calls
    return lambda call: Reply(then) if call.results else Reply(calls=made)


@asynccontextmanager
async def bench(way: str, folder: Path, script: Script, timeout_s: int = 1) -> AsyncIterator[Bench]:
    model, shape = WAYS[way]
    async with Provider(script) as provider:
        file = folder / "did"
        text = ROSTER.replace("openai/fast,", f"{model}, api_base: '{provider.api_base(shape)}', api_key_env: K,")
        agent = f"agent a, tools: [moody], turns_max: {TURNS_MAX}, tool_calls_max: {CALLS_MAX},"
        text = text.replace("agent a,", agent) + SERVER.replace("FILE", str(file)).replace(
            "timeout_s: 1", f"timeout_s: {timeout_s}"
        )
        roster = load_roster(text, file="roster.yml", env={"K": "k"}, prompts=PROMPTS)
        servers, memory = ToolServers({}, folder), Memory()
        try:
            async with LiteLLMClient({"fast": roster.models["fast"]}, {"K": "k"}) as client:
                services = open_services(
                    runner=AgentRunner(client), ledger=memory, journal=memory, decisions=memory, events=memory,
                    clock=memory, roster=roster, payer=Payer("T1", "C1", "channel", "U1"),
                    fence=Fence("run1", memory.epoch),
                )  # fmt: skip
                toolbox = servers.toolbox(roster.servers)
                yield Bench(
                    memory, replace(services, toolbox=toolbox, tool_rules=ToolRules(enabled=None)), provider, file
                )
        finally:
            await servers.close()


each_way = pytest.mark.parametrize("way", list(WAYS))


@each_way
@pytest.mark.parametrize(
    ("calls", "told"),
    [
        ([("look", '{"q": ')], "Not called: the arguments"),
        ([("look", '["q"]')], "Not called: the arguments must be a JSON object."),
        ([("look", {"q": 7})], "the argument 'q' must be text, and is 7."),
        ([("look", {"q": "x" * 20_000})], "its arguments are too long"),
        ([("loook", {"q": "tea"})], "Did you mean moody.look?"),
        ([("rm -rf /", {})], "There is no tool"),
    ],
)
async def test_a_call_that_cannot_be_made_is_answered_and_costs_nothing(
    way: str, calls: list[tuple[str, Any]], told: str, tmp_path: Path
) -> None:
    async with bench(way, tmp_path, first(*calls)) as one:
        record = await one.step()
        assert (record.outcome, record.text) == ("ok", ANSWER)
        assert told in one.told[0]
        assert (one.did, one.tool_money) == ([], [])


@each_way
async def test_forty_calls_at_once_are_made_up_to_their_bound(way: str, tmp_path: Path) -> None:
    calls = [("look", {"q": str(number)}) for number in range(40)]
    async with bench(way, tmp_path, first(*calls)) as one:
        record = await one.step()
        assert record.text == ANSWER
        assert len(one.did) == CALLS_MAX
        assert len(one.told) == CALLS_MAX + REFUSED_MAX
        assert sum("there are no calls left" in text for text in one.told) == REFUSED_MAX
        assert one.tool_money == [("settled", PRICE_NUSD)] * CALLS_MAX


@each_way
@pytest.mark.parametrize("same", [True, False])
async def test_a_model_that_never_stops_asking_is_brought_to_an_answer(way: str, *, same: bool, tmp_path: Path) -> None:
    def endless(call: Call) -> Reply:
        if not call.tools:
            return Reply(ANSWER)
        number = len(call.results)
        given = {"q": "again" if same else str(number)}
        return Reply(calls=[replace_id(asks(("moody.look", given)).calls[0], number)])

    async with bench(way, tmp_path, endless) as one:
        record = await one.step()
        assert record.text == ANSWER
        assert len(one.provider.calls) == TURNS_MAX
        assert len(one.did) == (3 if same else TURNS_MAX - 1)


@each_way
async def test_ten_megabytes_are_not_read(way: str, tmp_path: Path) -> None:
    async with bench(way, tmp_path, first(("big", {})), timeout_s=60) as one:
        record = await one.step()
        assert record.text == ANSWER
        assert len(json.dumps(one.provider.calls[-1].body)) < 20_000
        assert "No answer: Its answer is longer than 4,000,000 bytes, and was not read." in one.told[0]
        assert one.tool_money == [("uncertain", PRICE_NUSD)]


@each_way
@pytest.mark.parametrize(
    ("tool", "told", "money"),
    [
        ("die", "The connection broke off before it answered.", ("uncertain", PRICE_NUSD)),
        ("half", "The connection broke off before it answered.", ("uncertain", PRICE_NUSD)),
        ("hang", "It did not answer within 1 seconds.", ("uncertain", PRICE_NUSD)),
        ("stranger", "It did not answer within 1 seconds.", ("uncertain", PRICE_NUSD)),
        ("strange", "Its answer could not be read", ("uncertain", PRICE_NUSD)),
        ("refuse", "The tool refused: q is wrong", ("settled", PRICE_NUSD)),
        ("noise", "noise says tea", ("settled", PRICE_NUSD)),
        ("nothing", "(no content)", ("settled", PRICE_NUSD)),
        ("control", "b <!channel> end", ("settled", PRICE_NUSD)),
        ("surrogate", "It did not answer within 1 seconds.", ("uncertain", PRICE_NUSD)),
    ],
)
async def test_a_lookup_that_fails_is_told_and_paid_as_far_as_anybody_knows(
    way: str, tool: str, told: str, money: tuple[str, int], tmp_path: Path
) -> None:
    async with bench(way, tmp_path, first((tool, {"q": "tea"}))) as one:
        record = await one.step()
        assert record.text == ANSWER
        assert told in one.told[0]
        assert one.tool_money == [money]
        assert len(one.did) == 1


@each_way
@pytest.mark.parametrize("tool", ["act_and_die", "act_and_hang"])
async def test_what_acted_without_an_answer_is_asked_about_and_never_repeated(
    way: str, tool: str, tmp_path: Path
) -> None:
    async with bench(way, tmp_path, first((tool, {"q": "tea"}))) as one:
        one.memory.answers[await one.asked()] = Decision(verdict="approve", user="U1")
        assert one.did == []
        outcome = await one.asked()
        assert outcome == "a/turn/1/call/1/outcome"
        one.memory.answers[outcome] = Decision(verdict="done", user="U1")
        record = await one.step()
        assert record.text == ANSWER
        assert "A person has looked and says that this was done." in one.told[0]
        assert one.did == [f"{tool} tea"]
        assert one.tool_money == [("uncertain", PRICE_NUSD)]


@each_way
async def test_what_a_server_claims_about_itself_counts_for_nothing(way: str, tmp_path: Path) -> None:
    async with bench(way, tmp_path, first(("lie", {"q": "tea"}))) as one:
        path = await one.asked()
        assert one.did == []
        one.memory.answers[path] = Decision(verdict="deny", user="U1")
        record = await one.step()
        assert (record.text, one.did, one.tool_money) == (ANSWER, [], [])


@each_way
async def test_a_server_that_describes_its_tools_otherwise_in_the_middle_ends_the_step(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "FRESH_S", 0.0)

    def twice(call: Call) -> Reply:
        name = "moody.look" if call.results else "moody.change"
        return Reply(calls=[replace_id(asks((name, {"q": "tea"})).calls[0], len(call.results))])

    async with bench(way, tmp_path, twice) as one:
        record = await one.step()
        assert (record.outcome, record.reason) == ("failed", Reason.TOOLS_CHANGED)
        assert one.did == ["change tea"]
        assert one.tool_money == [("settled", PRICE_NUSD)]


def replace_id(call: ToolCall, number: int) -> ToolCall:
    """The same call of a later turn."""
    return call.model_copy(update={"id": f"call_{number}"})
