import asyncio
from functools import partial

from bot.demo.keeper import Streams, relaying

LISTEN_ON_LOOPBACK = partial(asyncio.start_server, host="127.0.0.1", port=0)


def port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


async def talk(port: int, words: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(words)
    heard = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return heard


async def test_a_relay_joins_connections_both_ways() -> None:
    finished: asyncio.Queue[None] = asyncio.Queue()

    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
        writer.close()
        await writer.wait_closed()
        finished.put_nowait(None)

    async with await asyncio.start_server(shout, "127.0.0.1", 0) as inner:
        async with relaying(LISTEN_ON_LOOPBACK, lambda: asyncio.open_connection("127.0.0.1", port_of(inner))) as outer:
            heard = await asyncio.gather(*(talk(port_of(outer), b"hello %d\n" % i) for i in range(20)))
        for _ in range(20):
            await finished.get()
    assert heard == [b"HELLO %d\n" % i for i in range(20)]


async def test_a_relay_to_nobody_closes_the_connection() -> None:
    async def nobody() -> Streams:
        raise ConnectionRefusedError

    async with relaying(LISTEN_ON_LOOPBACK, nobody) as server:
        assert await talk(port_of(server), b"") == b""
