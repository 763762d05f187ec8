"""What a dead machine and a cut network cost: how soon others go on, and how soon all go on when the database is back.

    .venv/bin/python -m tests.bench.dead_network [--away 60]

PostgreSQL runs in a network namespace of its own and is cut off by wrong hardware addresses, so that packets vanish as
behind a machine without power: nobody says goodbye, nobody is told. It takes root and `ip` of iproute2.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from storage.database.postgresql import connect_sync
from tests.bench.workers import CONCURRENCY, LONG_MODEL_S, MODEL_S, Plant, plant
from tests.crash.fleet import Member
from tests.fakes.slack_server import SlackServer
from tests.support.databases import database_name, restartable_server

INSIDE = "AGENTS_BENCH_INSIDE"
NAMESPACE, NETWORK, NOBODY = "agents-db", "10.77.0.0/16", "02:00:00:00:00:99"
NEVER_S = 60.0
EVERYBODY, VICTIM = 0, 1
"""Two cables to the database: the victim's is cut alone."""


def ip(*words: str) -> None:
    """Tell the system's network what to do."""
    subprocess.run(["ip", *words], check=True)  # noqa: S607 - wherever this system keeps it


@contextmanager
def server() -> Iterator[str]:
    """A PostgreSQL at the other end of the cables; its socket, which is never cut, is ours."""
    ip("link", "set", "lo", "up")
    ip("netns", "add", NAMESPACE)
    for cable in (EVERYBODY, VICTIM):
        ip("link", "add", f"here{cable}", "type", "veth", "peer", "name", f"there{cable}", "netns", NAMESPACE)
        ip("addr", "add", f"10.77.{cable}.1/24", "dev", f"here{cable}")
        ip("link", "set", f"here{cable}", "up")
        ip("-n", NAMESPACE, "addr", "add", f"10.77.{cable}.2/24", "dev", f"there{cable}")
        ip("-n", NAMESPACE, "link", "set", f"there{cable}", "up")
    with restartable_server(namespace=NAMESPACE, network=NETWORK) as running:
        yield running.url


def cut(cable: int) -> None:
    """Nothing that is sent arrives any more, in either direction."""
    ip("neigh", "replace", f"10.77.{cable}.2", "lladdr", NOBODY, "dev", f"here{cable}", "nud", "permanent")
    ip("-n", NAMESPACE, "neigh", "replace", f"10.77.{cable}.1", "lladdr", NOBODY, "dev", f"there{cable}", "nud", "permanent")  # fmt: skip # noqa: E501


def mend(cable: int) -> None:
    """Everything arrives again."""
    ip("neigh", "del", f"10.77.{cable}.2", "dev", f"here{cable}")
    ip("-n", NAMESPACE, "neigh", "del", f"10.77.{cable}.1", "dev", f"there{cable}")


def address(house: Plant, cable: int) -> str:
    """The database at the end of a cable."""
    return f"postgresql://postgres@10.77.{cable}.2/{database_name(house.engine.settings.database_url)}"


def hire(house: Plant, name: str, cable: int) -> Member:
    """One more worker."""
    env = house.env | {"DATABASE_URL": address(house, cable)}
    options = ("--concurrency", str(CONCURRENCY))
    member = Member("worker", None, env, house.folder / f"{name}.log", options=options)
    member.start()
    return member


async def dead_machine(house: Plant) -> None:
    """A worker's machine loses its power while the worker waits for a model and another program there has locks."""
    house.delay_s = NEVER_S
    victim = hire(house, "victim", VICTIM)
    await victim.ready()
    run_id = await house.accept()
    await house.until_none("SELECT id FROM run WHERE id = :id AND epoch = 0", id=run_id)
    await house.until_none("SELECT 1 AS one WHERE NOT EXISTS (SELECT 1 FROM call WHERE run_id = :id)", id=run_id)
    other = hire(house, "other", EVERYBODY)
    await other.ready()
    holder = await asyncio.to_thread(connect_sync, address(house, VICTIM))
    holder.execute("BEGIN")
    holder.execute("SELECT id FROM account ORDER BY id FOR UPDATE")
    sleeper = await asyncio.to_thread(connect_sync, address(house, VICTIM))
    sleeper.execute("SELECT pg_advisory_lock(1)")
    house.delay_s = MODEL_S
    cut(VICTIM)
    os.kill(victim.process.pid, signal.SIGSTOP)
    since_s = time.monotonic()
    async with asyncio.TaskGroup() as watching:
        watching.create_task(_tell(house, since_s, "its run goes on elsewhere", TAKEN, id=run_id))
        watching.create_task(_tell(house, since_s, "the rows that it had locked are free", LOCKED))
        watching.create_task(_tell(house, since_s, "its idle connections are gone", STANDS))
        watching.create_task(_tell(house, since_s, "the run is answered", "SELECT id FROM run WHERE status <> 'done'"))
    mend(VICTIM)
    for connection in (holder, sleeper):
        with suppress(psycopg.Error):
            connection.close()
    victim.kill()
    other.kill()


TAKEN = "SELECT id FROM run WHERE id = :id AND epoch = 1 AND status <> 'done'"
LOCKED = "SELECT 1 AS one FROM pg_stat_activity WHERE query LIKE '%FOR UPDATE' AND state = 'idle in transaction'"
STANDS = "SELECT 1 AS one FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"  # noqa: E501


async def _tell(house: Plant, since_s: float, what: str, sql: str, **values: object) -> None:
    await house.until_none(sql, **values)
    print(f"  {what} after {time.monotonic() - since_s:.1f} s", flush=True)


async def database_away(house: Plant, away_s: float) -> None:
    """Nobody reaches the database, then everybody does again."""
    worker = hire(house, "away", EVERYBODY)
    await worker.ready()
    run_id = await house.accept()
    await house.until_none("SELECT id FROM run WHERE id = :id AND epoch = 0", id=run_id)
    cut(EVERYBODY)
    await asyncio.sleep(away_s)
    waiting = await house.accept()
    mend(EVERYBODY)
    since_s = time.monotonic()
    async with asyncio.TaskGroup() as watching:
        begun = "SELECT id FROM run WHERE id = :id AND epoch = 0"
        watching.create_task(_tell(house, since_s, "a request that came meanwhile is begun", begun, id=waiting))
        done = "SELECT id FROM run WHERE status <> 'done'"
        watching.create_task(_tell(house, since_s, "it and the one under way are answered", done))
    worker.kill()


async def main(away_s: float) -> None:
    async with plant(8, SlackServer(), server) as house:
        print("A machine loses its power while its worker waits for a model", flush=True)
        await dead_machine(house)
        house.delay_s = LONG_MODEL_S
        print(f"The database was out of reach for {away_s:.0f} s and is back", flush=True)
        await database_away(house, away_s)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--away", type=float, default=60, help="seconds")
    options = parser.parse_args()
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        # Namespaces of our own, which go with us: nothing of this machine's network is touched.
        Path("/run/netns").mkdir(exist_ok=True)
        inside = ["unshare", "--net", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run/netns && exec "$0" "$@"']
        os.execvp("unshare", [*inside, sys.executable, "-m", "tests.bench.dead_network", *sys.argv[1:]])  # noqa: S606, S607
    asyncio.run(main(options.away))
