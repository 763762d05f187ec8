"""What a run asks of SQLite: commits and reads by pattern, below Slack, beside the time that a sync of this disk takes.

python -m tests.bench.commits [--tree DIR]        # --tree: another checkout, in turn with this one

A run alone, so that nothing is shared: what runs at once share is in `tests.bench.runs`.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import storage.database.sqlite
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.runs.executor import Executor
from bot.settings import read_settings
from storage.outbox import Outbox
from tests.bench.figures import tell
from tests.bench.runs import FLOWS, HERE, Nobody, measured_apart, model, one

SYNCS = 200


def sync_ms(folder: Path) -> float:
    """Return how long the disk takes to keep a page, in milliseconds, the median."""
    took = []
    with (folder / "synced").open("wb") as file:
        for _ in range(SYNCS):
            file.write(b"x" * 4096)
            file.flush()
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000


def counting(counts: Counter[str]) -> None:
    """Count what SQLite is told to begin; a transaction that wrote nothing needs no sync and counts as none."""
    connection: Any = storage.database.sqlite._Connection
    execute = sqlite3.Connection.execute
    before: dict[int, int] = {}

    def counted(self: sqlite3.Connection, sql: str, *params: Any) -> sqlite3.Cursor:
        if sql == "BEGIN":
            counts["reads"] += 1
        elif sql == "BEGIN IMMEDIATE":
            before[id(self)] = self.total_changes
        elif sql == "COMMIT" and self.total_changes > before.get(id(self), self.total_changes):
            counts["commits"] += 1
        return execute(self, sql, *params)

    connection.execute = counted


async def measured(env: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Run each flow once, after one that is not counted."""
    settings = read_settings(dict(env))
    found: dict[str, dict[str, int]] = {}
    counts: Counter[str] = Counter()
    async with open_engine(settings, await choose_models(settings)) as engine:
        await engine.client.warm()
        nobody: Any = Nobody(Outbox(engine.db, engine.clock))
        executor = Executor(engine, nobody, nobody, owner="bench")
        for flow in FLOWS:
            await one(engine, executor, flow, "warm")
        counting(counts)
        for flow in FLOWS:
            counts.clear()
            await one(engine, executor, flow, "counted")
            counts["reads"] -= 1  # the bench looks at how it ended
            found[flow] = dict(counts)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, action="append", default=[])
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(asyncio.run(measured(os.environ))))
        return
    trees = [HERE, *(tree.resolve() for tree in options.tree)]
    with tempfile.TemporaryDirectory() as folder:
        print(f"a sync of this disk: {sync_ms(Path(folder)):.2f} ms")
    with model(0.0) as url:
        found = {tree: measured_apart(tree, url, __file__) for tree in trees}
    for flow in FLOWS:
        for tree, counts in found.items():
            if tree is trees[0]:
                tell(f"{flow}, commits", counts[flow]["commits"], "")
                tell(f"{flow}, reads", counts[flow]["reads"], "")
            print(f"{flow:11} {tree.name:12} {counts[flow]['commits']:3} commits  {counts[flow]['reads']:3} reads")


if __name__ == "__main__":
    main()
