"""Searches of the web at doubles of three providers, over real HTTP: whole, streamed, beside other tools, killed."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.demo.process import free_port
from bot.people.channel_rules import ChannelRules, StoredRules
from patterns.core.money import Price
from patterns.core.tools import ToolCall
from patterns.handoff import EMPTY_HANDOFF
from patterns.models.client import LiteLLMClient
from patterns.models.sdk import litellm_sdk
from patterns.roster.roster import ModelSpec, Roster, load_roster
from patterns.tools.sources import sources_of
from storage.channels import ChannelSettings
from storage.database.connect import connect
from storage.database.database import Database
from tests.crash.fleet import Member
from tests.crash.storm_slack import StormSlack
from tests.fakes.memory import Memory
from tests.fakes.provider import Call, Provider, Reply, ShapeName
from tests.fakes.slack_state import TEAM
from tests.fakes.tools import FakeTools
from tests.support.ledgers import rows
from tests.support.pattern_runs import CTX, PROMPTS, ROSTER
from tests.support.running_bot import bot_environment
from tests.support.shells import Shell
from tests.support.tool_runs import EVERYTHING, place

MODELS: dict[ShapeName, str] = {
    "openai": "openai/gpt-5-mini",
    "anthropic": "anthropic/claude-sonnet-4-5",
    "gemini": "gemini/gemini-3-flash-preview",
}
PAGE = ("Shannon", "https://wiki.example/shannon")
SEARCH_NUSD = {"openai": 10_000_000, "anthropic": 10_000_000, "gemini": 14_000_000}
"""In litellm's price map."""
SOON_S = 30


def roster(agent: str, *, searches_max: int = 3) -> Roster:
    web = f"{{provider_search: true, searches_max: {searches_max}}}"
    text = f"{ROSTER.replace('agent a,', agent)}\ntools:\n  web: {web}\n"
    return load_roster(text, file="roster.yml", env={}, prompts=PROMPTS)


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Load litellm before a call's time begins to run."""
    litellm_sdk()


def found(text: str = "He was born in 1916.", *queries: str) -> Reply:
    return Reply(text, searches=queries or ("shannon born",), pages=[PAGE], input_tokens=100, output_tokens=10)


async def played(
    shape: ShapeName,
    script: Callable[[Call], Reply],
    agent: str,
    *,
    streams: bool,
    memory: Memory | None = None,
    searches_max: int = 3,
) -> tuple[Memory, Provider]:
    memory = memory or Memory()
    async with Provider(script) as provider, asyncio.timeout(SOON_S):
        spec = ModelSpec(
            "fast", MODELS[shape], api_base=provider.api_base(shape), api_key_env="K", price=Price(10**9, 2 * 10**9)
        )
        async with LiteLLMClient({"fast": spec, "spare": spec}, {"K": "sk-a-key"}) as client:
            team = roster(agent, searches_max=searches_max)
            where = place(client, memory, FakeTools(), roster=team, rules=EVERYTHING, may_stream=streams)  # type: ignore[arg-type]
            await where.runner.step(CTX, where, agent="a", path="a", handoff=EMPTY_HANDOFF)
        return memory, provider


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("shape", list(MODELS))
async def test_each_provider_searches_and_is_paid_for_what_it_tells(shape: ShapeName, *, streams: bool) -> None:
    memory, provider = await played(
        shape, lambda _: found("He was born in 1916.", "a", "b"), "agent a, tools: [web],", streams=streams
    )
    (call,), (bill,) = provider.calls, provider.bills
    assert (call.stream, bill.searches) == (streams, 2)
    record = memory.steps["a"]
    assert (record.text, record.data["searches"]) == ("He was born in 1916.", 2)
    assert record.cost_nusd == memory.settled_nusd == 120_000 + 2 * SEARCH_NUSD[shape]
    assert [(one.title, one.url) for one in sources_of(list(memory.steps.values()))] == [PAGE]
    assert memory.held_nusd == 0


@pytest.mark.parametrize("shape", list(MODELS))
async def test_beside_other_tools_each_provider_searches_in_a_call_of_its_own(shape: ShapeName) -> None:
    asking = ToolCall(id="c1", name="web.search", arguments='{"query": "shannon born"}')

    def script(call: Call) -> Reply:
        if call.searches_max:
            return found()
        return Reply("In 1916.") if call.results else Reply("", calls=[asking])

    memory, provider = await played(shape, script, "agent a, tools: [web, clock],", streams=True)
    assert [bool(call.searches_max) for call in provider.calls] == [False, True, False]
    assert provider.calls[1].user == "shannon born"
    assert "He was born in 1916." in provider.calls[2].results[0]
    kept = memory.steps["a/turn/1/call/1"]
    assert (kept.text, kept.data["sources"]) == ("He was born in 1916.", [list(PAGE)])
    assert memory.steps["a"].spent_nusd == memory.settled_nusd
    assert memory.held_nusd == 0


async def test_too_many_requests_are_tried_again_and_cost_nothing() -> None:
    replies = [Reply(status=429, error="slow down", retry_after_s=0), found()]
    memory, _ = await played("openai", lambda call: replies[call.number - 1], "agent a, tools: [web],", streams=False)
    assert [(one.state, one.actual_nusd) for one in memory.calls.values()] == [("released", 0), ("settled", 10_120_000)]


