"""Runs a second by number of workers, what one costs PostgreSQL, and how soon another worker goes on for a dead one.

    .venv/bin/python -m tests.bench.workers [--runs 48] [--kills 3]

The model answers after a second; Slack is the double, as slow as our own pacing asks. Everything shares this machine.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.runs.distributed import DistributedDispatcher
from bot.runs.engine import Engine
from bot.settings import read_settings
from storage.database.queue_schema import install_queue
from storage.run_rows import NewRun
from tests.bench.figures import tell
from tests.crash.fleet import Member
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER, TEAM
from tests.fakes.team import Team
from tests.support.databases import new_database, postgresql_server
from tests.support.ledgers import rows
from tests.support.running_bot import bot_environment

MODEL_S = 1.0
WORKERS = (1, 2, 3)
CONCURRENCY = 8
"""Runs that a worker of the bench executes at once, few enough that one worker is not enough."""
LONG_MODEL_S = 3.0
WAIT_S = 300


@dataclass(frozen=True)
class Cost:
    """What PostgreSQL has done so far: processor time, transactions, bytes of its log."""

    cpu_s: float
    transactions: int
    log_bytes: int

    def each(self, earlier: "Cost", runs: int) -> str:
        """A run's part of it."""
        cpu_ms = (self.cpu_s - earlier.cpu_s) / runs * 1000
        transactions = (self.transactions - earlier.transactions) / runs
        log_kb = (self.log_bytes - earlier.log_bytes) / runs / 1000
        tell("a run, CPU of PostgreSQL", cpu_ms, "ms")
        tell("a run, transactions of PostgreSQL", transactions, "")
        return f"{cpu_ms:.0f} ms of a core, {transactions:.0f} transactions, {log_kb:.0f} kB of log"


@dataclass
class Plant:
    """A PostgreSQL, a Slack, a model and this process, which accepts requests and executes none."""

    engine: Engine
    env: dict[str, str]
    folder: Path
    delay_s: float = MODEL_S
    accepted: int = 0
    spread: bool = True

    @asynccontextmanager
    async def staffed(self, workers: int) -> AsyncIterator[list[Member]]:
        """So many worker processes, ready to work."""
        members = [
            Member(
                "worker",
                None,
                self.env,
                self.folder / f"worker-{number}.log",
                options=("--concurrency", str(CONCURRENCY)),
            )
            for number in range(workers)
        ]
        try:
            for member in members:
                member.start()
            await asyncio.gather(*(member.ready() for member in members))
            yield members
        finally:
            for member in members:
                member.kill()

    async def accept(self) -> str:
        """One request in a channel of its own, so that nobody waits for a channel's share.

        Spread, each comes from a workspace of its own, so that nobody waits for Slack's pace either.
        """
        self.accepted += 1
        roster = self.engine.roster
        run_id, _new = await self.engine.store.accept(
            NewRun(
                workspace=f"{TEAM}{self.accepted}" if self.spread else TEAM,
                channel=f"C0BENCH{self.accepted}",
                channel_kind="channel",
                thread_ts="",
                user="U0DANA",
                kind="slack",
                request="Which database?",
                flow="answer",
                options={"flow": "answer", "agents": ["researcher"]},
                roster_hash=roster.hash,
                roster_json=roster.snapshot(),
                delivery_key=f"bench {self.accepted}",
            )
        )
        return run_id

    async def cost(self) -> Cost:
        """What the server has cost since it was started."""
        (row,) = await rows(
            self.engine.db,
            "SELECT CAST(xact_commit + xact_rollback AS BIGINT) AS transactions,"
            " CAST(pg_current_wal_lsn() - '0/0' AS BIGINT) AS log_bytes, current_setting('data_directory') AS folder"
            " FROM pg_stat_database WHERE datname = current_database()",
        )
        return Cost(_cpu_s(Path(row["folder"])), row["transactions"], row["log_bytes"])

    async def until_none(self, sql: str, *, every_s: float = 0.02, **values: object) -> None:
        """Wait until the SQL finds nothing any more."""
        async with asyncio.timeout(WAIT_S):
            while await rows(self.engine.db, sql, **values):  # noqa: ASYNC110 - they are other processes
                await asyncio.sleep(every_s)


