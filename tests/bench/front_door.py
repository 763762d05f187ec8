"""What strangers cost a bot in HTTP mode: CPU, memory, how long it answers nobody, and bytes of log.

python -m tests.bench.front_door            # this tree
python -m tests.bench.front_door --tree DIR # the same attacks on another checkout, for a before and after
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.demo.process import free_port
from tests.bench.figures import tell
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.team import Team
from tests.support.running_bot import bot_environment

HERE = Path(__file__).parents[2]
EVENTS = "/slack/events"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
LOOK_S = 0.05


@dataclass
class Bot:
    """A running bot as the system sees it."""

    pid: int
    port: int
    log: Path
    deaf_s: float = 0.0

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def peak_mb(self) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    async def listen(self) -> None:
        """Ask for its health all the time; the longest wait is how long it was deaf."""
        timeout = aiohttp.ClientTimeout(total=30)
        while True:
            began_s = time.monotonic()
            try:
                async with aiohttp.ClientSession(timeout=timeout) as session:
                    url = f"http://127.0.0.1:{self.port}/healthz"
                    async with session.get(url, headers={"Connection": "close"}) as reply:
                        await reply.read()
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            self.deaf_s = max(self.deaf_s, time.monotonic() - began_s)
            await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def running(tree: Path) -> AsyncIterator[Bot]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with SlackServer() as slack, Provider(Team()) as provider:
            env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=folder)
            port = free_port()
            log = folder / "bot.log"
            with log.open("wb") as out:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", "from bot.cli import main; main()", "run", "--port", str(port)),
                    cwd=tree,
                    env={**env, "PYTHONPATH": str(tree)},
                    stdout=out,
                    stderr=out,
                )
            try:
                while b"ready" not in log.read_bytes():  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(LOOK_S)
                yield Bot(process.pid, port, log)
            finally:
                process.kill()
                await process.wait()


async def unsigned(bot: Bot) -> None:
    """Ten bodies of 18 MB that nobody signed."""
    await asyncio.gather(*[_post(bot, b"payload=" + b"%7B" * 6_000_000) for _ in range(10)])


async def malformed(bot: Bot) -> None:
    """Two thousand bodies that are no JSON."""
    for _ in range(20):
        await asyncio.gather(*[_post(bot, b'{"broken', content="application/json") for _ in range(100)])


async def unfinished(bot: Bot) -> None:
    """Ten bodies that stop before their end, after 17 MB each."""
    held = [await asyncio.open_connection("127.0.0.1", bot.port) for _ in range(10)]
    for _, writer in held:
        writer.write(b"POST /slack/events HTTP/1.1\r\nHost: b\r\nContent-Length: 18000000\r\n\r\n" + b"x" * 17_000_000)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(5):
                await writer.drain()
    await asyncio.sleep(3)
    for _, writer in held:
        writer.close()


async def idle(bot: Bot) -> None:
    """1,200 connections that say nothing for eight seconds."""
    held = []
    for _ in range(1200):
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(2):
                held.append(await asyncio.open_connection("127.0.0.1", bot.port))
    await asyncio.sleep(8)
    for _, writer in held:
        writer.close()


async def _post(bot: Bot, body: bytes, *, content: str = "application/x-www-form-urlencoded") -> None:
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
            session.post(f"http://127.0.0.1:{bot.port}{EVENTS}", data=body, headers={"Content-Type": content}) as reply,
        ):
            await reply.read()


ATTACKS: tuple[Callable[[Bot], Awaitable[None]], ...] = (unsigned, malformed, unfinished, idle)


async def measure(tree: Path) -> None:
    print(f"{'attack':58} {'CPU s':>7} {'peak MB':>8} {'deaf s':>7} {'log bytes':>10}")
    for attack in ATTACKS:
        async with running(tree) as bot:
            before_s, logged = bot.cpu_s(), bot.log.stat().st_size
            listening = asyncio.create_task(bot.listen())
            await attack(bot)
            await asyncio.sleep(0.5)
            listening.cancel()
            cost_s = bot.cpu_s() - before_s
            written = bot.log.stat().st_size - logged
            name = (attack.__doc__ or "").rstrip(".")
            tell(f"{name}: CPU", cost_s, "s")
            tell(f"{name}: answers nobody", bot.deaf_s, "s")
            print(f"{name:58} {cost_s:7.1f} {bot.peak_mb():8.0f} {bot.deaf_s:7.1f} {written:10,}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=HERE, help="the checkout whose bot is attacked")
    asyncio.run(measure(parser.parse_args().tree.resolve()))
