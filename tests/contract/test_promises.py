"""The three promises as figures, on both databases: what a crash left is counted until somebody settled it."""

from storage.database.database import Database
from storage.ledger.ledger import SqlLedger
from storage.promises import Money, Promises, Waiting, read_promises
from storage.runs import RunStore
from tests.support.ledgers import CENT, NEW_RUN, Asking, FakeClock

NONE = Waiting(0, 0)
LEASE_S = 30.0


async def test_an_empty_house_has_kept_all_of_them(database: Database, clock: FakeClock) -> None:
    assert await read_promises(database, clock, since="2026-11") == Promises(0, 0, 0, 0, 0, NONE, NONE, NONE)


async def test_a_hold_is_unsettled_once_nobody_owns_its_run(
    database: Database, clock: FakeClock, store: RunStore, ledger: SqlLedger
) -> None:
    run_id, _ = await store.accept(NEW_RUN)
    run = await store.claim(run_id, owner="A", lease_s=LEASE_S)
    assert run is not None
    hold = await ledger.hold(Asking(run_id=run_id).hold(10 * CENT))
    told = await read_promises(database, clock, since="2026-11")
    assert (told.held, told.held_nusd, told.unsettled) == (1, hold.amount_nusd, 0)
    [month] = told.months.values()
    assert month == Money(settled_nusd=0, held_nusd=hold.amount_nusd)

    clock.us += int(LEASE_S + 1) * 1_000_000
    assert (await read_promises(database, clock, since="2026-11")).unsettled == 1

    again = await store.claim(run_id, owner="B", lease_s=LEASE_S)
    assert again is not None
    await ledger.recover_run(again.fence)
    told = await read_promises(database, clock, since="2026-11")
    assert (told.held, told.unsettled, told.uncertain, told.uncertain_nusd) == (0, 0, 1, hold.amount_nusd)
