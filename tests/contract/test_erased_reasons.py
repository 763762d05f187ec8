"""A forgotten person's reasons leave the audit log, on both databases; who did what when stays as it was."""

import json

import pytest

from patterns.core.holds import Payer
from storage.audit import AuditLog
from storage.database.database import ConstraintError, Database
from storage.ledger.budgets import Budgets
from tests.support.ledgers import CENT, POLICY, USD, FakeClock, execute, personal_data, rows

PAYER = Payer("T1", "C1", "channel", "U1")
CANARY, OTHER = "because of chrysanthemum-4711", "because of forget-me-not-0815"


async def everything(database: Database) -> str:
    tables = ("audit", "channel", "workspace", "account")
    found = [await rows(database, f"SELECT * FROM {table}") for table in tables]  # noqa: S608 - names of ours
    return json.dumps([[dict(row) for row in part] for part in found], default=str)


async def changed(database: Database) -> FakeClock:
    """Changes by two admins, one of whom is forgotten."""
    clock = FakeClock()
    budgets = Budgets(database, clock, POLICY)
    await budgets.set_limit(PAYER, 50 * CENT, actor="UGONE", reason=CANARY)
    await budgets.grant(PAYER, USD, actor="UHERE", reason=OTHER, key="g1")
    await budgets.freeze(PAYER, actor="UGONE", reason=CANARY)
    await budgets.unfreeze(PAYER, actor="UHERE", reason=OTHER)
    await budgets.freeze(PAYER, actor="UGONE", reason=CANARY)
    await budgets.pause("T1", actor="UGONE", reason=CANARY)
    await personal_data(database, clock).request_person_erasure(workspace="T1", user="UGONE", actor="shell")
    return clock


async def test_the_words_go_and_the_entries_stay(database: Database) -> None:
    clock = await changed(database)
    before = await AuditLog(database, clock).entries_since(0)
    assert CANARY in await everything(database)
    assert await personal_data(database, clock).erase_requested() == []
    left = await everything(database)
    assert (CANARY in left, OTHER in left) == (False, True)
    after = await AuditLog(database, clock).entries_since(0)
    kept = ("id", "at_us", "actor", "action", "account")
    assert [[row[name] for name in kept] for row in after] == [[row[name] for name in kept] for row in before]
    (limit,) = (row for row in after if row["action"] == "set_limit")
    assert json.loads(limit["after_json"]) == {"limit_nusd": 50 * CENT}


@pytest.mark.parametrize("change", ["actor = 'X'", "reason = 'another'", "after_json = '{}'", "at_us = 1"])
async def test_nothing_else_of_an_entry_changes_while_somebody_is_forgotten(database: Database, change: str) -> None:
    await changed(database)
    with pytest.raises(ConstraintError, match="append-only"):
        await execute(database, f"UPDATE audit SET {change}")  # noqa: S608 - ours


async def test_no_words_change_while_nobody_is_forgotten(database: Database) -> None:
    clock = await changed(database)
    await personal_data(database, clock).erase_requested()
    with pytest.raises(ConstraintError, match="append-only"):
        await execute(database, "UPDATE audit SET reason = ''")
