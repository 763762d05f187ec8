"""Hold-and-settle pairs per second, beside the bare drivers doing the same statements.

    python -m tests.bench.ledger_pairs [--seconds 2] [--postgresql]

Each pair changes five accounts (workspace, channel, person, run, stage), one call and the sums of reports, durably.
`raw` runs the very statements of one pair on the bare driver: a commit for the hold and one for the settlement, or 200
pairs in one transaction. Ratios of one run mean something; absolute figures are the machine's.
"""

import argparse
import asyncio
import gc
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg

from bot.runs.bootstrap import GARBAGE_AFTER
from patterns.core.limits import Cap
from storage.database.connect import connect
from storage.database.database import Database
from storage.database.migrate import migrate
from storage.database.sqlite import path_of
from storage.database.statements import Query, Statement
from storage.ledger.book import Call, Policy
from storage.ledger.ledger import SqlLedger
from storage.ledger.transaction import q
from storage.ledger.verify import verify
from tests.bench.figures import tell
from tests.support.databases import new_database, postgresql_server
from tests.support.ledgers import START_US, USD, Asking, FakeClock, open_run, settled

RICH = Policy(workspace_nusd=900_000 * USD, channel_nusd=900_000 * USD, dm_user_nusd=USD)
HELD_NUSD, BILLED_NUSD = 2_000_000, 1_000_000
RAW_BATCH = 200


def asking(name: str) -> Asking:
    return Asking(name, caps=(Cap("run", name, 900_000 * USD), Cap("stage", f"{name}/draft", 900_000 * USD)))


async def ours(database: Database, *, tasks: int, seconds: float) -> tuple[float, float]:
    """Pairs per second and the median latency of a pair in milliseconds."""
    ledger = SqlLedger(database, FakeClock(), RICH)
    runs = [asking(f"R{tasks}-{n}-{time.monotonic_ns()}") for n in range(tasks)]
    for run in runs:
        await open_run(database, run)
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def work(run: Asking) -> None:
        fence, charged = run.fence, settled(BILLED_NUSD)
        while (start := time.perf_counter()) < end:
            hold = await ledger.hold(run.hold(HELD_NUSD))
            await ledger.settle(hold, charged, fence)
            took.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*map(work, runs))
    elapsed = time.perf_counter() - start
    await ledger.close()
    return len(took) / elapsed, statistics.median(took) * 1000


class Raw:
    """The statements of a pair on a bare, synchronous driver, written as plainly as one would by hand."""

    def __init__(self, execute: Callable[[Statement], Any], begin: str) -> None:
        self._execute = execute
        self._begin = begin
        self._run = asking("RAW")
        self._ids = [f"T1/{name}" for name in ("workspace/T1/2026-11", "channel/C1/2026-11", "user/C1:U1/2026-11")]
        self._ids += ["T1/run/RAW/", "T1/stage/RAW/draft/"]

    def text(self, sql: str) -> None:
        self._execute(Query("text", sql)())

    def pairs(self, *, seconds: float, batch: int) -> tuple[float, float]:
        """Pairs per second and the median latency of a round in milliseconds.

        `batch` 1 commits each half of a pair, more commits that many pairs at once.
        """
        took: list[float] = []
        while sum(took) < seconds:
            start = time.perf_counter()
            if batch == 1:
                self._transaction([self._hold, self._settle])
            else:
                self.text(self._begin)
                for _ in range(batch):
                    self._settle(self._hold())
                self.text("COMMIT")
            took.append(time.perf_counter() - start)
        return len(took) * batch / sum(took), statistics.median(took) * 1000

    def _transaction(self, halves: Sequence[Callable[..., Any]]) -> None:
        call_id: tuple[str, ...] = ()
        for half in halves:
            self.text(self._begin)
            call_id = (half(*call_id),)
            self.text("COMMIT")

    def _hold(self) -> str:
        request = self._run.hold(HELD_NUSD)
        call = Call(
            id=request.call_id,
            run_id="RAW",
            path=request.path,
            attempt=1,
            workspace="T1",
            channel="C1",
            user_id="U1",
            period="2026-11",
            flow="ask",
            agent="writer",
            model="small",
            price_version="1/1",
            hold_nusd=HELD_NUSD,
            state="open",
            accounts_json=json.dumps(self._ids),
            owner_epoch=1,
            opened_us=START_US,
        )
        self._execute(q.lock_accounts(ids=self._ids))
        self._add(HELD_NUSD, 0)
        self._execute(q.open_call(**asdict(call)))
        return request.call_id

    def _settle(self, call_id: str) -> None:
        self._execute(q.lock_calls(ids=[call_id]))
        self._execute(q.lock_accounts(ids=self._ids))
        self._add(-HELD_NUSD, BILLED_NUSD)
        self._execute(
            q.save_call(
                id=call_id,
                hold_nusd=HELD_NUSD,
                state="settled",
                actual_nusd=BILLED_NUSD,
                overrun_nusd=0,
                usage_json=None,
                reason="",
                closed_us=START_US,
            )
        )
        key = dict.fromkeys(("workspace", "channel", "period", "flow", "agent", "model", "user_id"), "raw")
        sums = {"calls": 1, "settled_nusd": BILLED_NUSD, "uncertain_nusd": 0, "input_tokens": 0, "output_tokens": 0}
        self._execute(q.add_spend(**key, **sums))

    def _add(self, reserved_nusd: int, settled_nusd: int) -> None:
        for id_ in self._ids:
            self._execute(_ADD(id=id_, reserved_nusd=reserved_nusd, settled_nusd=settled_nusd))


