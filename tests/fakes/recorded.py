"""A provider that answers with recorded bytes, head and all: what providers send is not always what was agreed."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_HEAD_END = b"\r\n\r\n"


@dataclass
class Recorded:
    """Answers every request with `raw`, in the given pieces, then keeps the connection open until the client leaves.

    `paths` and `bodies` are what was asked for.
    """

    pieces: Sequence[bytes]
    keeps_open: bool = False
    paths: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._closing = asyncio.Event()
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.close()

    @property
    def url(self) -> str:
        """The root, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(_HEAD_END)).decode("latin-1")
            self.paths.append(head.split(" ")[1])
            lengths = [line for line in head.split("\r\n") if line.lower().startswith("content-length:")]
            self.bodies.append(await reader.readexactly(int(lengths[0].split(":")[1]) if lengths else 0))
            for piece in self.pieces:
                writer.write(piece)
                await writer.drain()
            if self.keeps_open:
                hung_up = asyncio.create_task(reader.read())
                closing = asyncio.create_task(self._closing.wait())
                _, left = await asyncio.wait({hung_up, closing}, return_when=asyncio.FIRST_COMPLETED)
                for task in left:
                    task.cancel()
        writer.close()
