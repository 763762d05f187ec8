"""`agents show` and `agents replay` in a shell: the truth of a run, its page, and the same cents computed again."""

import csv
import json
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from patterns.core.money import exact_usd, format_usd
from tests.fakes.provider import Provider, Reply
from tests.fakes.team import RECOMMENDATION, Team
from tests.support.shells import Shell

DECIDE = ("ask", "--flow", "decide", "Kafka or <b>RabbitMQ</b>?")
AGENTS = ("advocate", "sceptic", "cost", "operations", "chair")


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with Provider(Team()) as provider:
        yield Shell(tmp_path, provider.api_base("openai"))


async def asked(shell: Shell, *words: str) -> str:
    """Ask, and return the id of the run."""
    answered = await shell.run(*words, "--json")
    return str(json.loads(answered.out)["run_id"])


def verdict(out: str) -> str:
    return out.splitlines()[-1]


async def test_a_run_is_shown_with_every_step_and_its_money(shell: Shell) -> None:
    run = await asked(shell, *DECIDE)
    shown = await shell.run("show", run)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"✅ answered · {format_usd(shell.paid_nusd())} · ")
    assert "> Kafka or <b>RabbitMQ</b>?" in shown.out
    assert "It went to decide, which the asker chose. The estimate was about $" in shown.out
    assert "decide: side by side, 2 of 4 must answer" in shown.out
    steps = re.findall(
        r"^✅ \d\. (\w+) · openai/[\w.-]+ · \d+ in, \d+ out · \$[\d.]+ of \$[\d.]+ held · ", shown.out, re.MULTILINE
    )
    assert sorted(steps) == sorted(AGENTS)
    assert RECOMMENDATION.splitlines()[0] not in shown.out


async def test_prompts_are_rebuilt_from_the_journal(shell: Shell) -> None:
    run = await asked(shell, *DECIDE)
    shown = (await shell.run("show", run, "--texts")).out
    assert shown.count(", given as system\n") == len(AGENTS)
    assert "A second writer appears sooner than planned" in shown.partition("chair, given as user")[2]
    assert shown.rstrip().endswith(RECOMMENDATION.splitlines()[-1])


async def test_a_page_is_written_with_prompts_and_answers(shell: Shell, tmp_path: Path) -> None:
    run = await asked(shell, *DECIDE)
    page = tmp_path / "page.html"
    wrote = await shell.run("show", run, "--html", "--output", str(page))
    assert (wrote.code, wrote.out) == (0, f"Wrote {page}.\n")
    text = page.read_text("utf-8")
    assert "Kafka or &lt;b&gt;RabbitMQ&lt;/b&gt;?" in text
    assert text.count("Given as system") == len(AGENTS)
    assert "<script" not in text


async def test_without_an_id_the_latest_runs_are_listed(shell: Shell) -> None:
    first, second = await asked(shell, *DECIDE), await asked(shell, "ask", "SQLite?")
    listed = (await shell.run("show")).out.splitlines()
    assert [line.split(" · ")[0] for line in listed] == [second, first]


async def test_the_beginning_of_an_id_is_enough_where_it_is_unique(shell: Shell) -> None:
    run = await asked(shell, *DECIDE)
    assert (await shell.run("show", run[:7])).out.startswith("✅ answered")
    other = f"{run[:7]}{'0' * 6 if not run.endswith('0' * 6) else '1' * 6}"
    columns = "workspace, channel, channel_kind, user_id, kind, status, created_us, delivery_key"
    copied = columns.replace("delivery_key", "delivery_key || 'x'")
    shell.sql(f"INSERT INTO run (id, {columns}) SELECT '{other}', {copied} FROM run")  # noqa: S608 - our own words
    for command in ("show", "replay"):
        several = await shell.run(command, run[:7])
        assert several.err == "agents: That beginning fits 2 requests; give more of it.\n"


async def test_a_beginning_that_is_too_short_is_told_so(shell: Shell) -> None:
    run = await asked(shell, *DECIDE)
    for command in ("show", "replay"):
        refused = await shell.run(command, run[:3])
        assert (refused.code, refused.err) == (1, "agents: Write at least 4 characters of the id.\n")
    assert (await shell.run("show", run[:4])).code == 0


async def test_a_run_that_is_not_there_is_one_sentence(shell: Shell) -> None:
    await asked(shell, *DECIDE)
    for command in ("show", "replay"):
        refused = await shell.run(command, "r000000000000")
        assert (refused.code, refused.out) == (1, "")
        assert refused.err == "agents: That run is not known here. `agents show` lists the latest ones.\n"


