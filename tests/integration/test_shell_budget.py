"""`agents budget`, `export calls` and `reconcile`, each as a process beside the ledger of a bot."""

import csv
import io
import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from patterns.core.holds import Payer
from patterns.core.money import NUSD_PER_USD, format_usd
from storage.database.connect import connect
from storage.database.migrate import migrate
from storage.ledger.book import Policy
from tests.fakes.history import work_of_two_months
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_TOKEN
from tests.support.shells import Shell

POLICY = Policy(100 * NUSD_PER_USD, 25 * NUSD_PER_USD, 5 * NUSD_PER_USD)


@pytest.fixture
async def spent_nusd(tmp_path: Path) -> int:
    """A ledger of two months; what the current one came to."""
    url = f"sqlite:///{tmp_path / 'agents.db'}"
    await migrate(url)
    database = await connect(url)
    now_us = time.time_ns() // 1000
    payer = Payer("T1", "C1", "channel", "")
    nusd = await work_of_two_months(database, POLICY, payer, users=("U1", "U2"), now_us=now_us)
    await database.close()
    return nusd


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, "")


@pytest.fixture
def month() -> str:
    return f"{datetime.now(UTC):%Y-%m}"


async def test_report_csv_and_export_agree_to_the_last_nano_dollar(shell: Shell, spent_nusd: int, month: str) -> None:
    said = await shell.run("budget", "report", "--channel", "C1")
    table = await shell.run("budget", "report", "--channel", "C1", "--csv")
    calls = await shell.run("export", "calls", "--month", month, "--format", "json")
    books = await shell.run("budget", "show")
    assert (said.code, table.code, calls.code, books.code) == (0, 0, 0, 0), said.err + table.err + calls.err + books.err
    assert f"{format_usd(spent_nusd)} of $25.00 spent" in said.out
    assert f"C1: {spent_nusd * 100 // (25 * NUSD_PER_USD)} % · {format_usd(spent_nusd)} of $25.00" in books.out
    rows = list(csv.DictReader(io.StringIO(table.out)))
    assert sum(Decimal(row["cost_usd"]) for row in rows) * NUSD_PER_USD == spent_nusd
    assert sum(Decimal(call["cost_usd"]) for call in json.loads(calls.out)) * NUSD_PER_USD == spent_nusd


@pytest.mark.usefixtures("spent_nusd")
async def test_limits_and_grants_say_from_what_to_what_and_stand_in_the_log(shell: Shell) -> None:
    raised = await shell.run("budget", "set", "50", "--channel", "C1", "--reason", "launch")
    granted = await shell.run("budget", "grant", "10", "--channel", "C1")
    assert raised.out == "The monthly limit of C1 went from $25.00 to $50.00.\n"
    assert granted.out == "C1 has $10.00 more this month: $50.00 became $60.00.\n"
    refused = await shell.run("budget", "set", "50,00", "--channel", "C1")
    assert refused.code == 1
    assert refused.err.startswith("agents: 50,00 could mean two amounts.")
    assert shell.sql("SELECT COUNT(*) FROM audit WHERE actor = 'shell'") == [(2,)]


@pytest.mark.usefixtures("spent_nusd")
async def test_an_export_of_our_own_calls_reconciles_but_for_what_nobody_billed(
    shell: Shell, month: str, tmp_path: Path
) -> None:
    calls = json.loads((await shell.run("export", "calls", "--month", month, "--format", "json")).out)
    names = ("model", "input_tokens", "output_tokens", "cost_usd")
    bill = [{"date": call["opened_utc"], **{name: call[name] for name in names}} for call in calls]
    (tmp_path / "bill.json").write_text(json.dumps(bill))
    same = await shell.run("reconcile", str(tmp_path / "bill.json"), "--month", month)
    assert same.code == 0, same.out + same.err
    assert same.out.endswith(" days and models compared, no difference.\n")
    (tmp_path / "bill.json").write_text(json.dumps(bill[1:]))
    less = await shell.run("reconcile", str(tmp_path / "bill.json"), "--month", month)
    assert less.code == 1
    assert bill[0]["date"][:10] in less.out.splitlines()[0]


@pytest.mark.usefixtures("spent_nusd")
async def test_a_channel_that_nobody_knows_is_refused_in_a_sentence(shell: Shell) -> None:
    unknown = await shell.run("budget", "set", "50", "--channel", "C0NOWHERE")
    assert (unknown.code, len(unknown.err.splitlines())) == (1, 1)
    assert "There is no channel C0NOWHERE in this ledger" in unknown.err
    async with SlackServer() as slack:
        env = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_API_URL": slack.url}
        refused = await shell.run("budget", "grant", "5", "--channel", "C0NOWHERE", env=env)
        taken = await shell.run("budget", "set", "50", "--channel", "C0PLATFORM", env=env)
    assert "There is no channel C0NOWHERE: nothing was asked or set there, and Slack knows none." in refused.err
    assert taken.out == "The monthly limit of C0PLATFORM went from $25.00 to $50.00.\n"
    assert shell.sql("SELECT account FROM audit WHERE actor = 'shell'") == [("C0PLATFORM",)]


@pytest.mark.usefixtures("spent_nusd")
async def test_the_same_limit_again_changes_nothing(shell: Shell) -> None:
    await shell.run("budget", "set", "50", "--channel", "C1")
    again = await shell.run("budget", "set", "50", "--channel", "C1")
    assert again.out == "Nothing changed: the monthly limit of C1 is $50.00 already.\n"
    assert shell.sql("SELECT COUNT(*) FROM audit WHERE actor = 'shell'") == [(1,)]


async def test_without_a_ledger_it_is_one_sentence(shell: Shell) -> None:
    refused = await shell.run("budget", "show")
    assert (refused.code, len(refused.err.splitlines())) == (1, 1)
