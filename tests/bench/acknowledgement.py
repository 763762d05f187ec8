"""How soon `/agents` is acknowledged, its payload committed first: beside an empty Bolt app under the same server.

python -m tests.bench.acknowledgement               # this tree
python -m tests.bench.acknowledgement --tree DIR    # and another checkout, in turn

Signed HTTP over 1 and 32 connections; then while 100 runs work, and while litellm is imported. The sync of the disk is
measured beside it: what is acknowledged was committed, so one sync is the least it can take.
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import aiohttp
from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.process import free_port
from bot.http_connections import server_of
from bot.manifest import EVENTS_PATH
from tests.bench.figures import tell
from tests.fakes.slack_server import SIGNING_SECRET
from tests.fakes.slack_state import BOT_TOKEN
from tests.support.processes import Watched
from tests.support.running_bot import bot_environment
from tests.support.signed import signed_command

HERE = Path(__file__).parents[2]
AGENTS = "from bot.cli import main; main()"
ONE, MANY = 300, 1280
WORKING = 100
EMPTY, ONE_CONNECTION, MANY_CONNECTIONS = "an empty Bolt app", "1 connection", "32 connections"
MODEL_S = 2.0
READY_S = 120.0
Times = list[float]
"""Seconds from a request to its acknowledgement."""
_numbers = count(1)


async def acknowledged(
    port: int, answers: str, *, connections: int, requests: int = 0, until: asyncio.Event | None = None
) -> Times:
    """Send `requests` commands in all, or send until the event; replies go to `answers`, which nothing paces."""
    times: Times = []
    left = iter(range(requests))

    async def sender(session: aiohttp.ClientSession) -> None:
        while not until.is_set() if until is not None else next(left, None) is not None:
            body, headers = signed_command("stop", trigger=f"bench.{next(_numbers)}", response_url=answers)
            begun_s = time.perf_counter()
            async with session.post(f"http://127.0.0.1:{port}{EVENTS_PATH}", data=body, headers=headers) as reply:
                await reply.read()
                assert reply.status == 200, reply.status
            times.append(time.perf_counter() - begun_s)

    async with contextlib.AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(aiohttp.ClientSession()) for _ in range(connections)]
        await asyncio.gather(*map(sender, sessions))
    return times


def show(whose: str, what: str, times: Times, *, cpu_s: float | None = None) -> None:
    """Print how long it took, with the processor time meanwhile, and tell it where it is this tree's or the floor's."""
    ordered = sorted(times)
    p50, p99 = (ordered[int(part * (len(ordered) - 1))] * 1000 for part in (0.5, 0.99))
    name = f"{whose}, {what}"
    print(
        f"{name:52} p50 {p50:8.2f} ms   p99 {p99:8.2f} ms   longest {ordered[-1] * 1000:8.2f} ms   ({len(times)})"
        + (f"   {cpu_s / len(times) * 1000:6.2f} ms of CPU each" if cpu_s is not None else ""),
        flush=True,
    )
    if whose in (EMPTY, HERE.name):
        told = "ours" if whose == HERE.name else whose
        tell(f"{told}, {what}, p50", p50, "ms")
        tell(f"{told}, {what}, p99", p99, "ms")
        if cpu_s is not None:
            tell(f"{told}, {what}, CPU", cpu_s / len(times) * 1000, "ms")


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


async def empty(port: int, slack: str) -> None:
    """Serve a Bolt app that acknowledges and does nothing else."""
    app = AsyncApp(name="empty", client=AsyncWebClient(token=BOT_TOKEN, base_url=slack), signing_secret=SIGNING_SECRET)

    @app.command("/agents")
    async def command(ack) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - Bolt goes by the name
        await ack()

    server = server_of(AsyncSlackRequestHandler(app, path=EVENTS_PATH), grace_s=1)
    server.config.host, server.config.port = "127.0.0.1", port
    print("ready", flush=True)
    await server.serve()


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
        await asyncio.sleep(1.0)


async def of_an_empty_app(slack: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        port = free_port()
        code = ("-m", "tests.bench.acknowledgement", "--empty", str(port), slack)
        async with listening(HERE, dict(os.environ), Path(scratch) / "log", *code) as bot:
            await until_open(port)
            await acknowledged(port, slack, connections=1, requests=30)
            await on_one_and_many(EMPTY, bot, port, slack)


async def on_one_and_many(whose: str, bot: Watched, port: int, slack: str, *, meanwhile: str = "") -> None:
    """Measure on one connection, then on 32 that never pause; what one leaves to do is done before the next begins."""
    for what, connections, requests in ((ONE_CONNECTION, 1, ONE), (MANY_CONNECTIONS, 32, MANY)):
        before_s = bot.cpu_s()
        times = await acknowledged(port, slack, connections=connections, requests=requests)
        show(whose, what + meanwhile, times, cpu_s=bot.cpu_s() - before_s)
        if not meanwhile:
            await idle(bot)


async def until_open(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.01)


async def of_a_bot(tree: Path, slack: str, provider: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        folder.mkdir()
        env = bot_environment(api_url=slack, provider_url=f"{provider}/v1", folder=folder)
        name = tree.name
        for turn in ("new", "importing", "idle"):
            port = free_port()
            async with listening(tree, env, Path(scratch) / "log", "-c", AGENTS, "run", "--port", str(port)) as bot:
                if turn == "new":  # makes the database
                    continue
                if turn == "importing":
                    over = asyncio.Event()
                    sending = asyncio.create_task(acknowledged(port, slack, connections=1, until=over))
                    await loaded(bot)
                    over.set()
                    show(name, "from ready until all is loaded", await sending)
                    continue
                await loaded(bot)
                await acknowledged(port, slack, connections=1, requests=30)
                await on_one_and_many(name, bot, port, slack)
                await ask(port, WORKING)
                await on_one_and_many(name, bot, port, slack, meanwhile=f", while it works on {WORKING} runs")
        show(EMPTY, "a sync of the same disk", syncs(folder))


async def ask(port: int, runs: int) -> None:
    """Have so many requests worked on, each in a channel of its own."""
    async with aiohttp.ClientSession() as session:
        for _ in range(runs):
            body, headers = signed_command("use answer: Which database?", trigger=f"ask.{next(_numbers)}")
            async with session.post(f"http://127.0.0.1:{port}{EVENTS_PATH}", data=body, headers=headers) as reply:
                assert reply.status == 200, reply.status


async def main(trees: list[Path]) -> None:
    with ExitStack() as stack:
        slack = stack.enter_context(program("tests.fakes.slack_server"))
        provider = stack.enter_context(program("tests.fakes.provider", "--delay-s", str(MODEL_S), "--text", "Yes."))
        await of_an_empty_app(slack)
        for tree in trees:
            await of_a_bot(tree, slack, provider)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, action="append", default=[], help="another checkout to measure beside")
    parser.add_argument("--empty", nargs=2, metavar=("PORT", "SLACK"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.empty:
        asyncio.run(empty(int(options.empty[0]), options.empty[1]))
    else:
        asyncio.run(main([HERE, *(tree.resolve() for tree in options.tree)]))
