"""Our own programs as processes to kill: `agents run`, `web` and `worker`, each soon replaced by its like."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
AGENTS = (sys.executable, "-c", "from bot.cli import main; main()")
READY = b'"event": "ready"'
READY_S = 90
LEAVE_S = 40


@dataclass
class Member:
    """A process of the fleet; what it logs is appended to the file."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    process: "subprocess.Popen[bytes]" = field(init=False)
    _logged: int = 0

    def start(self) -> None:
        """Start it, or its successor."""
        self._logged = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*AGENTS, *self.arguments], cwd=ROOT, env=dict(self.env), stdout=log, stderr=subprocess.STDOUT
            )

    def kill(self) -> int:
        """SIGKILL; returns the id it had."""
        self.process.kill()
        self.process.wait()
        return self.process.pid

    async def leave(self) -> None:
        """Let it end by itself, or make it. The doubles it talks to live in this loop, so it must not be blocked."""
        self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, LEAVE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    async def ready(self) -> None:
        """Return when it works; RuntimeError when it ended by itself."""
        give_up_s = time.monotonic() + READY_S
        while READY not in self.log.read_bytes()[self._logged :]:
            if self.process.poll() is not None or time.monotonic() > give_up_s:
                raise RuntimeError(f"{' '.join(self.arguments)} ended by itself: {self.log.read_text()[-2000:]}")
            await asyncio.sleep(0.05)


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
