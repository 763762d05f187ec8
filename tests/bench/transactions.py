"""What one run asks of PostgreSQL, with Slack around it: each transaction and its purpose, from the server's log.

    python -m tests.bench.transactions [--tree DIR] [--idle 20]

A worker executes it; the model and Slack answer at once. What a worker asks while it has nothing to do is listed apart,
by the second, and taken off the list of the run. `--tree`: a worker of another checkout.
"""

import argparse
import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from storage.database.statements import Queries, load
from tests.bench.workers import Plant, plant
from tests.crash import fleet
from tests.fakes.slack_server import SlackServer
from tests.support.databases import Server, restartable_server

QUERIES = Path(__file__).parents[2] / "storage" / "queries"
WARM = 3
_LINE = re.compile(r"^\x02(?P<pid>\d+)\|(?P<transaction>[\d/]*)\|(?P<app>\w*)\|(?P<said>.*)", re.DOTALL)
_STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]*): (?P<sql>.*)", re.DOTALL)
_QUEUE = re.compile(r"procrastinate_(\w+)")
_FRAME = frozenset({"begin", "commit", "rollback", "set"})


@dataclass
class Transaction:
    """Its statements by name, in order."""

    app: str
    names: list[str] = field(default_factory=list)

    @property
    def purpose(self) -> str:
        """What it did: its statements, repeated ones once."""
        said = [name for name in self.names if name not in _FRAME]
        return f"{self.app:7} " + (", ".join(dict.fromkeys(said)) or "nothing")


def known() -> dict[str, str]:
    """The names of our statements by their text."""
    names: dict[str, str] = {}
    for path in sorted(QUERIES.glob("*.sql")):
        queries: Queries = load(path.stem)
        for name, query in queries._queries.items():
            for text in filter(None, (query.postgresql, query.each["postgresql"], query.at_once)):
                names[plain(text)] = name
    return names


def plain(sql: str) -> str:
    """A statement without its parameters, comments and spaces."""
    sql = re.sub(r"--[^\n]*", "", sql)
    return re.sub(r"\s+", "", re.sub(r"%\(\w+\)s|%s|\$\d+", "?", sql).replace("%%", "%"))


def name_of(sql: str, names: dict[str, str]) -> str:
    """What a statement is called: our name, Procrastinate's function, or its first words."""
    if (name := names.get(plain(sql))) is not None:
        return name
    if found := _QUEUE.search(sql):
        return f"queue:{found[1]}"
    first = sql.lstrip().partition(" ")[0].lower().strip("; \n")
    if first == "select" and ("pg_current_xact_id" in sql or "set_config" in sql):
        return "begin"
    return first if first in _FRAME else " ".join(sql.split())[:60]


def transactions(log: str) -> list[Transaction]:
    """The transactions of a server's log, in the order in which they began."""
    names, found = known(), dict[tuple[str, str], Transaction]()
    for entry in re.split(r"^(?=\x02)", log, flags=re.MULTILINE):
        line = _LINE.match(entry)
        said = _STATEMENT.match(line["said"]) if line else None
        if line and said and line["app"]:
            one = found.setdefault((line["pid"], line["transaction"]), Transaction(line["app"]))
            one.names.append(name_of(said["sql"], names))
    return [one for one in found.values() if one.names != ["set"]]


@contextmanager
def logged(server: Server) -> Iterator[list[Transaction]]:
    """Transactions that begin inside the block, in the list once it ends."""
    log, found = server.folder / "log", list[Transaction]()
    begun = log.stat().st_size
    yield found
    time.sleep(0.2)
    found += transactions(log.read_bytes()[begun:].decode(errors="replace"))


def log_everything(server: Server) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        for name, value in (("log_statement", "all"), ("log_line_prefix", "\x02%p|%v|%a|")):
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        connection.execute("SELECT pg_reload_conf()")


async def recorded(house: Plant, server: Server, *, idle_s: float) -> tuple[list[Transaction], list[Transaction]]:
    """The transactions of one run, and those of a worker that waits for so many seconds."""
    house.env["DATABASE_URL"] += "&application_name=worker"
    async with house.staffed(1):
        for _ in range(WARM):
            await house.accept()
        await over(house)
        log_everything(server)
        await asyncio.sleep(1)
        with logged(server) as waiting:
            await asyncio.sleep(idle_s)
        with logged(server) as run:
            await house.accept()
            await over(house)
            await asyncio.sleep(0.5)
    return run, waiting


async def over(house: Plant) -> None:
    """Wait until everything is told, looking rarely."""
    await house.until_none("SELECT id FROM run WHERE status <> 'done' LIMIT 1", every_s=0.5)
    await house.until_none("SELECT id FROM run WHERE lease_until_us > 0 LIMIT 1", every_s=0.5)


def show(run: list[Transaction], waiting: list[Transaction], *, idle_s: float) -> None:
    idle = Counter(one.purpose for one in waiting)
    mine = [one for one in run if one.purpose not in idle]
    print(f"one run: {len(mine)} transactions")
    for number, one in enumerate(mine, 1):
        print(f"  {number:3} {one.purpose}")
    print(f"a worker that waits: {len(waiting) / idle_s:.2f} transactions a second")
    for purpose, times in idle.most_common():
        print(f"  {times / idle_s:5.2f} {purpose}")


async def main(idle_s: float, tree: Path | None) -> None:
    fleet.ROOT = tree or fleet.ROOT
    with restartable_server() as server:

        @contextmanager
        def started() -> Iterator[str]:
            yield server.url

        async with plant(WARM + 1, SlackServer(), started) as house:
            house.delay_s = 0.0
            run, waiting = await recorded(house, server, idle_s=idle_s)
    show(run, waiting, idle_s=idle_s)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=float, default=20.0)
    parser.add_argument("--tree", type=lambda path: Path(path).resolve())
    options = parser.parse_args()
    asyncio.run(main(options.idle, options.tree))
