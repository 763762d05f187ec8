"""Measure one framework in its own environment: python measure.py PEER MODE PATTERN URL [URL]. Prints JSON.

PEER is a module beside this file with `opened(url)`, a context manager of the patterns' runs. Modes: `alone` (one run
after the other), `crowd` (100 at once), `warm` (alone with the first model server, a crowd with the second), `cold`
(one run of a fresh process), `memory` (200 runs at once).
"""

import asyncio
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

ALONE, WARM, CROWD, AT_ONCE, MANY = 12, 2, 150, 100, 200
One = Callable[[], Awaitable[str]]


def resident_kb() -> float:
    """Return the memory of this process that is in use."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


async def alone(one: One) -> dict[str, float]:
    """Return milliseconds a run, the median of a dozen."""
    for _ in range(WARM):
        await one()
    took = []
    for _ in range(ALONE):
        begun = time.perf_counter()
        await one()
        took.append((time.perf_counter() - begun) * 1000)
    return {"ms": sorted(took)[len(took) // 2], "runs_alone": WARM + ALONE}


async def crowd(one: One) -> dict[str, float]:
    """Return runs a second and milliseconds of processor time a run, with a hundred at once."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def held() -> None:
        async with slots:
            await one()

    await asyncio.gather(*(held() for _ in range(AT_ONCE)))
    begun, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(held() for _ in range(CROWD)))
    return {
        "runs_s": CROWD / (time.perf_counter() - begun),
        "cpu_ms": (time.process_time() - used) / CROWD * 1000,
    }


async def cold(one: One) -> dict[str, float]:
    """Return megabytes after the first answer; the caller takes the time of the process."""
    await one()
    return {"mb": resident_kb() / 1024}


async def memory(one: One) -> dict[str, float]:
    """Return kilobytes that each run in flight adds at the peak, and the seconds that all took."""
    await one()
    gc.collect()
    before, peak = resident_kb(), 0.0
    begun = time.perf_counter()
    runs = [asyncio.ensure_future(one()) for _ in range(MANY)]
    while not all(run.done() for run in runs):
        peak = max(peak, resident_kb())
        await asyncio.sleep(0.05)
    await asyncio.gather(*runs)
    return {"kb": (peak - before) / MANY, "s": time.perf_counter() - begun}


MODES = {"alone": (alone,), "crowd": (crowd,), "warm": (alone, crowd), "cold": (cold,), "memory": (memory,)}


async def main(peer: str, mode: str, pattern: str, *urls: str) -> None:
    """Measure and print."""
    module = importlib.import_module(peer)
    found: dict[str, float] = {}
    for measure, url in zip(MODES[mode], urls, strict=True):
        async with module.opened(url) as runs:
            found |= await measure(runs[pattern])
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