async def test_a_search_whose_stream_breaks_off_counts_in_full_and_is_made_again() -> None:
    replies = [replace(found(), fault="truncate", chunks=4), found()]
    memory, _ = await played(
        "anthropic", lambda call: replies[call.number - 1], "agent a, tools: [web],", streams=False
    )
    first, second = memory.calls.values()
    assert (first.state, first.actual_nusd) == ("uncertain", first.request.amount_nusd)
    assert first.actual_nusd > 3 * 10_000_000
    assert (second.state, second.actual_nusd) == ("settled", 10_120_000)


# ---------------------------------------------------------------- a shell


async def test_in_a_shell_it_is_on_priced_before_and_told_with_its_sources(tmp_path: Path) -> None:
    (tmp_path / "roster.yml").write_text(SHIPPED, "utf-8")
    env = {"AGENTS_ROSTER": str(tmp_path / "roster.yml")}
    async with Provider(lambda _: found()) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        listed = await shell.run("tools", "list", env=env)
        called = await shell.run("tools", "call", "web.search", '{"query": "x"}', env=env)
        ended = await shell.run("ask", "--flow", "lookup", "when was Shannon born?", "--json", env=env)
    assert "web: searches the web at the provider of each agent's model" in listed.out
    assert (called.code, "is part of a call of a model" in called.err) == (1, True)
    told = json.loads(ended.out)
    assert (told["output"], told["cost_nusd"]) == ("He was born in 1916.", shell.paid_nusd())
    assert told["cost_nusd"] > 10_000_000
    assert told["worst_nusd"] >= 2 * 3 * 10_000_000
    assert [call.searches_max for call in provider.calls] == [3]


async def test_a_model_without_a_search_answers_and_the_shell_says_why(tmp_path: Path) -> None:
    price = "{input_usd_per_mtok: 1, output_usd_per_mtok: 1}"
    text = f"{SHIPPED}models: {{fast: {{model: hosted_vllm/m, price: {price}}}}}\n"
    (tmp_path / "roster.yml").write_text(text, "utf-8")
    async with Provider(lambda _: Reply("In 1916.")) as provider:
        env = {"AGENTS_ROSTER": str(tmp_path / "roster.yml"), "HOSTED_VLLM_API_BASE": provider.api_base("openai")}
        ended = await Shell(tmp_path, provider.api_base("openai")).run("ask", "--flow", "lookup", "when?", env=env)
    assert "In 1916." in ended.out
    assert "researcher works without web.search: hosted_vllm/m has no web search that we can ask for." in ended.err


# ---------------------------------------------------------------- kill -9


@dataclass
class Searcher:
    """A model that says when it is asked, and answers with a search when it may."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, call: Call) -> Reply:
        self.asked.set()
        await self.may_answer.wait()
        return found() if call.searches_max else Reply("I do not know.")


CALLS = "SELECT state, actual_nusd, hold_nusd FROM call WHERE attempt > 0 ORDER BY opened_us"
SHIPPED = """
extends: shipped
budgets: {new_channels: on}
flows:
  lookup: {description: Looks one thing up., examples: [Look it up, Find out, Search for it], agent: researcher}
"""


@pytest.fixture
async def slack() -> AsyncIterator[StormSlack]:
    port = free_port()
    async with StormSlack(random.Random(1), lambda: [f"http://127.0.0.1:{port}/slack/events"]) as slack:
        slack.port = port  # type: ignore[attr-defined]
        yield slack


@asynccontextmanager
async def closing_database(url: str) -> AsyncIterator[Database]:
    database = await connect(url)
    try:
        yield database
    finally:
        await database.close()


async def switch_on(url: str) -> None:
    """What an admin does in the form of `/agents tools`."""
    async with closing_database(url) as database:
        rules = StoredRules(ChannelSettings(database, SystemClock()))

        def on(now: ChannelRules) -> ChannelRules:
            return replace(now, tools=frozenset({"web.search"}), tools_outside=True)

        await rules.change_rules(on, workspace=TEAM, channel="C0STORM00", actor="U0DANA")


async def test_killed_in_a_search_it_is_asked_again_and_both_are_paid_as_a_model_call_is(
    slack: StormSlack, sqlite_url: str, tmp_path: Path
) -> None:
    model, port = Searcher(), slack.port  # type: ignore[attr-defined]
    async with Provider(model, strict=False) as provider:
        env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=tmp_path)
        (tmp_path / "roster.yml").write_text(SHIPPED, "utf-8")
        env |= {"DATABASE_URL": sqlite_url, "AGENTS_ROSTER": str(tmp_path / "roster.yml")}
        bot = Member("run", port, env, tmp_path / "bot.log")
        bot.start()
        try:
            await bot.ready()
            await switch_on(sqlite_url)
            await slack.command("use lookup: storm number 1", channel="C0STORM00")
            await asyncio.wait_for(model.asked.wait(), SOON_S)
            bot.kill()
            model.may_answer.set()
            bot.start()
            await bot.ready()
            await slack.wait_for(lambda: any(name == "answer/0" for _run, name in slack.posted()), SOON_S)
        finally:
            bot.kill()
    async with closing_database(sqlite_url) as database:
        calls = await rows(database, CALLS)
    assert [call.searches_max for call in provider.calls] == [3, 3]
    lost, made = calls
    assert (lost["state"], lost["actual_nusd"]) == ("uncertain", lost["hold_nusd"])
    assert lost["hold_nusd"] > 3 * 10_000_000
    assert made["state"] == "settled"
    assert 10_000_000 < made["actual_nusd"] < 11_000_000
