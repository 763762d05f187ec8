"""Resources of servers: listed, attached to a request as material, bounded, and only where their server is on."""

import asyncio
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bot.people.channel_rules import StoredRules
from bot.runs.material import Attachments
from bot.runs.resources import ResourceReader
from bot.threads import attachments
from patterns.core.tools import ToolError
from storage.channels import ChannelSettings
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import TEAM
from tests.integration.test_real_servers import EVERYTHING
from tests.integration.test_tool_cards import DANA, LEE, PLATFORM, privately, said
from tests.integration.test_tool_servers import connected
from tests.support.node import program
from tests.support.running_bot import House, Opened, open_house
from tests.support.shells import Shell

ROOT = Path(__file__).parents[2]
CODE = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.fakes.ticket_server import serve; serve()"
SERVER = f"{{mcp: {{command: {json.dumps([sys.executable, '-c', CODE])}}}, allow: [look], read_only: [look]"
ROSTER = f"""
extends: shipped
tools:
  tickets: {SERVER}}}
  slack: {{workspace_search: true}}
agents:
  clerk: {{description: Reads., model: fast, prompt: You read., tools: [tickets], max_output_tokens: 300, timeout_s: 9}}
flows:
  desk: {{description: Reads tickets., examples: [a, b, c], agent: clerk}}
budgets: {{new_channels: on}}
limits: {{confirm_above_usd: 5}}
"""
EXPORT = "Ticket 7: the export fails on Sundays."


def answer(_: Call) -> Reply:
    return Reply("It is about the export.")


@pytest.fixture
def team() -> object:
    return answer


@pytest.fixture
def opened(slack: SlackServer, provider: Provider, tmp_path: Path) -> Opened:
    return partial(open_house, api_url=slack.url, provider=provider, folder=tmp_path, roster=ROSTER)


async def test_what_a_server_has_besides_tools_is_listed_and_read(tmp_path: Path) -> None:
    entry = {"mcp": {"command": [sys.executable, "-c", CODE]}, "allow": ["look"]}
    async with connected(tmp_path, {"tickets": entry}) as (box, _):
        offers = await box.offers("tickets")
        text = await box.read("tickets", "tickets://7", timeout_s=20)
        notes = await box.read("tickets", "tickets://9/notes", timeout_s=20)
        with pytest.raises(ToolError, match="its server says"):
            await box.read("tickets", "tickets://nobody", timeout_s=20)
    assert [uri for uri, _ in offers.resources] == ["tickets://7", "tickets://long"]
    assert [uri for uri, _ in offers.templates] == ["tickets://{number}/notes"]
    assert offers.prompts == ("triage",)
    assert text.startswith(EXPORT)
    assert notes == "Notes of 9"


async def test_resources_of_a_server_of_others_are_listed_and_read(tmp_path: Path) -> None:
    entry = {"mcp": {"command": [*program("mcp-server-everything"), "stdio"]}, **EVERYTHING}
    async with connected(tmp_path, {"all": entry}) as (box, _):
        offers = await box.offers("all")
        assert offers.resources
        assert offers.prompts
        uri = offers.resources[0][0]
        assert await box.read("all", uri, timeout_s=20)


async def test_what_a_server_says_of_our_secrets_is_masked(tmp_path: Path) -> None:
    code, key = (
        CODE.replace("serve()", "serve_talkative()").replace("import serve;", "import serve_talkative;"),
        "key-of-the-desk",
    )
    entry = {"mcp": {"command": [sys.executable, "-c", code], "env": ["DESK_KEY"]}, "allow": ["look"]}
    async with connected(tmp_path, {"desk": entry}, DESK_KEY=key) as (box, _):
        offers = await box.offers("desk")
        text = await box.read("desk", f"desk://{key}", timeout_s=20)
        with pytest.raises(ToolError, match="its server says") as refused:
            await box.read("desk", f"desk://{key}/more", timeout_s=20)
    assert (text, offers.resources) == ("The key is [secret].", (("desk://[secret]", "Key [secret]"),))
    assert key not in f"{offers} {refused.value}"


async def test_a_server_without_resources_has_none(tmp_path: Path) -> None:
    entry = {"mcp": {"command": ["mcp-server-time"]}, "allow": ["convert_time"]}
    async with connected(tmp_path, {"time": entry}) as (box, _):
        assert await box.offers("time") == type(await box.offers("time"))()


async def test_a_shell_attaches_what_is_named_and_says_what_is_too_many(tmp_path: Path) -> None:
    (tmp_path / "roster.yml").write_text(ROSTER, "utf-8")
    env = {"AGENTS_ROSTER": str(tmp_path / "roster.yml")}
    async with Provider(answer) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        asked = ("ask", "--flow", "desk", "--yes", "--with", "tickets://7")
        more = ", ".join(f"tickets://{n}/notes" for n in range(4))
        answered = await shell.run(*asked, f"What is it about, with tickets://long, {more}?", env=env)
        listed = await shell.run("tools", "list", env=env)
        verified = await shell.run("verify")
        sent = str(provider.calls[0].body)
    assert answered.code == 0, answered.err
    assert "Read tickets://7, tickets://long, tickets://0/notes, tickets://1/notes" in answered.err
    assert "tickets://3/notes was left out: a request brings 5 at most." in answered.err
    assert EXPORT in sent
    assert len(sent) < 150_000  # of three hundred thousand, cut with a mark
    assert "resources, attached with --with: tickets://7, tickets://long, tickets://{number}/notes" in listed.out
    assert "prompts, which are never run: triage" in listed.out
    assert shell.sql("SELECT COUNT(*) FROM content WHERE id LIKE '%:material'") == [(1,)]
    assert verified.code == 0


