"""How soon `/agents` is acknowledged, its payload committed first: beside an empty Bolt app under the same server.

python -m tests.bench.acknowledgement               # this tree
python -m tests.bench.acknowledgement --tree DIR    # and another checkout, in turn

Signed HTTP over 1 and 32 connections, in rounds that take turns with the empty app's; then the same while runs of 100
people work, each in a channel of its own. What is shown is the lower quartile of the rounds' percentiles: others use
the machine as well, and a round that they slow down says nothing of either app. Then 1,280 in a row, more than wait in
line without being worked on; and while litellm is imported. What is acknowledged was committed: one sync of the disk,
shown too, is the least it takes.
"""

import argparse
import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import aiohttp

from bot.demo.process import free_port
from bot.manifest import EVENTS_PATH
from tests.bench.doubles import channel_of, user_of
from tests.bench.figures import tell
from tests.support.processes import Watched
from tests.support.running_bot import bot_environment
from tests.support.signed import signed_command

HERE = Path(__file__).parents[2]
AGENTS = "from bot.cli import main; main()"
DOUBLES = "tests.bench.doubles"
ROUNDS, ONE, MANY, IN_A_ROW = 8, 40, 160, 1280
WORKING, SLOTS = 100, 32
EMPTY, ONE_CONNECTION, MANY_CONNECTIONS = "an empty Bolt app", "1 connection", "32 connections"
COMMAND = "stop r000000000000"
"""There is no such run: it costs a look and a reply, and ends nothing."""
ROSTER = "extends: shipped\nbudgets: {new_channels: on, workspace_usd: 10000, default_channel_usd: 1000}\n"
ROOMY = {"AGENTS_QUEUE": "person=1000 channel=1000 all=5000"}
MODEL_S = 2.0
READY_S = 120.0
Times = list[float]
"""Seconds from a request to its acknowledgement."""
_numbers = count(1)


async def acknowledged(
    port: int, answers: str, *, connections: int, requests: int = 0, until: asyncio.Event | None = None
) -> Times:
    """Send `requests` commands in all, or send until the event; replies go to `answers`, which takes all at once."""
    times: Times = []
    left = iter(range(requests))

    async def sender(session: aiohttp.ClientSession) -> None:
        while not until.is_set() if until is not None else next(left, None) is not None:
            body, headers = signed_command(COMMAND, trigger=f"bench.{next(_numbers)}", response_url=answers)
            begun_s = time.perf_counter()
            async with session.post(f"http://127.0.0.1:{port}{EVENTS_PATH}", data=body, headers=headers) as reply:
                await reply.read()
                assert reply.status == 200, reply.status
            times.append(time.perf_counter() - begun_s)

    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(aiohttp.ClientSession()) for _ in range(connections)]
        await asyncio.gather(*map(sender, sessions))
    return times


def show(whose: str, what: str, rounds: list[Times], *, cpu_s: float | None = None) -> None:
    """Print how long it took, with the processor time meanwhile, and tell it where it is this tree's or the floor's."""
    p50, p99 = (percentile([percentile(times, part) for times in rounds], 0.25) * 1000 for part in (0.5, 0.99))
    every = [one for times in rounds for one in times]
    name = f"{whose}, {what}"
    print(
        f"{name:56} p50 {p50:8.2f} ms   p99 {p99:8.2f} ms   longest {max(every) * 1000:8.2f} ms   ({len(every)})"
        + (f"   {cpu_s / len(every) * 1000:6.2f} ms of CPU each" if cpu_s is not None else ""),
        flush=True,
    )
    if whose in (EMPTY, HERE.name):
        told = "ours" if whose == HERE.name else whose
        tell(f"{told}, {what}, p50", p50, "ms")
        tell(f"{told}, {what}, p99", p99, "ms")
        if cpu_s is not None:
            tell(f"{told}, {what}, CPU", cpu_s / len(every) * 1000, "ms")


def percentile(times: Times, part: float) -> float:
    return sorted(times)[int(part * (len(times) - 1))]


def syncs(folder: Path) -> Times:
    """How long the disk takes to keep a page."""
    times: Times = []
    with (folder / "sync").open("wb") as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            begun_s = time.perf_counter()
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - begun_s)
    return times


@contextmanager
def program(*arguments: str) -> Iterator[str]:
    """Run one of the doubles as a process of its own; yield its address."""
    with subprocess.Popen((sys.executable, "-m", *arguments), cwd=HERE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            yield started.stdout.readline().strip()
        finally:
            started.kill()


@asynccontextmanager
async def listening(tree: Path, env: dict[str, str], log: Path, *code: str) -> AsyncIterator[Watched]:
    """Start a program that listens on the port, and wait until it does."""
    with log.open("wb") as out:
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, *code), cwd=tree, env={**env, "PYTHONPATH": str(tree)}, stdout=out, stderr=out
        )
    try:
        async with asyncio.timeout(READY_S):
            while not says_ready(log):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.005)
        yield Watched(started.pid)
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


def says_ready(log: Path) -> bool:
    return b"ready" in log.read_bytes()


async def loaded(bot: Watched) -> None:
    """Wait until the process has stopped growing: its import is over."""
    before_mb = 0.0
    while bot.memory_mb() > before_mb + 1:
        before_mb = bot.memory_mb()
        await asyncio.sleep(1.0)


