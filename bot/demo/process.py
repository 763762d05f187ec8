"""Programs that live as long as a block of code, with output in a log file and no key in their environment."""

import asyncio
import os
import random
import shutil
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from patterns.core.errors import UserError

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
"""The only variables a started program sees: it must not have providers' keys or Slack's tokens."""
POLL_S = 0.05
OWN_PORTS = range(20_000, 32_000)
_chance = random.SystemRandom()  # programs that were seeded alike must not choose alike
KEEPER = Path(__file__).with_name("keeper.py")


@asynccontextmanager
async def kept(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    inside: Sequence[str] = (),
    door: tuple[Path, int] | None = None,
) -> AsyncIterator[Process]:
    """Run a program, through its keeper, while the block runs. Its output goes to `log`.

    `inside` is a command that starts the keeper in a network namespace, `door` the Unix socket that leads to a port
    there.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    opened = () if door is None else ("--door", str(door[0]), str(door[1]))
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *inside,
            *(sys.executable, "-I", str(KEEPER), *opened, "--", *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={name: env[name] for name in PASSED_ON if name in env},
            start_new_session=True,  # Ctrl-C is for us; the program ends when we close its stdin
        )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def until_ready(
    process: Process, probe: Callable[[], Awaitable[bool]], *, name: str, log: Path, wait_s: float
) -> None:
    """Wait until the probe returns True.

    Raises:
        UserError: the program ended, or took longer than `wait_s` seconds.
    """
    try:
        async with asyncio.timeout(wait_s):
            while not await probe():
                if process.returncode is not None:
                    raise UserError(f"{name} ended at once. Its words are in {log}.")
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise UserError(f"{name} was not ready after {wait_s:.0f} seconds. Its words are in {log}.") from None


def free_port(wanted: int = 0) -> int:
    """Return a free port on loopback, the wanted one if given.

    A port of our own choice lies below those that systems give to outgoing connections: between this look and the
    start of whoever listens there, any program that connects to something may be given one of those.

    Raises:
        UserError: the wanted one is in use.
    """
    if wanted and not _is_free(wanted):
        raise UserError(f"Port {wanted} is in use. Pass another with --port.")
    return wanted or next(port for port in iter(lambda: _chance.choice(OWN_PORTS), None) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def own_network(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the command that starts a program in its own network namespace; empty where the system forbids it."""
    unshare = shutil.which("unshare", path=env.get("PATH"))
    if sys.platform != "linux" or unshare is None:
        return ()
    as_user = (unshare, "--user", "--map-root-user", "--net")
    for prefix in ((unshare, "--net"), as_user) if os.geteuid() == 0 else (as_user,):
        trial = await asyncio.create_subprocess_exec(
            *prefix, "true", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        if await trial.wait() == 0:
            return prefix
    return ()