@pytest.mark.timeout(300)
async def test_every_kind_of_run_replays_to_the_same_decisions_and_cents(shell: Shell) -> None:
    for words in (
        ("ask", "SQLite or PostgreSQL?"),
        ("ask", "--agents", "engineer,analyst", "SQLite or PostgreSQL?"),
        ("ask", "--flow", "plan", "--yes", "an event log"),
        ("ask", "--flow", "postmortem", "--yes", "last night"),
        ("ask", "--flow", "draft", "--yes", "a mail"),
        ("ask", "--flow", "plan", "an event log, whose price nobody accepts"),
    ):
        await asked(shell, *words)
    counts = "SELECT COUNT(*), SUM(actual_nusd), (SELECT COUNT(*) FROM step), (SELECT COUNT(*) FROM audit) FROM call"
    before = shell.sql(counts)
    replayed = await shell.run("replay", "--all")
    said = replayed.out.splitlines()
    assert replayed.code == 0, replayed.out
    assert said.count("Everything that is stored came out the same, byte for byte.") == 6, replayed.out
    told = [int(Decimal(found) * 10**9) for found in re.findall(r"\$([\d.]+\d)\. Nothing was sent\.", replayed.out)]
    assert sum(told) == shell.paid_nusd()
    assert shell.sql(counts) == before


async def test_failed_attempts_and_lost_voices_replay_too(tmp_path: Path) -> None:
    def script(call: object) -> Reply:
        team = Team()(call)
        return Reply("", status=500) if "You are the sceptic" in call.system else team

    async with Provider(script) as provider:
        shell = Shell(tmp_path, provider.api_base("openai"))
        run = await asked(shell, *DECIDE)
        replayed = await shell.run("replay", run)
        shown = (await shell.run("show", run)).out
    assert verdict(replayed.out) == "Everything that is stored came out the same, byte for byte.", replayed.out
    assert "attempts ended without an answer that was stored." in replayed.out
    assert re.search(r"^❌ \d\. sceptic · ", shown, re.MULTILINE)
    assert "attempt 2 · " in shown


TAMPERED = {
    "UPDATE step SET cost_nusd = cost_nusd + 1 WHERE agent = 'chair'": "money: step 5, chair: ",
    "UPDATE content SET text = text || '!' WHERE id LIKE '%/broadcast/cost'": "prompt: step 5, chair: ",
    "UPDATE content SET text = REPLACE(text, 'decide', 'critique') WHERE id LIKE '%/plan'": "decision: the plan: was ",
    "DELETE FROM step WHERE agent = 'chair'": "result: its ",
    "UPDATE run SET cost_nusd = cost_nusd + 1": "money: the run was ended at ",
    "UPDATE content SET text = REPLACE(text, 'Take', 'Leave') WHERE id LIKE '%:result'": "result: its answer ",
}


async def test_each_difference_is_named(shell: Shell, tmp_path: Path) -> None:
    run = await asked(shell, *DECIDE)
    kept = (tmp_path / "agents.db").read_bytes()
    for tampering, named in TAMPERED.items():
        (tmp_path / "agents.db").write_bytes(kept)
        shell.sql(tampering)
        replayed = await shell.run("replay", run)
        assert replayed.code == 1
        assert any(line.startswith(named) for line in replayed.out.splitlines()), (tampering, replayed.out)


async def test_deleted_texts_are_named_and_the_cents_still_come_out(shell: Shell) -> None:
    run = await asked(shell, *DECIDE)
    shell.sql("DELETE FROM content")
    replayed = await shell.run("replay", run)
    assert replayed.code == 0, replayed.out
    assert "Deleted: the request, the plan, step 1, " in replayed.out
    assert f"exactly {exact_usd(shell.paid_nusd())}." in replayed.out
    shown = await shell.run("show", run, "--texts")
    assert "> (deleted)" in shown.out
    assert shown.out.count("Its text was deleted.") == len(AGENTS)
    assert shown.out.count("Its prompt cannot be rebuilt") == len(AGENTS)


async def test_statistics_compare_what_was_asked(shell: Shell) -> None:
    await asked(shell, *DECIDE)
    await asked(shell, "ask", "SQLite or PostgreSQL?")
    shown = await shell.run("stats")
    assert (shown.code, shown.err) == (0, "")
    names = {line.split()[0] for line in shown.out.splitlines() if line.strip()}
    assert {"decide", "answer", "broadcast", "router", "chair", "openai/gpt-5-mini"} <= names
    rows = list(csv.DictReader((await shell.run("stats", "--csv")).out.splitlines()))
    flows = {row["name"]: row for row in rows if row["kind"] == "flow"}
    told = [(name, *map(row.get, ("requests", "dry_runs", "answered", "partial"))) for name, row in flows.items()]
    assert sorted(told) == [("answer", *"1010"), ("decide", *"1010")]
    assert shown.out.rstrip().endswith("for a suggestion (5 times each).")
    total = sum(Decimal(row["cost_usd"]) for row in flows.values())
    assert total * 10**9 == shell.paid_nusd()
