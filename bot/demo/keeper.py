"""Run one program while the other end of stdin is open, so that nothing outlives a killed demo.

A separate script (`python -I keeper.py [--door SOCKET PORT] -- PROGRAM …`) that imports nothing of ours. With `--door`
it runs inside a network namespace: it raises the loopback there and accepts connections on a Unix socket, which it
relays to 127.0.0.1:PORT. Exit code: the program's.
"""

import argparse
import asyncio
import fcntl
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[], Awaitable[Streams]]
Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]
CHUNK_BYTES = 64 * 1024
GRACE_S = 5
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1


@asynccontextmanager
async def relaying(listen: Callable[[Accept], Awaitable[asyncio.Server]], dial: Dial) -> AsyncIterator[asyncio.Server]:
    """Relay each connection that arrives at a server to one that `dial` opens, while the block runs."""
    relays: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_relay((reader, writer), dial))
        relays.add(task)
        task.add_done_callback(relays.discard)

    server = await listen(accept)
    try:
        yield server
    finally:
        server.close()
        for task in relays:
            task.cancel()
        await asyncio.gather(*relays, return_exceptions=True)


async def _relay(here: Streams, dial: Dial) -> None:
    writers = [here[1]]
    try:
        there = await dial()
        writers.append(there[1])
        await asyncio.gather(_pump(here[0], there[1]), _pump(there[0], here[1]))
    except OSError:  # nothing listens there yet: to the caller that is a closed connection
        pass
    finally:
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(CHUNK_BYTES):
            sink.write(chunk)
            await sink.drain()
    except OSError:  # one side closed, which is how connections end
        pass
    finally:
        sink.close()


def raise_loopback() -> None:
    """Bring up `lo`, which is down in a new network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP))


async def _stdin_closed() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def keep(command: Sequence[str], door: tuple[str, str] | None) -> int:
    """Run the program until it ends or stdin closes; return its exit code."""
    async with AsyncExitStack() as stack:
        if door is not None:
            path, port = door
            raise_loopback()
            inwards = relaying(
                lambda accept: asyncio.start_unix_server(accept, path),
                lambda: asyncio.open_connection("127.0.0.1", int(port)),
            )
            await stack.enter_async_context(inwards)
        program = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
        ends = {asyncio.ensure_future(program.wait()), asyncio.ensure_future(_stdin_closed())}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if program.returncode is None:
            program.terminate()
            try:
                await asyncio.wait_for(program.wait(), GRACE_S)
            except TimeoutError:
                program.kill()
        return await program.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--door", nargs=2)
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args()
    sys.exit(asyncio.run(keep(chosen.command, chosen.door)))
