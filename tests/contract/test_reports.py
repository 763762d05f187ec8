"""A month's figures agree to the cent wherever people read them, on both databases."""

import csv
import io
import json
import random
import re
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.budgets.chart import chart_data
from bot.budgets.csv_export import calls_csv, calls_json, month_csv
from bot.messages.budget_text import balance_line, text
from bot.messages.budget_views import BudgetView
from bot.messages.month_report import FlowRating, Report, build_report, shown
from patterns.core.errors import UserError
from patterns.core.holds import Charged, Payer
from patterns.core.money import Usage, format_usd
from patterns.core.tools import ToolAnswer, ToolFacts
from storage.database.database import Database
from storage.ledger.balances import Balances
from storage.ledger.budgets import Budgets
from storage.ledger.ledger import SqlLedger
from storage.ledger.reports import Reports
from storage.ledger.verify import verify
from storage.runs import RunStore
from tests.support.ledgers import CENT, PAYER, POLICY, START_US, USD, Asking, FakeClock, open_run, set_flow

DAY_US = 86_400_000_000
OTHERS = (PAYER, replace(PAYER, user="U2"), replace(PAYER, user="U3"))


@pytest.fixture
def reports(database: Database, clock: FakeClock) -> Reports:
    return Reports(database, clock, POLICY)


@pytest.fixture
def ledger(database: Database, clock: FakeClock) -> SqlLedger:
    return SqlLedger(database, clock, POLICY)


async def spend(ledger: SqlLedger, clock: FakeClock, *, runs: int = 12, seed: int = 7) -> int:
    """A month of odd amounts by three people, four flows and two models; returns the sum in nano-dollars."""
    dice = random.Random(seed)
    total = 0
    await Budgets(ledger._db, clock, POLICY).set_limit(PAYER, 25 * USD, actor="U9")
    for number in range(runs):
        payer = OTHERS[number % 3]
        asking = Asking(run_id=f"R{number}", payer=payer)
        await open_run(ledger._db, asking)
        for _ in range(3):
            request = asking.hold(
                40 * CENT,
                flow=f"flow{dice.randint(1, 9)}",
                agent=f"agent{dice.randint(1, 4)}",
                model=dice.choice(["small", "large"]),
            )
            hold = await ledger.hold(request)
            nusd = dice.randint(1, 33 * CENT)
            if number % 5 == 4:
                await ledger.settle(hold, Charged("uncertain", hold.amount_nusd, reason="lost"), asking.fence)
                total += hold.amount_nusd
            else:
                usage = Usage(input_tokens=dice.randint(1, 9000), output_tokens=dice.randint(1, 900))
                await ledger.settle(hold, Charged("settled", nusd, usage=usage), asking.fence)
                total += nusd
        clock.us += 6 * 3_600_000_000
    return total


async def reported(reports: Reports, clock: FakeClock) -> Report:
    month = await reports.month(PAYER, "2026-11")
    return build_report(month, name="#platform", channel="C1", limit_nusd=25 * USD, zone="UTC", now_us=clock.us)


async def test_report_chart_csv_export_balance_and_verify_have_the_same_sum(
    database: Database, ledger: SqlLedger, reports: Reports, clock: FakeClock
) -> None:
    total = await spend(ledger, clock)
    month = await reports.month(PAYER, "2026-11")
    report = await reported(reports, clock)
    balance = await Balances(database, clock, POLICY).balance(PAYER)
    proven = await verify(database)
    calls = await reports.calls("T1", "2026-11")
    rows = csv.DictReader(io.StringIO(month_csv(month.spent, "2026-11")))
    exported = csv.DictReader(io.StringIO(calls_csv(calls)))
    sums = {
        "report": report.settled_nusd,
        "balance": balance.settled_nusd,
        "verify": proven.settled_nusd,
        "days": sum(report.days),
        "chart": chart_data(report).spent[-1],
        "csv": int(sum(Decimal(row["cost_usd"]) for row in rows) * USD),
        "export": int(sum(Decimal(row["cost_usd"]) for row in exported) * USD),
        "json": int(sum(Decimal(row["cost_usd"]) for row in json.loads(calls_json(calls))) * USD),
        "books": (await reports.workspace_summary("T1")).settled_nusd,
        "history": report.history[-1].nusd,
    }
    assert proven.ok
    assert set(sums.values()) == {total}


