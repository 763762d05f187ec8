"""Our own programs as processes to kill: `agents run`, `web` and `worker`, each soon replaced by its like."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parents[2]
AGENTS = (sys.executable, "-c", "from bot.cli import main; main()")
READY = b'"event": "ready"'
READY_S = 90
LEAVE_S = 40
LOOK_S = 0.02


class Process(Protocol):
    """What a member needs of its process; `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """The id that the system knows."""
        ...

    def send_signal(self, sig: int, /) -> None:
        """Nothing happens when it has ended."""
        ...

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; subprocess.TimeoutExpired when it still runs."""
        ...


@dataclass(frozen=True, slots=True)
class Start:
    """One process to start: arguments of `agents`, its whole environment, the file that its output is appended to."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]
    log: Path


Starter = Callable[[Start], Process]


def cold(start: Start) -> Process:
    """A program of its own, as people start it."""
    with start.log.open("ab") as log:
        return subprocess.Popen(
            [*AGENTS, *start.arguments],
            cwd=ROOT,
            env=dict(start.env),
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the storm, which then counts and dismisses its members itself.
            start_new_session=True,
        )


@dataclass
class Member:
    """A process of the fleet. `role` is the command; one with a port listens there, or on a socket of Slack's."""

    role: str
    port: int | None
    env: Mapping[str, str]
    log: Path
    starter: Starter = cold
    options: tuple[str, ...] = ()
    over_http: bool = False
    """How this incarnation hears."""
    is_away: bool = False
    """It is leaving, and nobody else's to kill."""
    born_s: float = 0.0
    starts_s: list[float] = field(default_factory=list)
    """How long each start took that came to its end."""
    process: Process = field(init=False)
    _logged: int = 0
    _is_ready: bool = False

    def start(self, *, over_http: bool = True) -> None:
        """Start it, or its successor."""
        self._logged = self.log.stat().st_size if self.log.exists() else 0
        self._is_ready, self.born_s = False, time.monotonic()
        self.over_http = self.port is not None and over_http
        address = ("--port", str(self.port)) if self.over_http else ()
        self.process = self.starter(Start((self.role, *address, *self.options), self.env, self.log))

    @property
    def owner(self) -> str:
        """How it signs the leases of runs."""
        return f"{socket.gethostname()}:{self.process.pid}"

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask_to_leave(self) -> None:
        """SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    async def left(self, timeout_s: float = LEAVE_S) -> bool:
        """Whether it ended by itself in that time. The doubles it talks to live in this loop, so it stays free."""
        give_up_s = time.monotonic() + timeout_s
        while self.process.poll() is None:
            if time.monotonic() > give_up_s:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    async def dismiss(self) -> None:
        """Let it end by itself, or make it."""
        self.ask_to_leave()
        if not await self.left():
            self.kill()

    async def ready(self) -> bool:
        """Return when it works; False when it ended before that. RuntimeError when it does neither."""
        give_up_s = time.monotonic() + READY_S
        while not self._is_ready:
            if READY in self.said():
                self._is_ready = True
                self.starts_s.append(time.monotonic() - self.born_s)
            elif self.process.poll() is not None:
                return False
            elif time.monotonic() > give_up_s:
                raise RuntimeError(f"{self.role} does not get ready: {self.said()[-2000:].decode()}")
            else:
                await asyncio.sleep(LOOK_S)
        return True

    def said(self) -> bytes:
        """What this incarnation has logged."""
        if not self.log.exists():
            return b""
        with self.log.open("rb") as log:
            log.seek(self._logged)
            return log.read()
