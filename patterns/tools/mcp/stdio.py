"""A server as a process of its own, over its standard input and output, in lines of bounded length.

Imported late, with the SDK, whose own transport reads lines of any length. A line that is longer than the limit is
read past: the call whose answer it is ends with a plain reason, and the server goes on. Where nobody can tell whose
answer it is, or where it never ends, the connection is over.
"""

import asyncio
import contextlib
import os
import re
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import PARSE_ERROR, ErrorData, JSONRPCError, JSONRPCRequest, JSONRPCResponse, jsonrpc_message_adapter

from patterns.core.tasks import run_to_completion
from patterns.tools.mcp.limits import too_long

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

log = structlog.get_logger(__name__)

CHUNK_BYTES = 65_536
EDGE_BYTES = 1_000
"""How much of a line that is too long is kept of its beginning and of its end: there stands whose answer it is."""
ENDLESS_BYTES = 1_000_000_000
"""A line that is longer than this is not read past."""
LEAVE_S, POLL_S = 2.0, 0.01
"""Seconds that a server has to end by itself, and again after it was told to."""
_ID = rb'"id"\s*:\s*(\d+|"[^"\\]{1,80}")\s*'
_VERSION = rb'"jsonrpc"\s*:\s*"2\.0"\s*'
_ID_FIRST = re.compile(rb"\s*\{\s*(?:" + _VERSION + rb",\s*)?" + _ID + rb",")
_ID_LAST = re.compile(
    rb",\s*" + _ID + rb"(?:,\s*" + _VERSION + rb")?\}\s*$|,\s*" + _VERSION + rb",\s*" + _ID + rb"\}\s*$"
)
_NOTICE = re.compile(rb"\s*\{\s*(?:" + _VERSION + rb',\s*)?"method"')


@dataclass(frozen=True, slots=True)
class Overlong:
    """A line that was read past: how it begins and ends. `is_endless` when its end never came."""

    head: bytes
    tail: bytes
    is_endless: bool = False

    @property
    def is_an_answer(self) -> bool:
        """Return whether it may answer something; else it is a notification, which nobody waits for."""
        return _NOTICE.match(self.head) is None

    @property
    def answers(self) -> int | str | None:
        """Return the id of the request that it answers, None where that stands in neither end."""
        found = _ID_FIRST.match(self.head) or _ID_LAST.search(self.tail)
        if found is None:
            return None
        told = next(group for group in found.groups() if group)
        return told[1:-1].decode(errors="replace") if told.startswith(b'"') else int(told)


@dataclass
class Lines:
    """Cuts what comes into lines, holding at most `limit` bytes and a chunk."""

    limit: int
    _parts: list[bytes] = field(default_factory=list)
    _size: int = 0
    _head: bytes | None = None
    _tail: bytes = b""

    def feed(self, chunk: bytes) -> Iterator[bytes | Overlong]:
        """Yield the lines that a chunk completes."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._add(part)
            yield self._taken()
        self._add(rest)
        if self._head is not None and self._size > ENDLESS_BYTES:
            yield Overlong(self._head, self._tail, is_endless=True)

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self.limit:
            self._parts.append(part)
            return
        if self._head is None:
            begun = b"".join(self._parts)
            self._head, self._tail = (begun + part[:EDGE_BYTES])[:EDGE_BYTES], begun[-EDGE_BYTES:]
            self._parts = []
        self._tail = (self._tail + part[-EDGE_BYTES:])[-EDGE_BYTES:]

    def _taken(self) -> bytes | Overlong:
        line = b"".join(self._parts) if self._head is None else Overlong(self._head, self._tail)
        self._parts, self._size, self._head, self._tail = [], 0, None, b""
        return line


@asynccontextmanager
async def process_transport(
    command: Sequence[str], *, env: Mapping[str, str], folder: Path, errors: IO[str], line_bytes_max: int
) -> AsyncGenerator["TransportStreams"]:
    """Start a server and exchange messages with it, a line each; at the end it is told to leave, and then made to.

    Raises:
        OSError: it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=errors, env=dict(env), cwd=folder, start_new_session=True
    )
    pipes = _Pipes(process, line_bytes_max)
    tasks = [asyncio.create_task(pipes.read()), asyncio.create_task(pipes.write())]
    try:
        yield pipes.received, pipes.sending
    finally:
        pipes.close()
        await run_to_completion(_ended(process, tasks))