@pytest.mark.parametrize(
    ("address", "why"),
    [("other://1", "other://1: no server that is on here has it."), ("tickets://none", "tickets://none: ")],
)
async def test_an_address_that_nobody_has_is_refused_before_anything_is_spent(
    tmp_path: Path, address: str, why: str
) -> None:
    (tmp_path / "roster.yml").write_text(ROSTER, "utf-8")
    async with Provider([]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        asked = ("ask", "--flow", "desk", "--yes", "--with", address, "--with", "tickets://7", "What is it about?")
        refused = await shell.run(*asked, env={"AGENTS_ROSTER": str(tmp_path / "roster.yml")})
        named = await shell.run("ask", "--flow", "answer", "--with", "other://1", "Why?")
    assert (refused.code, refused.out) == (1, "")
    assert f"Nothing was spent. {why}" in refused.err
    assert "Ask again without it" in refused.err
    assert shell.sql("SELECT COUNT(*) FROM call") == [(0,)]
    assert named.code == 1
    assert named.err.startswith("agents: --with other://1: no server that is on here has it.")


async def test_an_ordinary_address_in_a_sentence_is_a_word_and_one_of_a_servers_kind_is_not(tmp_path: Path) -> None:
    redis = "  redis: {mcp: {command: [mcp-server-time]}, allow: [convert_time], read_only: [convert_time]}\n"
    (tmp_path / "roster.yml").write_text(ROSTER.replace("  slack:", f"{redis}  slack:"), "utf-8")
    env = {"AGENTS_ROSTER": str(tmp_path / "roster.yml")}
    words = "Why can't our app talk with redis://localhost:6379 and postgres://db since Monday?"
    async with Provider(answer) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        asked = ("ask", "--flow", "desk", "--yes")
        answered = await shell.run(*asked, words, env=env)
        sent = len(provider.calls)
        meant = await shell.run(*asked, "Why is it slow with tickets://none since Monday?", env=env)
        on_purpose = await shell.run(*asked, "--with", "redis://localhost:6379", "Why?", env=env)
        assert sent == len(provider.calls) > 0
    assert (answered.code, answered.out.strip()) == (0, "It is about the export.")
    for address in ("redis://localhost:6379", "postgres://db"):
        assert f"{address} was left out: no server that is on here has it." in answered.err
    assert meant.code == on_purpose.code == 1
    assert "Nothing was spent. tickets://none: " in meant.err
    assert "Nothing was spent. redis://localhost:6379: no server that is on here has it." in on_purpose.err


async def test_a_request_whose_resource_is_not_read_in_time_is_refused(
    slack: SlackServer, house: House, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(*_: object, **__: object) -> Attachments:
        await asyncio.sleep(60)
        return Attachments()

    monkeypatch.setattr(attachments, "READ_S", 0.1)
    monkeypatch.setattr(ResourceReader, "read", slowly)
    await slack.command("use desk: what is it about, with tickets://7", user=LEE)
    await slack.wait_for(lambda: "Nothing was spent. Reading what came with the request took" in said(slack))
    assert (provider.calls, house.ledger("SELECT COUNT(*) FROM call")) == ([], 0)


async def enable(house: House) -> None:
    rules = StoredRules(ChannelSettings(house.bot.engine.db, house.bot.engine.clock))
    tools = frozenset({"tickets.look"})
    await rules.change_rules(lambda now: replace(now, tools=tools), workspace=TEAM, channel=PLATFORM, actor=DANA)


async def test_a_channel_attaches_from_servers_that_are_on_there(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    await slack.command("use desk: what is it about, with tickets://7", user=LEE)
    await slack.wait_for(lambda: "Nothing was spent. tickets://7: no server that is on here has it." in said(slack))
    assert (provider.calls, house.ledger("SELECT COUNT(*) FROM call")) == ([], 0)
    await enable(house)
    before = len(provider.calls)
    await slack.command("use desk: and what is it about, with tickets://7", user=LEE)
    await slack.wait_for(lambda: "Read tickets://7." in said(slack))
    await slack.wait_for(lambda: len(provider.calls) > before)
    assert EXPORT in str(provider.calls[-1].body)
    before = len(provider.calls)
    await slack.command("use desk: how does it go with other://words of mine", user=LEE)
    await slack.wait_for(lambda: "other://words was left out: no server that is on here has it." in said(slack))
    await slack.wait_for(lambda: len(provider.calls) > before)
    assert "Nothing was spent. other:" not in said(slack)
    await slack.command("tools", user=LEE)
    await slack.wait_for(lambda: any("never run" in text for text in privately(slack, LEE)))
    (shown,) = [text for text in privately(slack, LEE) if "never run" in text]
    assert "_tickets_ also has 3 resources: `tickets://7`" in shown
    assert "_tickets_ has prompts, which are never run: `triage`" in shown
