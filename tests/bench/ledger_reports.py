"""Report queries over a ledger that grows from 1,000 to 1,000,000 calls: they must stay flat.

    python -m tests.bench.ledger_reports [--most 1000000]

One channel's month takes every call, the hardest case. The calls are written by SQL, not by the ledger.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable

from storage.database.connect import connect
from storage.database.database import Database
from storage.database.migrate import migrate
from storage.database.statements import Query, Work
from storage.ledger.balances import Balances
from storage.ledger.budgets import Budgets
from storage.ledger.ledger import SqlLedger
from storage.ledger.reports import Reports
from tests.bench.figures import tell
from tests.support.ledgers import PAYER, POLICY, START_US, Asking, FakeClock, open_run, settled
from tests.support.medians import median_ms

_FILL = Query(
    "fill",
    """WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)
    INSERT INTO call (id, run_id, path, attempt, workspace, channel, user_id, period, flow, agent, model,
                      price_version, hold_nusd, state, accounts_json, owner_epoch, opened_us)
    SELECT 'c' || i, 'run' || (i / 10), 'step/' || i, 1, 'T1', 'C1', 'U' || (i % 20), '2026-11', 'f' || (i % 4),
           'a' || (i % 8), 'm' || (i % 3), '1/1', 10, 'open', '[]', 1, i FROM n""",
)
_CLOSE = Query(
    "close",
    "UPDATE call SET state = 'settled', actual_nusd = 5, closed_us = 1 WHERE opened_us BETWEEN :first AND :last"
    " AND state = 'open'",
)
_SUM = Query(
    "sum",
    """INSERT INTO spend SELECT workspace, channel, period, flow, agent, model, user_id, COUNT(*), SUM(actual_nusd), 0,
    0, 0 FROM call WHERE opened_us BETWEEN :first AND :last GROUP BY 1, 2, 3, 4, 5, 6, 7
    ON CONFLICT DO UPDATE SET calls = spend.calls + excluded.calls""",
)


async def grow(database: Database, first: int, last: int) -> None:
    for query in (_FILL, _CLOSE, _SUM):

        def work(query: Query = query) -> Work[None]:
            yield query(first=first, last=last)

        await database.write(work)
    # The bulk load's log is not the ledger's doing.
    await database._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined]


async def main(most: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/reports.db"
        await migrate(url)
        database = await connect(url)
        balances, reports = Balances(database, FakeClock(), POLICY), Reports(database, FakeClock(), POLICY)
        await Budgets(database, FakeClock(), POLICY).set_limit(PAYER, POLICY.channel_nusd, actor="U9")
        ledger, run = SqlLedger(database, FakeClock(START_US), POLICY), Asking()
        await open_run(database, run)

        async def pair() -> None:
            await ledger.settle(await ledger.hold(run.hold(1000)), settled(500), run.fence)

        asks: dict[str, Callable[[], Awaitable[object]]] = {
            "month by flow, agent, model, person": lambda: reports.month(PAYER, "2026-11", deep=False),
            "last 12 months": lambda: balances.months(PAYER),
            "balance": lambda: balances.balance(PAYER),
            "held by runs": lambda: balances.held_by_runs(PAYER),
            "uncertain calls": lambda: reports.uncertain("T1"),
            "hold and settle": pair,
        }
        sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= most]
        table: dict[str, list[float]] = {name: [] for name in asks}
        done = 0
        for size in sizes:
            await grow(database, done + 1, size)
            done = size
            for name, ask in asks.items():
                table[name].append(await median_ms(ask))
                tell(f"{name} at {size}", table[name][-1], "ms")
        await database.close()
    print(f"{'milliseconds (median of 15) at calls':40}" + "".join(f"{size:>12,}" for size in sizes))
    for name, figures in table.items():
        print(f"{name:40}" + "".join(f"{figure:12.2f}" for figure in figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().most))
