"""Tools in a shell with a real server of functions: asked about, denied unattended, and done once."""

import asyncio
import csv
import io
import json
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from patterns.core.tools import ToolCall
from patterns.roster.schema import SEARCH_CODE
from tests.fakes.provider import Call, Provider, Reply
from tests.integration.test_shell_questions import sitting_at
from tests.support.shells import Shell

ROSTER = """
extends: shipped
tools:
  orders:
    python: "tools.py:find_order,cancel_order"
    read_only: [find_order]
    price_usd: {cancel_order: 0.02, find_order: 0.001}
  time: {mcp: {command: [mcp-server-time]}, allow: [get_current_time], read_only: [get_current_time]}
agents:
  clerk:
    description: Answers questions about orders.
    model: fast
    prompt: You answer questions about orders.
    tools: [orders, time, clock]
    max_output_tokens: 300
    timeout_s: 60
flows:
  orders: {description: Answers a question about an order., examples: [a, b, c], agent: clerk}
"""
FUNCTIONS = '''
from pathlib import Path

def find_order(number: int) -> str:
    """Say where an order is."""
    return f"Order {number} is on its way: https://orders.example/{number}"

def cancel_order(number: int) -> str:
    """Cancel an order."""
    with Path(__file__).with_name("cancelled").open("a") as kept:
        kept.write(f"{number}\\n")
    return f"Order {number} is cancelled."
'''
ASK = ("ask", "--flow", "orders", "--yes")
FIND = ToolCall(id="c1", name="orders.find_order", arguments='{"number": 7}')
CANCEL = ToolCall(id="c2", name="orders.cancel_order", arguments='{"number": 7}')


def asks_for(*calls: ToolCall, then: str = "Done.") -> object:
    """A model that asks for the calls once, and answers when it has their results."""

    def answer(call: Call) -> Reply:
        return Reply(f"{then} {' '.join(call.results)}" if call.results else "", calls=() if call.results else calls)

    return answer


def asks_in_turns(*calls: ToolCall) -> object:
    """A model that asks for one call after the other, and then answers."""

    def answer(call: Call) -> Reply:
        due = calls[len(call.results) : len(call.results) + 1]
        return Reply("" if due else " ".join(call.results), calls=due)

    return answer


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "roster.yml").write_text(ROSTER, "utf-8")
    (tmp_path / "tools.py").write_text(FUNCTIONS, "utf-8")
    return {"AGENTS_ROSTER": str(tmp_path / "roster.yml")}


def cancelled(folder: Path) -> list[str]:
    kept = folder / "cancelled"
    return kept.read_text().split() if kept.exists() else []


def tools_paid(shell: Shell) -> list[tuple[object, ...]]:
    return shell.sql("SELECT model, state, actual_nusd FROM call WHERE model LIKE 'tool:%' ORDER BY opened_us")


async def test_an_agent_looks_things_up_and_its_links_are_those_it_read(tmp_path: Path, env: dict[str, str]) -> None:
    time = ToolCall(id="c3", name="time.get_current_time", arguments='{"timezone": "UTC"}')
    script = asks_for(FIND, time, then="See https://evil.example/x and")
    async with Provider(script) as provider:  # type: ignore[arg-type]
        shell = Shell(tmp_path, provider.api_base("openai"))
        answered = await shell.run(*ASK, "Where is order 7?", env=env)
        verified = await shell.run("verify")
    assert answered.code == 0, answered.err
    assert "https://orders.example/7" in answered.out
    assert "`evil.example/x` (not from a source)" in answered.out
    assert '"timezone": "UTC"' in answered.out
    assert "clerk · searching orders" in answered.err
    assert sorted(tools_paid(shell)) == [
        ("tool:orders.find_order", "settled", 1_000_000),
        ("tool:time.get_current_time", "settled", 0),
    ]
    assert shell.sql("SELECT needs_code FROM run") == [(SEARCH_CODE,)]  # the shipped roster has a web search
    assert verified.code == 0


async def test_what_acts_is_denied_where_nobody_can_be_asked(tmp_path: Path, env: dict[str, str]) -> None:
    async with Provider(asks_for(CANCEL)) as provider:  # type: ignore[arg-type]
        shell = Shell(tmp_path, provider.api_base("openai"))
        answered = await shell.run(*ASK, "Cancel order 7.", env=env)
    assert answered.code == 0, answered.err
    assert "a person denied it. The reason given: Nobody could be asked." in answered.out
    assert "Add --approve orders.cancel_order to approve it beforehand." in answered.err
    assert (cancelled(tmp_path), tools_paid(shell)) == ([], [])


@pytest.mark.parametrize("approved", ["orders.cancel_order", "orders"])
async def test_what_was_approved_beforehand_is_done_once(tmp_path: Path, env: dict[str, str], approved: str) -> None:
    async with Provider(asks_for(CANCEL)) as provider:  # type: ignore[arg-type]
        shell = Shell(tmp_path, provider.api_base("openai"))
        answered = await shell.run(*ASK, "--approve", approved, "Cancel order 7.", env=env)
    assert answered.code == 0, answered.err
    assert "Order 7 is cancelled." in answered.out
    assert cancelled(tmp_path) == ["7"]
    assert tools_paid(shell) == [("tool:orders.cancel_order", "settled", 20_000_000)]


