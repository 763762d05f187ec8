"""A month by the models that answered, as each run kept them; its parts add up to its sum, on both databases."""

import random
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import pytest

from bot.budgets.call_models import month_with_models, with_provider_models
from patterns.core.holds import Charged
from patterns.core.money import Usage
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from storage.database.database import Database
from storage.journal import SqlJournal
from storage.ledger import months
from storage.ledger.ledger import SqlLedger
from storage.ledger.months import Month, SpendRow
from storage.ledger.reports import Reports
from tests.support.ledgers import CENT, PAYER, POLICY, Asking, FakeClock, open_run

MONTH = "2026-11"
TODAY = {"small": "openai/of-today", "large": "openai/large-today"}


@pytest.fixture
def reports(database: Database, clock: FakeClock) -> Reports:
    return Reports(database, clock, POLICY)


@pytest.fixture
def ledger(database: Database, clock: FakeClock) -> SqlLedger:
    return SqlLedger(database, clock, POLICY)


async def keep(ledger: SqlLedger, asking: Asking, model: str, *, path: str = "setup", epoch: int = 1) -> None:
    """Have a run keep which model its name `small` stands for from that owner on."""
    data = {"epoch": epoch, "models": {"small": {"id": model, "price": "1/1"}}, "tools": []}
    step = StepRecord(path=path, input_hash="", outcome="decision", data=data)
    await SqlJournal(ledger._db, ledger._clock).record(asking.fence, step)


async def asked(ledger: SqlLedger, run_id: str, kept: str, *, cents: int, models: tuple[str, ...] = ("small",)) -> None:
    """Open a run that kept a model, or none, and pay for a call of each name."""
    asking = Asking(run_id=run_id)
    await open_run(ledger._db, asking)
    if kept:
        await keep(ledger, asking, kept)
    for model in models:
        hold = await ledger.hold(asking.hold(cents * CENT, model=model))
        await ledger.settle(hold, Charged("settled", cents * CENT, usage=Usage(10, 5)), asking.fence)


