"""Our own programs as processes to kill: `agents run` and `agents worker`, each soon replaced by another of its kind."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import aiohttp

ROOT = Path(__file__).parents[2]
AGENTS = (sys.executable, "-c", "from bot.cli import main; main()")
READY_S = 60


@dataclass
class Member:
    """A process of the fleet. `port` is where it hears deliveries, None for a worker."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]
    log: BinaryIO
    port: int | None = None
    process: "subprocess.Popen[bytes]" = field(init=False)

    def start(self) -> None:
        """Start it, or its successor."""
        self.process = subprocess.Popen(
            [*AGENTS, *self.arguments], cwd=ROOT, env=dict(self.env), stdout=self.log, stderr=subprocess.STDOUT
        )

    def kill(self) -> int:
        """SIGKILL; returns the id it had."""
        self.process.kill()
        self.process.wait()
        return self.process.pid

    def leave(self) -> None:
        """Let it end by itself, or make it."""
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    async def ready(self) -> None:
        """Return when it hears deliveries; RuntimeError when it ended by itself."""
        give_up_s = time.monotonic() + READY_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while self.port is not None and time.monotonic() < give_up_s:
                if self.process.poll() is not None:
                    raise RuntimeError(f"{' '.join(self.arguments)} ended by itself with {self.process.returncode}.")
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"http://127.0.0.1:{self.port}/healthz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
