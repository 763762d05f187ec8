"""One process of the storm: owns a run, holds, lets the fake provider bill, settles, until it is killed.

python -m tests.crash.ledger_worker URL RUN BILLS_FILE SEED
"""

import asyncio
import os
import random
import sys

from patterns.core.errors import BudgetExceededError
from patterns.core.holds import Charged, Fence
from patterns.core.limits import Cap
from patterns.core.step_record import StepRecord
from storage.database.connect import connect
from storage.database.statements import Query, Work
from storage.ledger.ledger import SqlLedger
from tests.crash.ledger_storm import PRICES
from tests.support.ledgers import CENT, USD, Asking, FakeClock

TASKS = 6


async def main(url: str, run_id: str, bills: int, seed: int) -> None:
    """Claim the run, end what the last owner left, then spend for ever."""
    database = await connect(url)

    def claim() -> Work[int]:
        rows = yield Query("claim", "UPDATE run SET epoch = epoch + 1 WHERE id = :id RETURNING epoch")(id=run_id)
        return int(rows[0]["epoch"])

    run = Asking(run_id, caps=(Cap("run", run_id, 100_000 * USD),), epoch=await database.write(claim))
    ledger = SqlLedger(database, FakeClock(), PRICES)
    await ledger.recover_run(Fence(run_id, run.epoch))
    await asyncio.gather(*(spend(ledger, run, bills, random.Random(seed * TASKS + n)) for n in range(TASKS)))


async def spend(ledger: SqlLedger, run: Asking, bills: int, chance: random.Random) -> None:
    """Pairs of hold and settle; between them the provider bills, and what it bills is beyond anybody's recall."""
    while True:
        await asyncio.sleep(chance.random() * 0.01)
        held = chance.randint(1, 5) * CENT
        try:
            hold = await ledger.hold(run.hold(held))
        except BudgetExceededError:
            os.write(bills, b"refused 0\n")
            continue
        await asyncio.sleep(chance.random() * 0.003)
        billed = chance.randint(0, held)
        os.write(bills, f"{hold.call_id} {billed}\n".encode())
        await asyncio.sleep(chance.random() * 0.003)
        step = StepRecord(path=hold.call_id, input_hash="h", outcome="ok", text="answer", cost_nusd=billed)
        await ledger.settle(hold, Charged("settled", billed), run.fence, step)


if __name__ == "__main__":
    target = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    asyncio.run(main(sys.argv[1], sys.argv[2], target, int(sys.argv[4])))
