"""What admins may change, and what they read."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from patterns.core.errors import BudgetExceededError, UserError
from patterns.core.holds import Charged, Payer
from storage.database.database import ConstraintError, Database
from storage.ledger.backup import backup
from storage.ledger.balances import Balances
from storage.ledger.budgets import Budgets, Change
from storage.ledger.ledger import SqlLedger
from storage.ledger.reports import Reports
from storage.ledger.verify import verify
from tests.support.ledgers import CENT, PAYER, POLICY, USD, Asking, FakeClock, execute, open_run, settled

MONTH_END_US = 1_796_083_200_000_000  # 2026-12-01 00:00 UTC


@pytest.fixture
def budgets(database: Database) -> Budgets:
    return Budgets(database, FakeClock(), POLICY)


@pytest.fixture
def balances(database: Database) -> Balances:
    return Balances(database, FakeClock(), POLICY)


@pytest.fixture
def ledger(database: Database) -> SqlLedger:
    return SqlLedger(database, FakeClock(), POLICY)


@pytest.fixture
async def run(database: Database) -> Asking:
    asking = Asking()
    await open_run(database, asking)
    return asking


async def test_a_channel_nobody_configured_has_the_default(balances: Balances) -> None:
    balance = await balances.balance(PAYER)
    assert (balance.limit_nusd, balance.free_nusd, balance.period) == (USD, USD, "2026-11")
    assert balance.resets_at_us == MONTH_END_US


async def test_a_changed_limit_keeps_what_was_spent(
    ledger: SqlLedger, budgets: Budgets, balances: Balances, run: Asking
) -> None:
    await ledger.settle(await ledger.hold(run.hold(60 * CENT)), settled(60 * CENT), run.fence)
    change = await budgets.set_limit(PAYER, 2 * USD, actor="U9", reason="launch")
    balance = await balances.balance(PAYER)
    assert change == Change({"limit_nusd": None}, {"limit_nusd": 2 * USD})
    assert (balance.settled_nusd, balance.free_nusd) == (60 * CENT, 140 * CENT)
    await ledger.hold(run.hold(130 * CENT))


async def test_a_lowered_limit_only_blocks_what_is_new(
    ledger: SqlLedger, budgets: Budgets, balances: Balances, run: Asking
) -> None:
    hold = await ledger.hold(run.hold(60 * CENT))
    await budgets.set_limit(PAYER, 10 * CENT, actor="U9")
    with pytest.raises(BudgetExceededError):
        await ledger.hold(run.hold(CENT))
    await ledger.settle(hold, settled(60 * CENT), run.fence)
    balance = await balances.balance(PAYER)
    assert (balance.settled_nusd, balance.free_nusd) == (60 * CENT, 0)


async def test_a_grant_counts_this_month_only(ledger: SqlLedger, budgets: Budgets, run: Asking) -> None:
    await budgets.grant(PAYER, 50 * CENT, actor="U9", reason="demo day")
    await ledger.hold(run.hold(150 * CENT))
    later = SqlLedger(ledger._db, FakeClock(MONTH_END_US + 1), POLICY)
    with pytest.raises(BudgetExceededError):
        await later.hold(run.hold(101 * CENT))


async def test_a_cap_per_person_knows_what_they_spent_before_it(
    ledger: SqlLedger, budgets: Budgets, run: Asking
) -> None:
    await ledger.settle(await ledger.hold(run.hold(30 * CENT)), settled(30 * CENT), run.fence)
    await budgets.set_user_cap(PAYER, 40 * CENT, actor="U9")
    with pytest.raises(BudgetExceededError) as refused:
        await ledger.hold(run.hold(20 * CENT))
    await ledger.hold(replace(run.hold(20 * CENT), payer=Payer("T1", "C1", "channel", "U2")))
    assert (refused.value.kind, refused.value.settled_nusd) == ("user", 30 * CENT)


async def test_frozen_blocks_even_what_is_free(ledger: SqlLedger, budgets: Budgets, run: Asking) -> None:
    await budgets.freeze(PAYER, actor="U9", reason="under review")
    with pytest.raises(BudgetExceededError) as refused:
        await ledger.hold(run.hold(0))
    await budgets.unfreeze(PAYER, actor="U9")
    await ledger.hold(run.hold(0))
    assert refused.value.blocked == "frozen"


async def test_a_paused_workspace_stops_every_channel(ledger: SqlLedger, budgets: Budgets, run: Asking) -> None:
    await budgets.pause("T1", actor="U9", reason="incident")
    with pytest.raises(BudgetExceededError) as refused:
        await ledger.hold(run.hold(0))
    await budgets.resume("T1", actor="U9")
    await ledger.hold(run.hold(0))
    assert refused.value.blocked == "paused"


async def test_the_workspaces_limit_binds_all_channels_together(
    ledger: SqlLedger, budgets: Budgets, run: Asking
) -> None:
    await budgets.set_defaults("T1", {"limit_nusd": 90 * CENT, "default_channel_nusd": 80 * CENT}, actor="U9")
    await ledger.hold(run.hold(50 * CENT))
    with pytest.raises(BudgetExceededError) as refused:
        await ledger.hold(replace(run.hold(50 * CENT), payer=Payer("T1", "C2", "channel", "U1")))
    assert (refused.value.kind, refused.value.limit_nusd) == ("workspace", 90 * CENT)


async def test_an_uncertain_call_is_released_with_a_reason_and_once(
    ledger: SqlLedger, budgets: Budgets, balances: Balances, run: Asking, database: Database
) -> None:
    hold = await ledger.hold(run.hold(30 * CENT))
    await ledger.settle(hold, Charged("uncertain", 0, reason="timeout"), run.fence)
    (listed,) = await Reports(database, FakeClock(), POLICY).uncertain("T1")
    await budgets.release_uncertain("T1", hold.call_id, actor="U9", reason="not on the bill")
    with pytest.raises(UserError):
        await budgets.release_uncertain("T1", hold.call_id, actor="U9", reason="again")
    assert (listed["id"], listed["reason"]) == (hold.call_id, "timeout")
    assert (await balances.balance(PAYER)).settled_nusd == 0
    assert (await verify(database)).ok


async def test_a_lifted_quarantine_holds_more(
    ledger: SqlLedger, budgets: Budgets, balances: Balances, run: Asking
) -> None:
    await ledger.settle(await ledger.hold(run.hold(10 * CENT)), settled(14 * CENT), run.fence)
    (held_back,) = await balances.quarantined("T1")
    await budgets.lift_quarantine("T1", "small", allowance_pct=150, actor="U9")
    hold = await ledger.hold(run.hold(10 * CENT))
    assert (held_back["model"], hold.amount_nusd) == ("small", 15 * CENT)
    with pytest.raises(UserError):
        await budgets.lift_quarantine("T1", "small", allowance_pct=120, actor="U9")


async def test_every_change_is_in_the_audit_log_which_nobody_can_edit(budgets: Budgets, database: Database) -> None:
    await budgets.set_limit(PAYER, USD, actor="U9", reason="a")
    await budgets.set_limit(PAYER, 2 * USD, actor="U8", reason="b")
    lines = await Reports(database, FakeClock(), POLICY).audit("T1")
    changes = {(line["actor"], line["reason"], json.loads(line["before_json"])["limit_nusd"]) for line in lines}
    assert changes == {("U9", "a", None), ("U8", "b", USD)}
    with pytest.raises(ConstraintError, match="append-only"):
        await execute(database, "UPDATE audit SET reason = ''")
    with pytest.raises(ConstraintError, match="append-only"):
        await execute(database, "DELETE FROM audit")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM call",
        "UPDATE call SET state = 'open'",
        "UPDATE call SET hold_nusd = 1",
        "UPDATE call SET state = 'uncertain'",
        "UPDATE call SET user_id = 'U2'",
    ],
)
async def test_a_call_cannot_leave_its_states(ledger: SqlLedger, run: Asking, database: Database, sql: str) -> None:
    await ledger.settle(await ledger.hold(run.hold(CENT)), settled(CENT), run.fence)
    with pytest.raises(ConstraintError):
        await execute(database, sql)


STATES = ("reserved", "open", "settled", "uncertain", "released")
ALLOWED = {
    ("reserved", "reserved"),
    ("reserved", "released"),
    ("open", "settled"),
    ("open", "uncertain"),
    ("open", "released"),
    ("uncertain", "settled"),
    ("uncertain", "released"),
    ("released", "settled"),
}


@pytest.mark.parametrize("before", STATES)
async def test_the_database_itself_keeps_a_call_on_its_way(
    ledger: SqlLedger, run: Asking, database: Database, before: str
) -> None:
    for after in STATES:
        if before == "reserved":
            call_id = (await ledger.reserve_many([run.reserve(1)]))[0].call_id
        else:
            call_id = (await ledger.hold(run.hold(1))).call_id
            if before != "open":
                await execute(database, "UPDATE call SET state = :state WHERE id = :id", id=call_id, state=before)
        changing = execute(database, "UPDATE call SET state = :state WHERE id = :id", id=call_id, state=after)
        if (before, after) in ALLOWED:
            await changing
        else:
            with pytest.raises(ConstraintError, match="along its states"):
                await changing


@pytest.mark.parametrize("nusd", [-1, 2_000_000 * USD])
async def test_an_absurd_limit_is_refused(budgets: Budgets, nusd: int) -> None:
    with pytest.raises(UserError, match="amount between"):
        await budgets.set_limit(PAYER, nusd, actor="U9")


async def test_an_unknown_zone_is_refused(budgets: Budgets) -> None:
    with pytest.raises(UserError, match="no time zone 'Mars/Olympus'"):
        await budgets.set_zone(PAYER, "Mars/Olympus", actor="U9")


async def test_a_zone_set_before_the_first_hold_counts_at_once(budgets: Budgets, balances: Balances) -> None:
    await budgets.set_zone(PAYER, "Pacific/Kiritimati", actor="U9")
    balance = await balances.balance(PAYER)
    assert balance.resets_at_us == MONTH_END_US - 14 * 3_600_000_000


async def test_what_is_held_names_its_runs(ledger: SqlLedger, balances: Balances, run: Asking) -> None:
    await ledger.reserve_many([run.reserve(10 * CENT)])
    await ledger.hold(run.hold(5 * CENT))
    (row,) = await balances.held_by_runs(PAYER)
    assert (row["run_id"], row["calls"], row["held_nusd"]) == ("R1", 2, 15 * CENT)


async def test_sums_that_do_not_add_up_are_found(ledger: SqlLedger, run: Asking, database: Database) -> None:
    await ledger.settle(await ledger.hold(run.hold(20 * CENT)), settled(10 * CENT), run.fence)
    await ledger.hold(run.hold(5 * CENT))
    sound = await verify(database)
    await execute(database, "UPDATE account SET settled_nusd = 1 WHERE kind = 'user'")
    broken = await verify(database)
    assert (sound.ok, sound.accounts, sound.calls) == (True, 3, 2)
    assert (sound.settled_nusd, sound.held_nusd) == (10 * CENT, 5 * CENT)
    assert [row["id"] for row in broken.differences] == ["T1/user/C1:U1/2026-11"]


async def test_a_backup_is_complete_and_checked(sqlite_url: str, tmp_path: Path) -> None:
    from storage.database.connect import connect  # noqa: PLC0415 - SQLite only, so not the fixture

    database = await connect(sqlite_url)
    run = Asking()
    await open_run(database, run)
    ledger = SqlLedger(database, FakeClock(), POLICY)
    await ledger.hold(run.hold(5 * CENT))
    found = await backup(sqlite_url, tmp_path / "copy.db")
    with pytest.raises(UserError, match="never overwritten"):
        await backup(sqlite_url, tmp_path / "copy.db")
    await database.close()
    assert (found.ok, found.calls, found.held_nusd) == (True, 1, 5 * CENT)


async def test_a_backup_of_postgresql_names_its_tool(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="pg_dump"):
        await backup("postgresql:///x", tmp_path / "copy.db")