async def test_exports_name_tools_beside_models_with_what_came_of_their_calls(
    database: Database, ledger: SqlLedger, reports: Reports
) -> None:
    asking = Asking(run_id="R1")
    await open_run(database, asking)
    facts = ToolFacts("desk.act", "h", is_repeatable=False, timeout_ms=5000, approved_by="U2")
    tool = await ledger.hold(asking.hold(CENT, model="tool:desk.act", tool=facts))
    answer = ToolAnswer(120, is_error=True, elapsed_ms=1500)
    await ledger.settle(tool, Charged("settled", CENT, tool=answer), asking.fence)
    model = await ledger.hold(asking.hold(CENT))
    await ledger.settle(model, Charged("settled", 1, usage=Usage(10, 5)), asking.fence)
    exported = list(csv.DictReader(io.StringIO(calls_csv(await reports.calls("T1", "2026-11")))))
    names = ("model", "tool", "approved_by", "bytes_read", "failed", "seconds")
    assert [tuple(row[name] for name in names) for row in exported] == [
        ("", "desk.act", "U2", "120", "yes", "1.500"),
        ("small", "", "", "", "", ""),
    ]
    month = await reports.month(PAYER, "2026-11")
    rows = csv.DictReader(io.StringIO(month_csv(month.spent, "2026-11")))
    assert [(row["model"], row["tool"], row["calls"]) for row in rows] == [("", "desk.act", "1"), ("small", "", "1")]


async def test_every_list_of_parts_adds_up_to_the_cent_people_see(
    ledger: SqlLedger, reports: Reports, clock: FakeClock
) -> None:
    await spend(ledger, clock)
    report = await reported(reports, clock)
    seen = format_usd(report.settled_nusd)
    for parts in (report.flows, report.agents, report.models, report.people):
        assert format_usd(sum(part.nusd for part in shown(parts))) == seen
        assert sum(part.nusd for part in parts) == report.settled_nusd
    printed = [Decimal(found) for found in re.findall(r"^`flow\d`: \$([\d.]+)", _by_flow(report), re.MULTILINE)]
    others = re.search(r"\d+ others: \$([\d.]+)", _by_flow(report))
    assert others is not None
    assert f"${sum(printed) + Decimal(others[1])}" == seen
    assert f"*{seen}* of $25.00" in balance_line(report)


def _by_flow(report: Report) -> str:
    return next(part for part in text(BudgetView(report)).split("\n\n") if part.startswith("*By flow*"))


async def test_what_the_channel_sees_names_nobody(ledger: SqlLedger, reports: Reports, clock: FakeClock) -> None:
    await spend(ledger, clock)
    report = await reported(reports, clock)
    said = text(BudgetView(report))
    month = await reports.month(PAYER, "2026-11")
    assert re.findall(r"\bU\d\b", said + month_csv(month.spent, "2026-11")) == []
    assert [part.name for part in report.people] != []


async def test_days_follow_the_channels_own_midnight(
    database: Database, ledger: SqlLedger, reports: Reports, clock: FakeClock
) -> None:
    # 2026-11-18 20:00 UTC is already the 19th in Kathmandu, which is 5 hours and 45 minutes ahead.
    clock.us = START_US - START_US % DAY_US + 20 * 3_600_000_000
    await open_run(database, Asking())
    await ledger.settle(await ledger.hold(Asking().hold(CENT)), Charged("settled", CENT), Asking().fence)
    month = await reports.month(PAYER, "2026-11")
    days = {
        zone: build_report(month, name="", channel="C1", limit_nusd=USD, zone=zone, now_us=clock.us).days
        for zone in ("UTC", "Asia/Kathmandu")
    }
    assert days == {"UTC": (0,) * 17 + (CENT,), "Asia/Kathmandu": (0,) * 18 + (CENT,)}


async def test_what_people_thought_of_each_flow_is_counted_without_names(
    database: Database, ledger: SqlLedger, reports: Reports, clock: FakeClock
) -> None:
    runs = RunStore(database, clock)
    for flow, run_id, opinions in (("decide", "R1", ("up", "up", "down")), ("", "R2", ("down",)), ("draft", "R3", ())):
        asking = Asking(run_id=run_id)
        await open_run(database, asking)
        await set_flow(database, asking.fence, flow=flow, worst_nusd=CENT)
        await ledger.settle(await ledger.hold(asking.hold(CENT)), Charged("settled", CENT), asking.fence)
        for number, value in enumerate(opinions):
            await runs.record_feedback(run_id, user=f"U{number}", value=value)
    elsewhere = Asking(run_id="R4", payer=replace(PAYER, channel="C2"))
    await open_run(database, elsewhere)
    await ledger.settle(await ledger.hold(elsewhere.hold(CENT)), Charged("settled", CENT), elsewhere.fence)
    await runs.record_feedback("R4", user="U1", value="up")
    report = await reported(reports, clock)
    assert report.opinions == (FlowRating("(no flow)", 0, 1), FlowRating("decide", 2, 1))
    assert "*Did it help?*\n`(no flow)`: helped 0, did not 1\n`decide`: helped 2, did not 1" in text(BudgetView(report))