_ADD = Query(
    "add",
    "UPDATE account SET reserved_nusd = reserved_nusd + :reserved_nusd, settled_nusd = settled_nusd + :settled_nusd"
    " WHERE id = :id",
)


def raw_sqlite(path: Path) -> tuple[sqlite3.Connection, Raw]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")

    def execute(statement: Statement) -> list[Any]:
        params: Any = statement.params
        return connection.execute(statement.query.sqlite, statement.query.bind(params, "sqlite")).fetchall()

    return connection, Raw(execute, "BEGIN IMMEDIATE")


def raw_postgresql(url: str) -> tuple["psycopg.Connection[Any]", Raw]:
    connection = psycopg.connect(url, autocommit=True)

    def execute(statement: Statement) -> None:
        params: Any = statement.params
        connection.execute(statement.query.postgresql.encode(), statement.query.bind(params, "postgresql"))

    return connection, Raw(execute, "BEGIN")


async def measure(url: str, *, seconds: float) -> None:
    await migrate(url)
    database = await connect(url)
    print(f"{database.dialect}: hold-and-settle pairs per second (median latency of a pair)")
    rates, latencies_ms = {}, {}
    for tasks in (1, 50, 200):
        rate, latency_ms = await ours(database, tasks=tasks, seconds=seconds)
        rates[tasks], latencies_ms[tasks] = rate, latency_ms
        tell(f"{database.dialect}, {tasks} tasks", rate, "pairs/s")
        print(f"  ours, {tasks:3} tasks        {rate:9,.0f}   {latency_ms:7.2f} ms", flush=True)
    sound = (await verify(database)).ok
    await open_run(database, asking("RAW"))
    await database.close()
    path_or_url: Any = path_of(url) if url.startswith("sqlite") else url
    connection, raw = (raw_sqlite if url.startswith("sqlite") else raw_postgresql)(path_or_url)
    one, one_ms = raw.pairs(seconds=seconds, batch=1)
    print(f"  bare, a commit each    {one:9,.0f}   {one_ms:7.2f} ms")
    print(f"  bare, {RAW_BATCH} in a commit  {raw.pairs(seconds=seconds, batch=RAW_BATCH)[0]:9,.0f}")
    connection.close()
    alone, crowded = latencies_ms[1] / one_ms, rates[200] / one
    tell(f"{database.dialect}, a pair alone beside the bare driver", alone, "times")
    tell(f"{database.dialect}, 200 tasks beside the bare driver", crowded, "times")
    print(f"  alone: {alone:.1f} times the bare driver's time; 200 tasks: {crowded:.1f} times its rate")
    print(f"  sums derived again: {'all right' if sound else 'WRONG'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--postgresql", action="store_true", help="measure PostgreSQL as well")
    options = parser.parse_args()
    gc.set_threshold(GARBAGE_AFTER)  # as in a process that executes runs
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        urls = [f"sqlite:///{folder}/bench.db"]
        if options.postgresql:
            urls.append(new_database(stack.enter_context(postgresql_server())))
        for url in urls:
            asyncio.run(measure(url, seconds=options.seconds))


if __name__ == "__main__":
    main()
