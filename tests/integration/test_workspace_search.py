"""Slack's search for those who ask: each person's own results, stored, traced, shown and exported nowhere."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bot.manifest import needed_scopes
from bot.people.channel_rules import ChannelRules, StoredRules
from patterns.core.tools import ToolCall
from storage.channels import ChannelSettings
from tests.fakes.otlp import OtlpReceiver
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER, TEAM, Findable
from tests.support.running_bot import House, Opened, open_house
from tests.support.shells import Shell

PLATFORM, DANA, LEE = "C0PLATFORM", "U0DANA", "U0LEE"
CANARY, FILED = "PELICAN7", "HERON9"
HERS, OPEN, FILE, SHUT = (f"https://agents.slack.example/archives/C0OTHER/p170000000000{n}" for n in range(4))
ROSTER = """
extends: shipped
budgets: {new_channels: on}
limits: {confirm_above_usd: 5}
tools:
  slack: {workspace_search: true, results_max: 5}
agents:
  seeker: {description: Looks things up in Slack., model: fast, prompt: You look things up., tools: [slack],
           max_output_tokens: 300, timeout_s: 60}
flows:
  seek: {description: Finds what was said in Slack., examples: [Where was it said, Find it, Who said it], agent: seeker}
"""
SEARCH = ToolCall(id="c1", name="slack.search", arguments='{"query": "launch word"}')


def seeker(call: Call) -> Reply:
    """An agent that searches once where it can, and says only how many lines it read."""
    if "slack.search" not in call.tools and not call.results:
        return Reply("I have nothing to search with.")
    if not call.results:
        return Reply("", calls=[SEARCH])
    if "mention me" in call.results[0]:
        return Reply("I cannot search for a command.")
    return Reply(f"I read {call.results[0].count('https://')} places. See {OPEN}")


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider(seeker) as provider:
        yield provider


@pytest.fixture
def opened(slack: SlackServer, provider: Provider, tmp_path: Path) -> Opened:
    slack.workspace.findable += [
        Findable(HERS, f"the launch word is {CANARY}", readers=frozenset({DANA})),
        Findable(OPEN, "launch is on Monday"),
        Findable(FILE, f"launch plan {FILED}", kind="files", readers=frozenset({DANA})),
        Findable(SHUT, "launch gossip", channel_type="private_channel", readers=frozenset({DANA})),
    ]
    return partial(open_house, api_url=slack.url, provider=provider, folder=tmp_path, roster=ROSTER)


async def switch_on(house: House, *, outside: bool = False) -> None:
    engine = house.bot.engine
    rules = StoredRules(ChannelSettings(engine.db, engine.clock))

    def on(now: ChannelRules) -> ChannelRules:
        return replace(now, tools=frozenset({"slack.search"}), tools_outside=outside)

    await rules.change_rules(on, workspace=TEAM, channel=PLATFORM, actor=DANA)


async def asked(slack: SlackServer, house: House, words: str, *, user: str = DANA, until: str) -> str:
    """A mention, and what stands in its thread at last."""
    ts = await slack.say(f"<@{BOT_USER}> use seek: {words}", user=user, channel=PLATFORM)
    await slack.wait_for(lambda: until in said(slack))
    await house.until_told(runs=1)
    return ts


def said(slack: SlackServer) -> str:
    found = [message for message in slack.messages(PLATFORM) if message["user"] == BOT_USER]
    return json.dumps([[message["text"], message.get("blocks", [])] for message in found], ensure_ascii=False)


def results(provider: Provider) -> str:
    return " ".join(provider.calls[-1].results)


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".yml")


async def test_an_agent_reads_what_the_asker_sees_and_nothing_of_it_is_stored(
    slack: SlackServer, house: House, provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await switch_on(house)
    await asked(slack, house, "when is the launch?", until="I read 3 places.")
    assert CANARY in results(provider)
    assert FILED in results(provider)
    assert SHUT not in results(provider)
    assert "Looked up 3 sources" in said(slack)
    assert OPEN in said(slack)
    assert house.ledger("SELECT COUNT(*) FROM content WHERE kind = 'action_token'") == 0
    (token,) = slack.workspace.action_tokens
    await house.bot.engine.db.scrub()
    stored = on_disk(tmp_path)
    for word in (CANARY, FILED, token):
        assert word.encode() not in stored
        assert word not in said(slack)
        assert word not in capsys.readouterr().out
    assert HERS.encode() in stored


async def test_another_person_gets_only_what_they_see_also_in_the_same_thread(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    await switch_on(house)
    ts = await asked(slack, house, "when is the launch?", until="I read 3 places.")
    await slack.say(f"<@{BOT_USER}> use seek: and what is the word?", user=LEE, channel=PLATFORM, thread_ts=ts)
    await slack.wait_for(lambda: "I read 1 places." in said(slack))
    await house.until_no_run_is_open()
    mine = [
        call for call in provider.calls if LEE in json.dumps(call.body) or "what is the word" in json.dumps(call.body)
    ]
    assert mine
    assert all(word not in json.dumps(call.body) for call in mine for word in (CANARY, FILED))


async def test_no_trace_page_replay_copy_or_export_holds_it(
    slack: SlackServer, opened: Opened, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OtlpReceiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        async with opened(more={"AGENTS_TELEMETRY": "texts"}) as house:
            await switch_on(house)
            await asked(slack, house, "when is the launch?", until="I read 3 places.")
            run_id = house.ledger_text("SELECT id FROM run")
        spans = json.dumps([[span.name, {k: str(v) for k, v in span.attributes.items()}] for span in receiver.spans])
    assert "when is the launch?" in spans  # texts are on
    env = {"AGENTS_ROSTER": str(tmp_path / "roster.yml")}
    shell = Shell(tmp_path, provider.api_base("openai"))
    told = [
        (await shell.run(*words, env=env)).out
        for words in (
            ("show", run_id, "--prompts"),
            ("show", run_id, "--html", "--output", str(tmp_path / "run.html")),
            ("replay", run_id),
            ("report", "--csv"),
            ("export", "person", DANA),
        )
    ]
    everything = " ".join([spans, *told, (tmp_path / "run.html").read_text("utf-8")])
    assert "I read 3 places" in everything
    assert all(word not in everything for word in (CANARY, FILED, *slack.workspace.action_tokens))


async def test_a_command_brings_no_key_and_plan_and_agent_say_so(slack: SlackServer, house: House) -> None:
    await switch_on(house)
    await slack.command("use seek: when is the launch?", user=DANA)
    await slack.wait_for(lambda: "I cannot search for a command." in said(slack))
    await house.until_no_run_is_open()
    assert [method for method, _ in slack.workspace.calls if method == "assistant.search.context"] == []


async def test_it_is_off_where_guests_read_even_where_other_tools_are_allowed(slack: SlackServer, house: House) -> None:
    slack.workspace.add_user("U0GUEST", "Guest", is_restricted=True)
    slack.workspace.channels[PLATFORM].members.add("U0GUEST")
    await switch_on(house, outside=True)
    await asked(slack, house, "when is the launch?", until="I have nothing to search with.")


async def test_without_the_scope_it_says_what_an_admin_can_do(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    await switch_on(house)
    slack.workspace.granted = set(needed_scopes())
    await asked(slack, house, "when is the launch?", until="I read 0 places.")
    assert "the app lacks search:read.public. An admin can allow it" in results(provider)
    assert [method for method, _ in slack.workspace.calls if method == "assistant.search.context"] == []


async def test_a_key_lives_as_long_as_its_run(slack: SlackServer, house: House) -> None:
    await asked(slack, house, "when is the launch?", until="I have nothing to search with.")
    await slack.say("nobody is asked here", user=DANA, channel=PLATFORM)
    assert house.ledger("SELECT COUNT(*) FROM content WHERE kind = 'action_token'") == 0
    assert house.ledger("SELECT COUNT(*) FROM inbox WHERE payload_json LIKE '%action_token%'") == 0