async def test_a_tool_that_is_not_there_cannot_be_approved(tmp_path: Path, env: dict[str, str]) -> None:
    async with Provider([]) as provider:
        refused = await Shell(tmp_path, provider.api_base("openai")).run(*ASK, "--approve", "order", "x", env=env)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "agents: --approve order: there is no such tool. Did you mean orders?\n"


async def test_a_person_at_the_terminal_sees_the_call_and_approves_it(tmp_path: Path, env: dict[str, str]) -> None:
    async with Provider(asks_for(CANCEL)) as provider:  # type: ignore[arg-type]
        shell = Shell(tmp_path, provider.api_base("openai"))
        async with sitting_at(shell, *ASK, "Cancel order 7.", env=env) as person:
            await person.reads("clerk wants to call orders.cancel_order, which goes to orders.")
            await person.reads('"number": 7')
            await person.reads("It costs $0.02. [a/r/d] ")
            person.types("a\n")
            ended = await person.leaves()
    assert "Order 7 is cancelled." in ended.out
    assert cancelled(tmp_path) == ["7"]


async def test_a_person_denies_and_the_agent_hears_why(tmp_path: Path, env: dict[str, str]) -> None:
    async with Provider(asks_in_turns(FIND, CANCEL)) as provider:  # type: ignore[arg-type]
        shell = Shell(tmp_path, provider.api_base("openai"))
        async with sitting_at(shell, *ASK, "Cancel order 7.", env=env) as person:
            await person.reads("It called before:")
            await person.reads("orders.find_order")
            await person.reads(" said: `Order 7 is on its way")
            await person.reads("[a/r/d] ")
            person.types("d\n")
            await person.reads("Why? The agent is told")
            person.types("It has been shipped.\n")
            ended = await person.leaves()
    assert "The reason given: It has been shipped." in ended.out
    assert cancelled(tmp_path) == []


async def test_a_stop_in_an_act_says_what_nobody_knows(tmp_path: Path, env: dict[str, str]) -> None:
    slow = FUNCTIONS.replace('    return f"Order {number} is cancelled."', "    import time; time.sleep(60)")
    (tmp_path / "tools.py").write_text(slow, "utf-8")
    async with Provider(asks_for(CANCEL)) as provider:  # type: ignore[arg-type]
        shell = Shell(tmp_path, provider.api_base("openai"))
        async with sitting_at(shell, *ASK, "--approve", "orders", "Cancel order 7.", env=env) as person:
            await person.reads("clerk · using orders: cancel_order")
            while not cancelled(tmp_path):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)
            person.process.send_signal(signal.SIGINT)
            ended = await person.leaves()
        verified = await shell.run("verify")
    assert ended.code == 130
    assert "Nobody knows whether orders.cancel_order was done" in ended.err
    assert tools_paid(shell) == [("tool:orders.cancel_order", "uncertain", 20_000_000)]
    assert "1 of them of tools" in verified.out


