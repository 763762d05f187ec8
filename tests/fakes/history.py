"""Two months of work in a ledger, written through the ledger itself, so that every sum is a true one."""

import random
from dataclasses import replace

from patterns.core.holds import Charged, Payer
from patterns.core.money import Usage
from storage.database.database import Database
from storage.ledger.book import Policy
from storage.ledger.ledger import SqlLedger
from storage.ledger.periods import period_end_us, period_key
from tests.support.ledgers import CENT, Asking, FakeClock, execute, open_run

FLOWS = {
    "decide": ("advocate", "sceptic", "cost", "operations", "chair"),
    "draft": ("writer", "critic"),
    "answer": ("researcher",),
    "catchup": ("summarizer", "editor"),
}
MODELS = ("openai/gpt-5-mini", "openai/gpt-5.2")
HOUR_US = 3_600_000_000


async def work_of_two_months(
    database: Database, policy: Policy, payer: Payer, *, users: tuple[str, ...], now_us: int, seed: int = 11
) -> int:
    """Requests of last month and of this one until an hour ago; returns this month's nano-dollars."""
    dice = random.Random(seed)
    this = period_key(now_us, policy.zone)
    year, month = map(int, this.split("-"))
    last = f"{year - (month == 1)}-{(month - 2) % 12 + 1:02d}"
    clock = FakeClock(period_end_us(last, policy.zone) - 25 * 24 * HOUR_US)
    ledger = SqlLedger(database, clock, policy)
    spent = number = 0
    while clock.us < now_us - HOUR_US:
        flow, user = dice.choice(sorted(FLOWS)), dice.choice(users)
        asking = Asking(run_id=f"r{number:012x}", payer=replace(payer, user=user))
        await open_run(database, asking)
        # A bot beside us must not take it up.
        await execute(database, "UPDATE run SET kind = 'terminal' WHERE id = :id", id=asking.run_id)
        for agent in FLOWS[flow]:
            request = asking.hold(12 * CENT, flow=flow, agent=agent, model=dice.choice(MODELS))
            hold = await ledger.hold(request)
            usage = Usage(input_tokens=dice.randint(300, 4000), output_tokens=dice.randint(50, 900))
            charged = Charged("settled", dice.randint(CENT // 10, 4 * CENT) + dice.randint(0, 999), usage=usage)
            if number % 40 == 39:
                charged = Charged("uncertain", hold.amount_nusd, reason="the provider sent no usage")
            settlement = await ledger.settle(hold, charged, asking.fence)
            spent += settlement.actual_nusd if period_key(clock.us, policy.zone) == this else 0
        await execute(database, "UPDATE run SET status = 'done' WHERE id = :id", id=asking.run_id)
        number += 1
        clock.us += dice.randint(1, 9) * HOUR_US
    await ledger.close()
    return spent