async def test_the_dearest_requests_come_first(ledger: SqlLedger, reports: Reports, clock: FakeClock) -> None:
    await spend(ledger, clock)
    month = await reports.month(PAYER, "2026-11", dearest=3)
    costs = [row["nusd"] for row in month.dearest]
    assert (len(costs), costs) == (3, sorted(costs, reverse=True))
    assert {row["run_id"] for row in month.dearest} & {"R4", "R9"} != set()


async def test_doubtful_calls_are_listed_until_somebody_releases_them(
    database: Database, ledger: SqlLedger, reports: Reports, clock: FakeClock
) -> None:
    await spend(ledger, clock)
    before = await reports.uncertain("T1", "C1")
    assert [row["reason"] for row in before] == ["lost"] * 6
    budgets = Budgets(database, clock, POLICY)
    await budgets.release_uncertain("T1", before[0]["id"], actor="U9", reason="not billed")
    after = await reports.month(PAYER, "2026-11")
    assert len(after.uncertain) == 5
    audit = await reports.audit("T1", "C1")
    assert [(row["action"], row["reason"]) for row in audit[:1]] == [("release_uncertain", "not billed")]


async def test_a_bill_above_its_hold_is_listed_and_alarms(
    database: Database, ledger: SqlLedger, reports: Reports, clock: FakeClock
) -> None:
    await open_run(database, Asking())
    hold = await ledger.hold(Asking().hold(90 * CENT))
    await ledger.settle(hold, Charged("settled", 2 * USD), Asking().fence)
    month = await reports.month(PAYER, "2026-11")
    assert [(row["id"], row["overrun_nusd"]) for row in month.overruns] == [(hold.call_id, 110 * CENT)]
    alarms = await reports.needs_attention("T1", since_us=0)
    assert sorted(row["action"] for row in alarms) == ["freeze", "quarantine"]
    assert await reports.needs_attention("T1", since_us=clock.us + 1) == []


async def test_a_channel_sees_the_log_of_itself_and_of_the_workspace_only(
    database: Database, reports: Reports, clock: FakeClock
) -> None:
    budgets = Budgets(database, clock, POLICY)
    await budgets.set_limit(PAYER, USD, actor="U9")
    await budgets.grant(PAYER, USD, actor="U9", reason="here")
    await budgets.set_limit(replace(PAYER, channel="C2"), USD, actor="U9", reason="elsewhere")
    await budgets.grant(replace(PAYER, channel="C12"), USD, actor="U9", reason="elsewhere")
    await budgets.pause("T1", actor="U9", reason="everywhere")
    here = await reports.audit("T1", "C1")
    assert sorted(row["action"] for row in here) == ["grant", "pause", "set_limit"]
    assert "elsewhere" not in {row["reason"] for row in here}
    assert len(await reports.audit("T1")) == 5


async def test_books_show_each_payer_with_what_is_in_force(
    database: Database, ledger: SqlLedger, reports: Reports, clock: FakeClock
) -> None:
    await open_run(database, Asking())
    hold = await ledger.hold(Asking().hold(30 * CENT))
    budgets = Budgets(database, clock, POLICY)
    await budgets.set_limit(Payer("T1", "C2", "channel", "U1"), 7 * USD, actor="U9")
    await budgets.set_defaults("T1", {"default_channel_nusd": 2 * USD}, actor="U9")
    await budgets.freeze(Payer("T1", "C2", "channel", "U1"), actor="U9", reason="audit")
    books = await reports.workspace_summary("T1")
    assert [(one.settings.id, one.limit_nusd, one.held_nusd, one.settings.frozen) for one in books.payers] == [
        ("C1", 2 * USD, hold.amount_nusd, False),
        ("C2", 7 * USD, 0, True),
    ]
    assert (books.limit_nusd, books.held_nusd, books.default_channel_nusd) == (100 * USD, hold.amount_nusd, 2 * USD)


async def test_the_same_grant_is_made_once(database: Database, clock: FakeClock) -> None:
    budgets = Budgets(database, clock, POLICY)
    await budgets.grant(PAYER, USD, actor="U9", reason="", key="trigger:1")
    with pytest.raises(UserError, match="granted already"):
        await budgets.grant(PAYER, USD, actor="U9", reason="", key="trigger:1")
    balance = await Balances(database, clock, POLICY).balance(PAYER)
    assert balance.granted_nusd == USD
