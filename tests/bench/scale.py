"""Many workspaces on one deployment, in simulated time: how long people wait, how many workers and how much PostgreSQL.

    .venv/bin/python -m tests.bench.scale [--hours 1] [--database-ms 21] [--model-s 8]

Slack's pace is the program's own (`bot.slack.rate_limiter`), a channel's share and a worker's slots are its own
numbers; requests come at random, models take as long as they take. What a run costs PostgreSQL is measured by
`tests.bench.workers`.
"""

import argparse
import asyncio
import random
import selectors
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from bot.slack.rate_limiter import POSTS, TIERS, RateLimiter
from storage.fair_queue import CHANNEL_SHARE

SLOTS = 16
"""Runs that a worker executes at once."""
CHANNELS = 8
"""Channels of a workspace in which people ask."""
CALLS = 2
LOADS = ((1, 60), (1, 600), (1, 1500), (1, 3000), (1, 6000), (100, 60), (1000, 60), (10000, 6))
"""Workspaces, and requests an hour in each of them."""
DATABASE_MS = 21.0
EDIT = {"chat.update": TIERS["chat.update"]}


class SimulatedTime(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now_s


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: SimulatedTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("Everybody waits for somebody.")
        self._loop.now_s += max(0.0, timeout)
        return super().select(0)


class Clock:
    """ports.Clock of the simulation."""

    def now_us(self) -> int:
        return round(self.monotonic() * 1e6)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Town:
    """Workspaces that share workers and a database."""

    chance: random.Random
    model_s: float
    answered_s: list[float] = field(default_factory=list)
    closed_s: list[float] = field(default_factory=list)
    busy: int = 0
    most_busy: list[int] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    _shares: defaultdict[str, asyncio.Semaphore] = field(
        default_factory=lambda: defaultdict(lambda: asyncio.Semaphore(CHANNEL_SHARE))
    )

    async def workspace(self, number: int, requests: int, seconds: float) -> None:
        """So many requests an hour, each in one of its channels, at random moments."""
        pacer = RateLimiter(self.clock, workspace=f"T{number}")
        async with asyncio.TaskGroup() as runs:
            end_s = self.clock.monotonic() + seconds
            while True:
                await self.clock.sleep(self.chance.expovariate(requests / 3600))
                if self.clock.monotonic() > end_s:
                    return
                runs.create_task(self._run(pacer, f"T{number}/C{self.chance.randrange(CHANNELS)}"))

    async def _run(self, pacer: RateLimiter, channel: str) -> None:
        asked_s = self.clock.monotonic()
        news, is_over = asyncio.Event(), asyncio.Event()
        async with self._shares[channel]:
            self.busy += 1
            self.most_busy.append(self.busy)
            await self._post(pacer, channel)  # the root
            await self._post(pacer, channel)  # its progress
            progress = asyncio.create_task(self._show(pacer, news, is_over))
            for _ in range(CALLS):
                news.set()
                await self.clock.sleep(self.chance.lognormvariate(0, 0.5) * self.model_s)
            self.busy -= 1
        # Telling holds no slot.
        await self._post(pacer, channel)
        self.answered_s.append(self.clock.monotonic() - asked_s)
        is_over.set()
        news.set()
        await progress
        await self._edit(pacer)  # the root
        self.closed_s.append(self.clock.monotonic() - asked_s)

    async def _show(self, pacer: RateLimiter, news: asyncio.Event, is_over: asyncio.Event) -> None:
        """Edits of the progress while there is room, at most one a second, and of its end in any case."""
        while not is_over.is_set():
            await news.wait()
            news.clear()
            if not is_over.is_set() and not await pacer.take_spare(EDIT):
                news.set()
            await self.clock.sleep(1)
        await self._edit(pacer)

    async def _post(self, pacer: RateLimiter, channel: str) -> None:
        await pacer.wait({f"posts:{channel}": POSTS, "chat.postMessage": TIERS["chat.postMessage"]})

    async def _edit(self, pacer: RateLimiter) -> None:
        await pacer.wait(EDIT)


async def simulate(workspaces: int, requests: int, options: argparse.Namespace) -> str:
    """One load; its row of the table."""
    town, seconds = Town(random.Random(1), options.model_s), options.hours * 3600
    async with asyncio.TaskGroup() as everybody:
        for number in range(workspaces):
            everybody.create_task(town.workspace(number, requests, seconds))
    runs_s = len(town.answered_s) / seconds
    return (
        f"{workspaces:>10} {requests:>9} {runs_s:>7.2f} {statistics.median(town.answered_s):>9.0f}"
        f" {_late(town.answered_s):>10.0f} {_late(town.closed_s):>10.0f}"
        f" {-(-_late(town.most_busy) // SLOTS):>8.0f} {runs_s * options.database_ms / 10:>9.1f} %"
    )


def _late(values: list[Any]) -> float:
    return float(statistics.quantiles(values, n=20)[-1])


def main(options: argparse.Namespace) -> None:
    print(
        f"{CALLS} calls of {options.model_s:.0f} s a run; {SLOTS} runs a worker; {options.hours:g} h of simulated time"
    )
    print("workspaces requests/h  runs/s  answer s  95 % in s closed 95%  workers  database core")
    for workspaces, requests in LOADS:
        begun_s = time.monotonic()
        with asyncio.Runner(loop_factory=SimulatedTime) as runner:
            row = runner.run(simulate(workspaces, requests, options))
        print(f"{row}   ({time.monotonic() - begun_s:.0f} s)", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--model-s", type=float, default=8.0, help="median of a model call")
    parser.add_argument("--database-ms", type=float, default=DATABASE_MS, help="of a PostgreSQL core, a run")
    main(parser.parse_args())
