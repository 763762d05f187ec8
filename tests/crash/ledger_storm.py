"""Several processes on one ledger, killed with SIGKILL again and again while a fake provider writes down every bill."""

import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from patterns.core.holds import Fence
from storage.database.connect import connect
from storage.database.database import Database
from storage.ledger.book import Policy
from storage.ledger.ledger import SqlLedger
from storage.ledger.verify import verify
from tests.support.ledgers import USD, Asking, FakeClock, execute, open_run, rows

PROCESSES = 3
PRICES = Policy(workspace_nusd=900_000 * USD, channel_nusd=900_000 * USD, dm_user_nusd=USD)
STUCK_S = 60
KILLS_A_STEP = 4
STEP_NUSD = 5 * USD
"""The limit is raised by this about every fourth kill: money moves at most kills, and runs out again and again."""
TAIL = 2000
EVERY = 25


@dataclass
class Report:
    """What the storm found. `over_limit` counts samples above the limit, `unrecorded_nusd` bills in no ledger."""

    kills: int = 0
    calls: int = 0
    refused: int = 0
    samples: int = 0
    over_limit: int = 0
    billed_nusd: int = 0
    settled_nusd: int = 0
    uncertain_nusd: int = 0
    limit_nusd: int = 0
    unrecorded_nusd: int = 0
    understated: list[str] = field(default_factory=list)
    sums_ok: bool = False


@dataclass
class Worker:
    """A process and the file its provider writes to."""

    run_id: str
    bills: Path
    errors: Path
    process: "subprocess.Popen[bytes]"

    def lines(self) -> int:
        return self.bills.read_bytes().count(b"\n") if self.bills.exists() else 0

    def words(self) -> str:
        """The last it said."""
        return self.errors.read_text(errors="replace")[-TAIL:]

    def stop(self) -> None:
        """SIGKILL. What it said was only for the case that it ended before that."""
        self.process.kill()
        self.process.wait()
        self.errors.unlink(missing_ok=True)


async def storm(
    url: str, folder: Path, *, kills: int, seed: int = 1, watch: Callable[[str], None] = lambda _line: None
) -> Report:
    """Kill that many processes at random moments, each soon replaced, then derive everything again.

    `watch` hears how it goes, every 25 kills.
    """
    database, begun_s = await connect(url), time.monotonic()
    report = Report(limit_nusd=STEP_NUSD)
    await execute(
        database,
        "INSERT INTO channel (workspace, id, kind, limit_nusd) VALUES ('T1', 'C1', 'channel', :limit)",
        limit=report.limit_nusd,
    )
    chance = random.Random(seed)
    run_ids = [f"R{n}" for n in range(PROCESSES)]
    for run_id in run_ids:
        await open_run(database, Asking(run_id))
    workers = [_start(url, folder, run_id, n) for n, run_id in enumerate(run_ids)]
    try:
        for number in range(kills):
            index = chance.randrange(PROCESSES)
            victim = workers[index]
            await _until(lambda: victim.lines() >= chance.randint(1, 60), victim, lambda: _sample(database, report))  # noqa: B023 - awaited in this turn
            victim.stop()
            report.kills += 1
            await _sample(database, report)
            if chance.random() < 1 / KILLS_A_STEP:
                await _raise_limit(database, report)
            workers[index] = _start(url, folder, victim.run_id, PROCESSES + number)
            if report.kills % EVERY == 0:
                seconds = time.monotonic() - begun_s
                watch(
                    f"{report.kills} kills in {seconds:.0f} s, {report.over_limit} of {report.samples} over the limit"
                )
    finally:
        for worker in workers:
            worker.stop()
    await _settle_accounts(database, folder, run_ids, report)
    await database.close()
    return report


def _start(url: str, folder: Path, run_id: str, number: int) -> Worker:
    bills = folder / f"bills-{number}"
    command = [sys.executable, "-m", "tests.crash.ledger_worker", url, run_id, str(bills), str(number)]
    errors = folder / f"errors-{number}"
    with errors.open("wb") as said:
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=said, stderr=subprocess.STDOUT)
    return Worker(run_id, bills, errors, process)


async def _until(ready: Callable[[], bool], worker: Worker, meanwhile: Callable[[], Awaitable[None]]) -> None:
    give_up = time.monotonic() + STUCK_S
    while not ready():
        code = worker.process.poll()
        if code is not None:
            raise RuntimeError(f"The worker of {worker.run_id} ended by itself with {code}: {worker.words()}")
        if time.monotonic() > give_up:
            raise RuntimeError(
                f"The worker of {worker.run_id} has billed {worker.lines()} times and nothing more for {STUCK_S} s:"
                f" {worker.words()}"
            )
        await meanwhile()
        time.sleep(0.005)  # noqa: ASYNC251 - nothing else runs here; the storm is in other processes


async def _raise_limit(database: Database, report: Report) -> None:
    report.limit_nusd += STEP_NUSD
    await execute(database, "UPDATE channel SET limit_nusd = :limit", limit=report.limit_nusd)


async def _sample(database: Database, report: Report) -> None:
    for row in await rows(database, "SELECT settled_nusd, reserved_nusd FROM account WHERE kind = 'channel'"):
        report.samples += 1
        report.over_limit += row["settled_nusd"] + row["reserved_nusd"] > report.limit_nusd


def _bills(folder: Path) -> list[list[str]]:
    return [line.split() for path in sorted(folder.glob("bills-*")) for line in path.read_text().splitlines()]


async def _settle_accounts(database: Database, folder: Path, run_ids: list[str], report: Report) -> None:
    """Recover what the last owners left, then compare every bill with the ledger."""
    ledger = SqlLedger(database, FakeClock(), PRICES)
    for run_id in run_ids:
        await ledger.recover_run(Fence(run_id, 1_000_000))
    await _sample(database, report)
    calls = {row["id"]: row for row in await rows(database, "SELECT id, state, actual_nusd FROM call")}
    report.calls = len(calls)
    for call_id, billed in _bills(folder):
        if call_id == "refused":
            report.refused += 1
            continue
        report.billed_nusd += int(billed)
        call = calls.get(call_id)
        if call is None or call["state"] not in {"settled", "uncertain"}:
            report.unrecorded_nusd += int(billed)
        elif call["actual_nusd"] < int(billed):
            report.understated.append(call_id)
    found = await verify(database)
    report.sums_ok, report.settled_nusd = found.ok and found.held_nusd == 0, found.settled_nusd
    report.uncertain_nusd = sum(call["actual_nusd"] for call in calls.values() if call["state"] == "uncertain")