@asynccontextmanager
async def plant(
    runs: int, slack: SlackServer, server: Callable[[], AbstractContextManager[str]] = postgresql_server
) -> AsyncIterator[Plant]:
    """Everything but the workers."""
    with tempfile.TemporaryDirectory() as folder, server() as server_url:
        url = new_database(server_url)
        team = Team()

        def answer(call: Call) -> Reply:
            team.delay_s = made.delay_s
            return team(call)

        async with Provider(answer, strict=False) as provider, slack:
            for number in range(1, runs + 1):
                slack.workspace.add_channel(f"C0BENCH{number}", f"bench-{number}", {"U0DANA", BOT_USER})
            base = provider.api_base("openai")
            env = bot_environment(api_url=slack.url, provider_url=base, folder=Path(folder)) | {"DATABASE_URL": url}
            settings = read_settings(env)
            async with open_engine(settings, await choose_models(settings)) as engine:
                await install_queue(url)
                queue = DistributedDispatcher(engine, execute=_nothing, stop_here=bool, grace_s=0)
                made = Plant(engine, env, Path(folder))
                async with queue.opened():
                    yield made


def _cpu_s(data: Path) -> float:
    """Processor time of a server: its own, its processes', and that of those which have ended."""
    ticks, postmaster = 0, int((data / "postmaster.pid").read_text().split()[0])
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, *_, fields = path.parent.name, path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile, and counts with its parent
        parent, own, ended = int(fields[1]), fields[11:13], fields[13:15]
        if int(pid) == postmaster:
            ticks += sum(map(int, own + ended))
        elif parent == postmaster:
            ticks += sum(map(int, own))
    return ticks / os.sysconf("SC_CLK_TCK")


async def _nothing(_run_id: str) -> None:
    """This process executes no runs."""


async def throughput(house: Plant, workers: int, runs: int) -> tuple[float, str]:
    """Runs a second from the first request to the last run's end, and what each cost PostgreSQL."""
    async with house.staffed(workers):
        begun_s, earlier = time.monotonic(), await house.cost()
        await asyncio.gather(*(house.accept() for _ in range(runs)))
        await house.until_none("SELECT id FROM run WHERE status <> 'done' LIMIT 1", every_s=0.1)
        rate = runs / (time.monotonic() - begun_s)
        await house.until_none("SELECT id FROM run WHERE lease_until_us > 0 LIMIT 1", every_s=0.1)  # all told
        return rate, (await house.cost()).each(earlier, runs)


async def failover_s(house: Plant) -> float:
    """From the kill of a run's worker until another owns the run."""
    house.delay_s = LONG_MODEL_S
    async with house.staffed(2) as members:
        run_id = await house.accept()
        await house.until_none("SELECT id FROM run WHERE id = :id AND epoch = 0", id=run_id)
        (run,) = await rows(house.engine.db, "SELECT lease_owner, epoch FROM run WHERE id = :id", id=run_id)
        victim = next(member for member in members if run["lease_owner"] == member.owner)
        victim.kill()
        killed_s = time.monotonic()
        await house.until_none("SELECT id FROM run WHERE id = :id AND epoch = :epoch", id=run_id, epoch=run["epoch"])
        resumed_s = time.monotonic() - killed_s
        await house.until_none("SELECT id FROM run WHERE status <> 'done' LIMIT 1")
    house.delay_s = MODEL_S
    return resumed_s


async def main(runs: int, kills: int) -> None:
    async with plant(runs * len(WORKERS) + kills, SlackServer()) as house:
        print(f"{runs} runs with a model of {MODEL_S:.0f} s; {CONCURRENCY} at once in a worker")
        for workers in WORKERS:
            rate, cost = await throughput(house, workers, runs)
            tell(f"{workers} worker{'s' * (workers > 1)}", rate, "runs/s")
            print(f"  {workers} worker{'s' * (workers > 1)}: {rate:5.2f} runs/s; a run: {cost}", flush=True)
        (made,) = await rows(house.engine.db, "SELECT COUNT(*) AS calls FROM call")
        print(f"  model calls in a run: {made['calls'] / house.accepted:.1f}")
        found = [await failover_s(house) for _ in range(kills)]
        if found:
            tell("the run of a killed worker goes on after", statistics.median(found), "s")
            print(
                f"kill -9 of a worker: its run goes on after {statistics.median(found):.1f} s (median of {kills}; "
                f"{min(found):.1f} to {max(found):.1f})"
            )  # fmt: skip - one sentence


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=48)
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    asyncio.run(main(options.runs, options.kills))