async def test_an_estimate_has_the_price_of_the_tools_in_it(tmp_path: Path, env: dict[str, str]) -> None:
    async with Provider([]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        told = await shell.run(*ASK, "--estimate", "--json", "Where is order 7?", env=env)
        plain = ROSTER.replace("    tools: [orders, time, clock]\n", "")
        (tmp_path / "roster.yml").write_text(plain, "utf-8")
        without = await shell.run(*ASK, "--estimate", "--json", "Where is order 7?", env=env)
    with_tools, alone = json.loads(told.out), json.loads(without.out)
    assert alone["once_nusd"] < with_tools["once_nusd"] < with_tools["worst_nusd"]
    assert with_tools["worst_nusd"] > alone["worst_nusd"] + 12 * 20_000_000


async def test_tools_are_listed_tried_and_checked_without_an_agent(tmp_path: Path, env: dict[str, str]) -> None:
    async with Provider([]) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        listed = await shell.run("tools", "list", env=env)
        called = await shell.run("tools", "call", "orders.find_order", '{"number": 7}', env=env)
        refused = await shell.run("tools", "call", "orders.cancel_order", '{"number": 7}', env=env)
        made = await shell.run("tools", "call", "orders.cancel_order", '{"number": 7}', "--yes", env=env)
        doctor = await shell.run("doctor", env=env)
    assert "  orders.cancel_order: acts, asks who asked, goes to orders, $0.02. Cancel an order." in listed.out
    assert "off, because the roster does not name them: time.convert_time" in listed.out
    assert called.out == "Order 7 is on its way: https://orders.example/7\n"
    assert (refused.code, "Add --yes to call it." in refused.err) == (1, True)
    assert (made.code, cancelled(tmp_path)) == (0, ["7"])
    assert [state for _, state, _ in tools_paid(shell)] == ["settled", "settled"]
    assert "tools orders: answers: 2 on." in doctor.out
    assert "tools time: answers: 1 on, 1 off." in doctor.out


@pytest.mark.timeout(300)
async def test_runs_with_tools_replay_and_say_what_they_were(tmp_path: Path, env: dict[str, str]) -> None:
    async def script(call: Call) -> Reply:
        if "dear" in call.user:
            return asks_for(CANCEL)(call)  # type: ignore[operator, no-any-return]
        return asks_for(FIND, CANCEL)(call)  # type: ignore[operator, no-any-return]

    async with Provider(script) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        for words in (("Denied: order 7.",), ("--approve", "orders", "Approved: order 7."), ("A dear order 7.",)):
            answered = await shell.run(*ASK, *words, env=env)
            assert answered.code == 0, answered.err
        called = await shell.run("tools", "call", "clock.now", env=env)
        failed = await shell.run("tools", "call", "orders.find_order", "{}", env=env)
        unknown = await shell.run("tools", "call", "orders.find", "{}", env=env)
        replayed = await shell.run("replay", "--all", env={**env, "OPENAI_API_KEY": ""})
        ((run,),) = shell.sql("SELECT id FROM run WHERE flow = 'tools'")
        shown = await shell.run("show", run, env=env)
    assert (called.code, failed.code, unknown.code) == (0, 1, 1)
    assert replayed.code == 0, replayed.out
    assert replayed.out.count("Everything that is stored came out the same, byte for byte.") == 4, replayed.out
    assert "It is one call of a tool, made with `agents tools call`. There was no plan" in replayed.out
    assert "It is one call of a tool, made with agents tools call." in shown.out
    assert "> clock.now {}" in shown.out


async def test_the_starter_works_as_it_is(tmp_path: Path) -> None:
    async with Provider(asks_for(FIND)) as provider:  # type: ignore[arg-type]
        shell = Shell(tmp_path, provider.api_base("openai"))
        written = await shell.run("tools", "new", str(tmp_path / "mine"))
        roster = str(tmp_path / "mine" / "roster.yml")
        checked = await shell.run("roster", "check", roster)
        called = await shell.run("tools", "call", "orders.find_order", '{"number": 1001}', "--roster", roster)
        missed = await shell.run("tools", "call", "orders.find_order", '{"number": 7}', "--roster", roster)
        ((failed_run,),) = shell.sql("SELECT id FROM run WHERE flow = 'tools' AND stop_reason = 'failed'")
        shown = await shell.run("show", failed_run)
        replayed = await shell.run("replay", failed_run)
        tried = await shell.run("try", "clerk", "Where is order 7?", "--roster", roster)
    assert (written.code, checked.code) == (0, 0), checked.out
    assert called.out == "Order 1001 is shipped on Monday, arrives on Thursday.\n"
    assert (missed.code, "there is no order 7" in missed.out) == (1, True)
    assert "failed" in shown.out
    assert "The call failed: " in shown.out
    assert "there is no order 7" in shown.out.partition("The call failed: ")[2]
    assert replayed.code == 0, replayed.out
    assert "there is no order 7" in tried.out, tried.err


async def test_a_dry_run_lists_what_it_would_call_and_calls_nothing_that_acts(
    tmp_path: Path, env: dict[str, str]
) -> None:
    async with Provider(asks_for(FIND, CANCEL)) as provider:  # type: ignore[arg-type]
        shell = Shell(tmp_path, provider.api_base("openai"))
        answered = await shell.run(*ASK, "--dry-run", "Cancel order 7.", env=env)
        told = await shell.run(*ASK, "--json", "dry run: Cancel order 7.", env=env)
        verified = await shell.run("verify")
        listed, shown = await shell.run("show"), await shell.run("show", json.loads(told.out)["run_id"])
        stats, figures = await shell.run("stats"), await shell.run("stats", "--csv")
        calls = await shell.run("export", "calls", "--month", f"{datetime.now(UTC):%Y-%m}")
    assert ["dry run" in line for line in listed.out.splitlines()] == [True, True]
    assert shown.out.startswith("✅ answered · dry run · ")
    assert "2 requests, 2 of them dry" in stats.out
    assert {line["dry_runs"] for line in csv.DictReader(io.StringIO(figures.out))} == {"2"}
    assert {line["dry_run"] for line in csv.DictReader(io.StringIO(calls.out))} == {"yes"}
    assert answered.code == 0, answered.err
    assert "Dry run: tools that act are not called, only listed." in answered.err
    assert "• `orders.cancel_order` · number: 7 · $0.02 · asked for by clerk" in answered.err
    assert "https://orders.example/7" in answered.out
    assert cancelled(tmp_path) == []
    assert [row[0] for row in tools_paid(shell)] == ["tool:orders.find_order"] * 2
    result = json.loads(told.out)
    assert result["dry_run"] is True
    assert [(one["tool"], one["arguments"], one["price_nusd"]) for one in result["would_call"]] == [
        ("orders.cancel_order", "number: 7", 20_000_000)
    ]
    assert verified.code == 0
