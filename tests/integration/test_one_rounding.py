"""One rounding: balance, budget, alert, chart, footer and file say the same cents of the same month."""

import csv
import io
import re
from dataclasses import replace

import pytest

from bot.budgets.chart import alt_text
from bot.budgets.csv_export import month_csv
from bot.commands import budget as said
from bot.messages.budget_text import text
from bot.messages.list_text import balances
from bot.messages.outcome_text import footer
from bot.messages.run_text import left, usd
from bot.messages.views import AnswerView, Person, RunState, RunView
from patterns.core.events import PatternResult, StopReason
from patterns.core.holds import Charged
from patterns.core.money import CENT_NUSD
from tests.integration import test_budget_desk as at_the_desk
from tests.integration.test_budget_desk import ADMIN, Desk
from tests.support.ledgers import PAYER, USD, Asking, open_run

desk = at_the_desk.desk
AMOUNT = re.compile(r"\$\d+\.\d+")


async def spend(desk: Desk, nusd: int, *, agents: tuple[str, ...]) -> None:
    asking = Asking(payer=PAYER)
    await open_run(desk.ledger._db, asking)
    for number, agent in enumerate(agents):
        part = nusd // len(agents) + (number == 0) * (nusd % len(agents))
        hold = await desk.ledger.hold(replace(asking.hold(part), agent=agent))
        await desk.ledger.settle(hold, Charged("settled", part), asking.fence)


@pytest.mark.parametrize(
    ("spent_nusd", "spent", "rest"),
    [
        (984_000_000, "$0.99", "$0.01"),
        (980_000_001, "$0.99", "$0.01"),
        (989_999_999, "$0.99", "$0.01"),
        (900_000_000, "$0.90", "$0.10"),
        (999_999_000, "$1.00", "$0.0000010"),
    ],
)
async def test_one_months_money_is_the_same_to_the_cent_everywhere(
    desk: Desk,
    spent_nusd: int,
    spent: str,
    rest: str,
) -> None:
    agents = ("advocate", "cost", "operations", "sceptic")
    await spend(desk, spent_nusd, agents=agents)
    await desk.alerts.check()
    month = await desk.desk.reports.month(PAYER, "2026-11")
    view = await desk.do(said.ShowBudget(), user=ADMIN)
    shown = text(view)
    balance = await desk.desk.profiles.balance(PAYER)
    head = shown.split("\n")[1]
    lines = shown.partition("By agent*\n")[2].partition("\n\n")[0].splitlines()
    run = RunView("r1", "C1", Person("U1", "Ada"), "Why?", RunState.DONE)
    result = PatternResult(output="So.", stop_reason=StopReason.COMPLETED, cost_nusd=spent_nusd)
    one = balances(await desk.desk.profiles.all(PAYER, with_workspace=False))
    assert f"{rest} is left in #platform ($1.00 limit, {spent} spent)" in one
    assert head.startswith(f"*{spent}* of $1.00 spent")
    assert f"*{rest} left*" in head
    assert any(f"{spent} of $1.00 are spent in #platform" in told for _, told in desk.out.posted), desk.out.posted
    assert f": {spent} of $1.00" in alt_text(view.report)
    assert footer(AnswerView(run, result, 14, 4, 4, 4)).startswith(f"{spent} · ")
    assert (left(balance), usd(balance.settled_nusd)) == (rest, spent)
    cents = [round(float(AMOUNT.findall(line)[0][1:]) * 100) for line in lines]
    assert sum(cents) == round(float(spent[1:]) * 100)
    assert sum(int(re.findall(r"(\d+) %", line)[0]) for line in lines) == 100
    rows = csv.DictReader(io.StringIO(month_csv(month.spent, "2026-11")))
    exact = sum(round(float(row["cost_usd"]) * USD) for row in rows)
    assert exact == spent_nusd


@pytest.mark.parametrize(
    ("spent_nusd", "exactly"), [(11_700_000, "$0.0117"), (20_000_000, ""), (4_200_000, ""), (1_011_700_000, "")]
)
async def test_a_month_of_a_few_cents_says_what_its_amounts_are_rounded_from(
    desk: Desk, spent_nusd: int, exactly: str
) -> None:
    await desk.do(said.SetAmount("limit", 5 * USD), user=ADMIN)
    await spend(desk, spent_nusd, agents=("advocate",))
    shown = text(await desk.do(said.ShowBudget(), user=ADMIN))
    line = f"Amounts are rounded up to whole cents: exactly {exactly} is spent."
    assert [one for one in shown.splitlines() if one.startswith("Amounts are")] == [line] * bool(exactly)


async def test_four_near_equal_agents_have_near_equal_shares(desk: Desk) -> None:
    await spend(desk, CENT_NUSD - 3, agents=("advocate", "cost", "operations", "sceptic"))
    shown = text(await desk.do(said.ShowBudget(), user=ADMIN))
    lines = shown.partition("By agent*\n")[2].partition("\n\n")[0].splitlines()
    assert [line.partition(": ")[2] for line in lines] == ["$0.0025 · 25 % · 1 call"] * 4