async def idle(bot: Watched) -> None:
    """Wait until the process has done what it was asked for."""
    before_s = -1.0
    while bot.cpu_s() - before_s > 0.1:
        before_s = bot.cpu_s()
        await asyncio.sleep(0.5)


@dataclass
class Subject:
    """A running app, and what was measured of it so far: rounds and processor time by what was done."""

    name: str
    bot: Watched
    port: int
    answers: str
    folder: Path
    rounds: dict[str, list[Times]] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)

    async def measure(self, what: str, *, connections: int, requests: int) -> None:
        before_s = self.bot.cpu_s()
        times = await acknowledged(self.port, self.answers, connections=connections, requests=requests)
        self.rounds.setdefault(what, []).append(times)
        self.cpu_s[what] = self.cpu_s.get(what, 0.0) + self.bot.cpu_s() - before_s

    def show(self) -> None:
        for what, rounds in self.rounds.items():
            show(self.name, what, rounds, cpu_s=self.cpu_s[what])

    def running(self) -> int:
        """How many runs are in work."""
        with closing(sqlite3.connect(next(self.folder.glob("*.db")))) as db:
            return int(db.execute("SELECT COUNT(*) FROM run WHERE status = 'running'").fetchone()[0])


async def take_turns(floor: Subject, ours: Subject) -> None:
    """Measure one connection, then 32 that never pause; what one leaves to do is done before the next begins."""
    for _ in range(ROUNDS):
        for one in (floor, ours):
            await one.measure(ONE_CONNECTION, connections=1, requests=ONE)
            await idle(one.bot)
            await one.measure(MANY_CONNECTIONS, connections=32, requests=MANY)
            await idle(one.bot)


async def beside_runs(floor: Subject, ours: Subject) -> None:
    """Measure the same while our runs work, from when every slot is taken: the empty app has the same busy machine."""
    while_working = f", while {WORKING} runs work"
    await ask(ours.port, WORKING)
    async with asyncio.timeout(READY_S):
        while ours.running() < SLOTS:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    for _ in range(ROUNDS):
        for one in (floor, ours):
            await one.measure(ONE_CONNECTION + while_working, connections=1, requests=ONE)
            await asyncio.sleep(0.5)
            await one.measure(MANY_CONNECTIONS + while_working, connections=32, requests=MANY)
            await asyncio.sleep(0.5)
        assert ours.running() > 0, "the runs were over too soon"


async def until_open(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.01)


@asynccontextmanager
async def an_empty_app(slack: str, answers: str, scratch: Path) -> AsyncIterator[Subject]:
    port = free_port()
    async with listening(HERE, dict(os.environ), scratch / "log", "-m", DOUBLES, "empty", str(port), slack) as bot:
        await until_open(port)
        yield Subject(EMPTY, bot, port, answers, scratch)


async def of_a_bot(tree: Path, floor: Subject, slack: str, provider: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder, log = Path(scratch) / "data", Path(scratch) / "log"
        folder.mkdir()
        env = bot_environment(api_url=slack, provider_url=f"{provider}/v1", folder=folder) | ROOMY
        folder.with_name(f"{folder.name}-enabled.yml").write_text(ROSTER, encoding="utf-8")
        for turn in ("new", "importing", "idle"):
            port = free_port()
            async with listening(tree, env, log, "-c", AGENTS, "run", "--port", str(port)) as bot:
                if turn == "new":  # makes the database
                    continue
                if turn == "importing":
                    over = asyncio.Event()
                    sending = asyncio.create_task(acknowledged(port, floor.answers, connections=1, until=over))
                    await loaded(bot)
                    over.set()
                    show(tree.name, "from ready until all is loaded", [await sending])
                    continue
                ours = Subject(tree.name, bot, port, floor.answers, folder)
                await loaded(bot)
                for one in (floor, ours):
                    await acknowledged(one.port, one.answers, connections=1, requests=30)
                await take_turns(floor, ours)
                for one in (floor, ours):
                    await one.measure(f"{MANY_CONNECTIONS}, {IN_A_ROW:,} in a row", connections=32, requests=IN_A_ROW)
                    await idle(one.bot)
                await beside_runs(floor, ours)
                ours.show()
        show(EMPTY, "a sync of the same disk", [syncs(folder)])


async def ask(port: int, runs: int) -> None:
    """Have requests of so many people worked on, each in a channel of its own."""
    async with aiohttp.ClientSession() as session:
        for number in range(runs):
            where = {"user": user_of(number), "channel": channel_of(number)}
            body, headers = signed_command("use answer: Which database?", trigger=f"ask.{next(_numbers)}", **where)
            async with session.post(f"http://127.0.0.1:{port}{EVENTS_PATH}", data=body, headers=headers) as reply:
                assert reply.status == 200, reply.status


async def main(trees: list[Path]) -> None:
    async with AsyncExitStack() as stack:
        answers_port = free_port()
        slack = stack.enter_context(program(DOUBLES, "slack", str(answers_port), str(WORKING)))
        provider = stack.enter_context(program("tests.fakes.provider", "--delay-s", str(MODEL_S), "--text", "Yes."))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        floor = await stack.enter_async_context(an_empty_app(slack, f"http://127.0.0.1:{answers_port}/", scratch))
        for tree in trees:
            await of_a_bot(tree, floor, slack, provider)
        floor.show()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, action="append", default=[], help="another checkout to measure beside")
    options = parser.parse_args()
    asyncio.run(main([HERE, *(tree.resolve() for tree in options.tree)]))
