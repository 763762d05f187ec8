import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.process import free_port, kept, until_ready
from patterns.core.errors import UserError

LONG_LIVED = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
    sock.recv(1)
"""
DEMO = """
import asyncio, os, sys
from pathlib import Path
from bot.demo.process import kept
async def main():
    async with kept(sys.argv[2:], log=Path(sys.argv[1]), env=os.environ):
        await asyncio.Event().wait()
asyncio.run(main())
"""


class Watch:
    """A server that programs connect to; the connection ends when its program does."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.port = 0

    async def until_connected(self) -> asyncio.StreamReader:
        reader, self.writer = await asyncio.wait_for(self.arrived.get(), 20)
        return reader

    async def until_gone(self, reader: asyncio.StreamReader) -> bytes:
        rest = await asyncio.wait_for(reader.read(), 20)
        self.writer.close()
        return rest


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    watch = Watch()
    server = await asyncio.start_server(lambda *streams: watch.arrived.put_nowait(streams), "127.0.0.1", 0)
    watch.port = server.sockets[0].getsockname()[1]
    yield watch
    server.close()


def command(watch: Watch) -> list[str]:
    return [sys.executable, "-c", LONG_LIVED, str(watch.port)]


async def test_a_program_ends_with_its_block(watch: Watch, tmp_path: Path) -> None:
    async with kept(command(watch), log=tmp_path / "log", env={}):
        connection = await watch.until_connected()
    assert await watch.until_gone(connection) == b""


async def test_a_program_ends_with_a_killed_demo(watch: Watch, tmp_path: Path) -> None:
    demo = await asyncio.create_subprocess_exec(sys.executable, "-c", DEMO, str(tmp_path / "log"), *command(watch))
    connection = await watch.until_connected()
    demo.send_signal(signal.SIGKILL)
    assert await demo.wait() == -signal.SIGKILL
    assert await watch.until_gone(connection) == b""


async def test_a_program_sees_no_key(tmp_path: Path) -> None:
    log = tmp_path / "log"
    env = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "sk-secret", "SLACK_BOT_TOKEN": "xoxb-secret"}
    show = [sys.executable, "-c", "import os; print(sorted(os.environ))"]
    async with kept(show, log=log, env=env) as process:
        assert await process.wait() == 0
    assert ("PATH" in log.read_text(), "KEY" in log.read_text(), "TOKEN" in log.read_text()) == (True, False, False)


async def test_a_program_that_ends_at_once_is_a_sentence_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def never() -> bool:
        return False

    async with kept([sys.executable, "-c", "raise SystemExit('no luck')"], log=log, env={}) as process:
        with pytest.raises(UserError, match=f"The thing ended at once. Its words are in {log}"):
            await until_ready(process, never, name="The thing", log=log, wait_s=20)
    assert log.read_text() == "no luck\n"


async def test_a_program_that_never_gets_ready_is_a_sentence(watch: Watch, tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async with kept(command(watch), log=tmp_path / "log", env={}) as process:
        connection = await watch.until_connected()
        with pytest.raises(UserError, match="The thing was not ready after 0 seconds"):
            await until_ready(process, never, name="The thing", log=tmp_path / "log", wait_s=0)
    await watch.until_gone(connection)


async def test_a_port_that_is_taken_is_a_sentence(watch: Watch) -> None:
    with pytest.raises(UserError, match=f"Port {watch.port} is in use. Pass another with --port"):
        free_port(watch.port)