async def told(reports: Reports, *, deep: bool = True) -> list[tuple[str, int, int, int]]:
    """Return the month's models with calls, cents and tokens."""
    month = await month_with_models(reports, PAYER, MONTH, TODAY, deep=deep)
    return [(one.model, one.calls, one.nusd // CENT, one.input_tokens) for one in month.spent]


async def test_calls_have_the_models_that_the_owner_of_their_run_had(
    database: Database, ledger: SqlLedger, reports: Reports, clock: FakeClock
) -> None:
    asking = Asking(run_id="R1")
    await open_run(database, asking)
    for epoch, path, model in ((1, "setup", "openai/gpt-5-mini"), (4, "setup/4", "anthropic/claude-haiku-4-5")):
        data = {"epoch": epoch, "models": {"small": {"id": model, "price": "1/1"}}}
        kept = StepRecord(path=path, input_hash="", outcome="decision", data=data)
        await SqlJournal(database, clock).record(asking.fence, kept)
    hold = await ledger.hold(asking.hold(CENT))
    await ledger.settle(hold, Charged("settled", 1, usage=Usage(10, 5)), asking.fence)
    (call,) = await reports.calls("T1", "2026-11")
    told = {epoch: with_provider_models([{**call, "owner_epoch": epoch}])[0]["model"] for epoch in (1, 3, 4, 5)}
    assert told == {
        1: "openai/gpt-5-mini", 3: "openai/gpt-5-mini",
        4: "anthropic/claude-haiku-4-5", 5: "anthropic/claude-haiku-4-5",
    }  # fmt: skip
    assert with_provider_models([{**call, "setups": []}])[0]["model"] == "small"
    assert with_provider_models([{**call, "setups": []}], {"small": "openai/today"})[0]["model"] == "openai/today"


async def test_a_month_names_the_models_that_its_runs_kept(ledger: SqlLedger, reports: Reports) -> None:
    both = ("small", "large")
    await asked(ledger, "R1", "", cents=1, models=both)
    assert await told(reports) == [("openai/large-today", 1, 1, 10), ("openai/of-today", 1, 1, 10)]
    await asked(ledger, "R2", "openai/then", cents=2, models=both)
    assert await told(reports) == [
        ("openai/large-today", 2, 3, 20), ("openai/then", 1, 2, 10), ("openai/of-today", 1, 1, 10),
    ]  # fmt: skip
    await asked(ledger, "R3", "anthropic/later", cents=5, models=both)
    assert await told(reports) == [
        ("openai/large-today", 3, 8, 30), ("anthropic/later", 1, 5, 10),
        ("openai/then", 1, 2, 10), ("openai/of-today", 1, 1, 10),
    ]  # fmt: skip
    assert await told(reports, deep=False) == [
        ("anthropic/later or openai/then or openai/of-today", 3, 8, 30), ("openai/large-today", 3, 8, 30),
    ]  # fmt: skip


async def test_no_report_looks_at_more_runs_than_that_however_large_the_ledger_is(
    ledger: SqlLedger, reports: Reports, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, model in enumerate(("openai/old", "openai/new", "openai/new")):
        clock.us += 1_000_000
        await asked(ledger, f"R{number}", model, cents=1)
    assert sorted(name for name, *_ in await told(reports)) == ["openai/new", "openai/old"]
    monkeypatch.setattr(months, "RUNS_MOST", 2)
    assert await told(reports) == [("openai/new", 3, 3, 30)]


async def test_a_run_that_kept_nothing_has_the_name_of_today_whatever_others_kept(
    ledger: SqlLedger, reports: Reports
) -> None:
    await asked(ledger, "R1", "openai/then", cents=1)
    assert await told(reports) == await told(reports, deep=False) == [("openai/then", 1, 1, 10)]
    asking = Asking(run_id="R2")
    await open_run(ledger._db, asking)
    hold = await ledger.hold(asking.hold(3 * CENT))
    await ledger.settle(hold, Charged("uncertain", 3 * CENT, reason=Reason.TRUNCATED), asking.fence)
    month = await month_with_models(reports, PAYER, MONTH, TODAY)
    assert [row["model"] for row in month.uncertain] == ["openai/of-today"]
    assert await told(reports) == [("openai/of-today", 1, 3, 0), ("openai/then", 1, 1, 10)]


async def test_a_first_owner_that_kept_nothing_is_told_apart_from_the_second(
    ledger: SqlLedger, reports: Reports
) -> None:
    asking = Asking(run_id="R1")
    await asked(ledger, "R1", "", cents=1)
    await keep(ledger, asking, "openai/then", epoch=2)
    assert await told(reports) == [("openai/of-today", 1, 1, 10)]
    assert await told(reports, deep=False) == [("openai/then or openai/of-today", 1, 1, 10)]


async def test_the_parts_add_up_to_the_sum_while_calls_are_paid(
    ledger: SqlLedger, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(ledger, "R1", "openai/then", cents=1)
    await asked(ledger, "R2", "anthropic/later", cents=2)
    reading, names = ledger._db.read, iter(range(3, 9))

    async def paid_behind(work: Callable[[], Any]) -> Any:
        found = await reading(work)
        monkeypatch.setattr(ledger._db, "read", reading)
        await asked(ledger, f"R{next(names)}", "openai/then", cents=4)
        monkeypatch.setattr(ledger._db, "read", paid_behind)
        return found

    monkeypatch.setattr(ledger._db, "read", paid_behind)
    month = await month_with_models(reports, PAYER, MONTH, TODAY)
    assert sum(one.nusd for one in month.spent) == month.settled_nusd == 3 * CENT


@pytest.mark.parametrize("seed", range(2))
async def test_sums_by_model_are_those_of_the_ledger(ledger: SqlLedger, reports: Reports, seed: int) -> None:
    dice = random.Random(seed)
    for number in range(12):
        asking = Asking(run_id=f"R{number}")
        await open_run(ledger._db, asking)
        if kept := dice.choice(["m/one", "m/two", ""]):
            await keep(ledger, asking, kept)
        for _ in range(3):
            hold = await ledger.hold(asking.hold(2 * CENT, model=dice.choice(["small", "large"])))
            usage = Usage(dice.randint(1, 99), 5)
            ends = [
                Charged("settled", dice.randint(1, 2 * CENT), usage=usage),
                Charged("uncertain", 2 * CENT, reason=Reason.TRUNCATED),
                Charged("released", 0, reason=Reason.NEVER_SENT),
            ]
            if (end := dice.choice([*ends, None])) is not None:
                await ledger.settle(hold, end, asking.fence)
    month = await reports.month(PAYER, MONTH)
    by_model = await month_with_models(reports, PAYER, MONTH, TODAY)
    assert _sums(by_model) == _sums(month)
    assert {one.model for one in by_model.spent} == {"m/one", "m/two", "openai/of-today", "openai/large-today"}


def _sums(month: Month) -> list[int]:
    amounts = [astuple(one)[SpendRow.__slots__.index("calls") :] for one in month.spent]
    return [sum(column) for column in zip(*amounts, strict=True)]
