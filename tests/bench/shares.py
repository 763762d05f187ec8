"""How many workers one person gets who asks in twenty channels at once, on PostgreSQL, and when others are next.

python -m tests.bench.shares             # counts of places, and milliseconds to accept a request
python -m tests.bench.shares --tree DIR  # the same of another checkout, for a before and after

One person asks five times in each of twenty channels; then another person asks once in each of them.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from storage.database.connect import connect
from storage.database.migrate import migrate
from storage.fair_queue import FairQueue
from storage.runs import RunStore
from tests.support.databases import postgresql_server
from tests.support.ledgers import NEW_RUN, FakeClock

HERE = Path(__file__).parents[2]
CHANNELS, EACH = 20, 5


async def measure(url: str) -> None:
    await migrate(url)
    database, clock = await connect(url), FakeClock()
    handed: list[str] = []

    async def defer(_connection: object, run_id: str) -> None:
        handed.append(run_id)

    fair, store = FairQueue(database, clock, defer), RunStore(database, clock)
    store.enqueue_with(fair.enqueue)
    begun = time.perf_counter()
    for number in range(CHANNELS * EACH):
        await store.accept(replace(NEW_RUN, channel=f"C{number % CHANNELS}", delivery_key=f"many {number}"))
    took_ms = (time.perf_counter() - begun) * 1000 / (CHANNELS * EACH)
    of_one = len(handed)
    for number in range(CHANNELS):
        asked = replace(NEW_RUN, channel=f"C{number}", user=f"UOTHER{number}", delivery_key=f"other {number}")
        await store.accept(asked)
    print(
        f"  {of_one} places of {CHANNELS * EACH} asked for by one person in {CHANNELS} channels;"
        f" {len(handed) - of_one} of {CHANNELS} others at once; {took_ms:.1f} ms a request",
        flush=True,
    )
    await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=HERE, help="the checkout that is measured")
    tree = parser.parse_args().tree.resolve()
    if tree == HERE or os.environ.get("PYTHONPATH", "").startswith(f"{tree}:"):
        with postgresql_server() as address:
            asyncio.run(measure(address))
    else:
        env = {**os.environ, "PYTHONPATH": f"{tree}:{HERE}"}
        subprocess.run([sys.executable, "-P", __file__, "--tree", str(tree)], cwd=tree, env=env, check=True)
