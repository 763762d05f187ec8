"""A person's cap over all channels of a month: eight channels are not eight budgets."""

from dataclasses import replace

import pytest

from patterns.core.errors import BudgetExceededError
from patterns.core.holds import Payer
from storage.database.database import Database
from storage.ledger.balances import Balances
from storage.ledger.ledger import SqlLedger
from storage.ledger.verify import verify
from tests.support.ledgers import CENT, POLICY, USD, Asking, FakeClock, open_run, settled

CAPPED = replace(POLICY, person_nusd=USD)


async def spend(ledger: SqlLedger, database: Database, channel: str, *, user: str = "U1") -> None:
    asking = Asking(run_id=f"r-{channel}-{user}", payer=Payer("T1", channel, "channel", user))
    await open_run(database, asking)
    await ledger.settle(await ledger.hold(asking.hold(30 * CENT)), settled(30 * CENT), asking.fence)


async def test_channels_add_up_for_one_person_and_for_nobody_else(database: Database, clock: FakeClock) -> None:
    ledger = SqlLedger(database, clock, CAPPED)
    for channel in ("C1", "C2", "C3"):
        await spend(ledger, database, channel)
    with pytest.raises(BudgetExceededError, match=r"Your part of all channels is \$1\.00: \$0\.90 spent"):
        await spend(ledger, database, "C4")
    await spend(ledger, database, "C4", user="U2")
    await ledger.close()
    assert (await verify(database)).ok


async def test_without_it_there_is_no_such_account(database: Database, clock: FakeClock) -> None:
    ledger = SqlLedger(database, clock, POLICY)
    await spend(ledger, database, "C1")
    await ledger.close()
    payer = Payer("T1", "C1", "channel", "U1")
    kinds = [(one.kind, one.is_of_all_channels) for one in await Balances(database, clock, POLICY).balances(payer)]
    assert kinds == [("workspace", False), ("channel", False), ("user", False)]
    capped = await Balances(database, clock, CAPPED).balances(payer)
    assert (capped[-1].is_of_all_channels, capped[-1].limit_nusd) == (True, USD)