class _Pipes:
    """Both pipes of a process, each with the stream that the session has of it."""

    def __init__(self, process: Process, line_bytes_max: int) -> None:
        self._process, self._limit = process, line_bytes_max
        self._waiting: set[int | str] = set()
        self._receiving: MemoryObjectSendStream[SessionMessage | Exception]
        self.received: MemoryObjectReceiveStream[SessionMessage | Exception]
        self._receiving, self.received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        self.sending: MemoryObjectSendStream[SessionMessage]
        self._to_send: MemoryObjectReceiveStream[SessionMessage]
        self.sending, self._to_send = anyio.create_memory_object_stream[SessionMessage](0)

    async def read(self) -> None:
        """Hand on what comes, until the server ends or the session is gone; then let it say the rest to nobody."""
        with contextlib.suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, ConnectionError):
            async with self._receiving:
                await self._read_lines()
        with contextlib.suppress(ConnectionError):
            while await self._out.read(CHUNK_BYTES):
                pass

    async def _read_lines(self) -> None:
        lines = Lines(self._limit)
        while chunk := await self._out.read(CHUNK_BYTES):
            for line in lines.feed(chunk):
                message = self._overlong(line) if isinstance(line, Overlong) else self._message(line)
                if message is not None:
                    await self._receiving.send(message)

    def _message(self, line: bytes) -> SessionMessage | Exception:
        try:
            message = jsonrpc_message_adapter.validate_json(line.decode(errors="replace"), by_name=False)
        except ValueError as error:
            log.warning("tool_server_unreadable", bytes=len(line))
            return error
        if isinstance(message, JSONRPCResponse | JSONRPCError) and message.id is not None:
            self._waiting.discard(message.id)
        return SessionMessage(message)

    def _overlong(self, line: Overlong) -> SessionMessage | None:
        """Return the error in place of an answer that is too long.

        Raises:
            ConnectionError: it is endless, or nobody knows whose answer it is.
        """
        log.warning("tool_server_overlong", bytes_max=self._limit, endless=line.is_endless)
        if line.is_endless:
            self._process.kill()
            raise ConnectionError
        if not line.is_an_answer:
            return None
        waiting = self._waiting & {line.answers} if line.answers is not None else self._waiting
        if len(waiting) != 1:
            raise ConnectionError
        (id_,) = waiting
        self._waiting.discard(id_)
        error = ErrorData(code=PARSE_ERROR, message=too_long(self._limit))
        return SessionMessage(JSONRPCError(jsonrpc="2.0", id=id_, error=error))

    async def write(self) -> None:
        """Send what the session has to say; where the server takes nothing any more, the session is told."""
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        try:
            async with self._to_send:
                async for one in self._to_send:
                    if isinstance(one.message, JSONRPCRequest):
                        self._waiting.add(one.message.id)
                    line = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                    self._process.stdin.write(line.encode("utf-8", "replace") + b"\n")
                    await self._process.stdin.drain()
        except (OSError, anyio.ClosedResourceError, anyio.BrokenResourceError):
            await self._receiving.aclose()

    def close(self) -> None:
        """Let go of the session's ends."""
        self.received.close()
        self.sending.close()

    @property
    def _out(self) -> asyncio.StreamReader:
        assert self._process.stdout is not None  # noqa: S101 - as above
        return self._process.stdout


async def _ended(process: Process, tasks: Sequence["asyncio.Task[None]"]) -> None:
    """End a server: its input is closed, then it and what it started are told to leave, then they are killed."""
    assert process.stdin is not None  # noqa: S101 - as above
    await asyncio.wait({tasks[1]}, timeout=LEAVE_S / 4)
    process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
        if await _left(process):
            break
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # Whatever it left behind may hold the pipes open: nobody listens to that.
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio has no other way to say it


async def _left(process: Process) -> bool:
    """Return whether a process has ended in its time; `wait` would wait for its children's pipes too."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_S):
            while process.returncode is None:  # noqa: ASYNC110 - as said
                await asyncio.sleep(POLL_S)
    return process.returncode is not None
