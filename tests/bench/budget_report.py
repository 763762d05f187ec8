"""`/agents budget` and the posted report over a year that grows from 1,000 to 1,000,000 calls in one channel.

    python -m tests.bench.budget_report [--most 1000000]

Calls are written by SQL, an equal share to each of twelve months; what is asked is the last of them. Sums
are kept by the transactions that settle (`spend`), so the figures are to be flat.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable

from bot.budgets.chart import draw
from bot.messages.month_report import build_report
from storage.database.connect import connect
from storage.database.database import Database
from storage.database.migrate import migrate
from storage.database.statements import Query, Work
from storage.ledger.balances import Balances
from storage.ledger.reports import Reports
from tests.bench.figures import tell
from tests.support.ledgers import PAYER, POLICY, START_US, FakeClock
from tests.support.medians import quickest_cpu_ms

_FILL = Query(
    "fill",
    """WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)
    INSERT INTO call (id, run_id, path, attempt, workspace, channel, user_id, period, flow, agent, model,
                      price_version, hold_nusd, state, accounts_json, owner_epoch, opened_us)
    SELECT 'c' || i, 'run' || (i / 10), 'step/' || i, 1, 'T1', 'C1', 'U' || (i % 20),
           CASE (i / 10) % 12 WHEN 0 THEN '2025-12' ELSE '2026-' || substr('0' || ((i / 10) % 12), -2) END,
           'f' || (i % 8), 'a' || (i % 12), 'm' || (i % 3), '1/1', 10000000, 'open', '[]', 1,
           :start_us - (i % 400) * 3600000000 FROM n""",
)
_CLOSE = Query("close", "UPDATE call SET state = 'settled', actual_nusd = 5000000, closed_us = 1 WHERE state = 'open'")
_RUNS = Query(
    "runs",
    """INSERT INTO run (id, workspace, channel, channel_kind, user_id, kind, flow, status, cost_nusd, created_us,
                     delivery_key)
    SELECT run_id, 'T1', 'C1', 'channel', MIN(user_id), 'slack', MIN(flow), 'done', SUM(actual_nusd), MIN(opened_us),
           run_id
    FROM call GROUP BY run_id ON CONFLICT DO NOTHING""",
)
_TIME = Query(
    "time",
    """INSERT INTO spend_time SELECT workspace, channel, period, opened_us / 900000000, SUM(actual_nusd) FROM call
    GROUP BY 1, 2, 3, 4""",
)
_FORGET = Query("forget", "DELETE FROM spend")
_FORGET_TIME = Query("forget_time", "DELETE FROM spend_time")
_SUM = Query(
    "sum",
    """INSERT INTO spend SELECT workspace, channel, period, flow, agent, model, user_id, COUNT(*), SUM(actual_nusd), 0,
    0, 0 FROM call GROUP BY 1, 2, 3, 4, 5, 6, 7""",
)


async def grow(database: Database, first: int, last: int) -> None:
    for query, params in (
        (_FILL, {"first": first, "last": last, "start_us": START_US}),
        (_CLOSE, {}),
        (_RUNS, {}),
        (_FORGET, {}),
        (_SUM, {}),
        (_FORGET_TIME, {}),
        (_TIME, {}),
    ):

        def work(query: Query = query, params: dict[str, object] = params) -> Work[None]:
            yield query(**params)

        await database.write(work)


async def main(most: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/reports.db"
        await migrate(url)
        database = await connect(url)
        clock = FakeClock()
        balances, reports = Balances(database, clock, POLICY), Reports(database, clock, POLICY)

        async def month(*, deep: bool) -> object:
            await balances.balance(PAYER)
            await reports.settings("T1", "C1")
            found = await reports.month(PAYER, "2026-11", deep=deep)
            return build_report(found, name="#p", channel="C1", limit_nusd=1, zone="UTC", now_us=clock.us)

        async def picture() -> object:
            found = await reports.month(PAYER, "2026-11")
            report = build_report(found, name="#p", channel="C1", limit_nusd=10**12, zone="UTC", now_us=clock.us)
            return await asyncio.to_thread(draw, report)

        asks: dict[str, tuple[Callable[[], Awaitable[object]], int]] = {
            "/agents budget": (lambda: month(deep=False), 25),
            "/agents budget report": (lambda: month(deep=True), 7),
            "the same with its picture": (picture, 3),
            "/agents budget all": (lambda: reports.workspace_summary("T1"), 25),
        }
        sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= most]
        table: dict[str, list[float]] = {name: [] for name in asks}
        done = 0
        for size in sizes:
            await grow(database, done + 1, size)
            done = size
            for name, (ask, times) in asks.items():
                table[name].append(await quickest_cpu_ms(ask, times))
                tell(f"{name} at {size}", table[name][-1], "ms")
        await database.close()
    print(f"{'least milliseconds of processor time':36}" + "".join(f"{size:>12,}" for size in sizes) + "   last/first")
    for name, figures in table.items():
        ratio = figures[-1] / figures[0]
        print(f"{name:36}" + "".join(f"{figure:12.2f}" for figure in figures) + f"{ratio:13.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().most))
