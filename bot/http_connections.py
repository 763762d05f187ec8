"""Connections of HTTP mode: limited in number, and closed when they do not say what they want in time."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from patterns.core.errors import UserError

CONNECTIONS_MAX = 256
HEADERS_S = 5.0
"""How long a connection may take until the headers of a request are there, the first as well as a later one."""
IDLE_S = 5
BACKLOG = 128
HEADERS_MAX_BYTES = 32_768
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def connections_max() -> int:
    """Return how many connections we keep: well below the process's open files, of which the database needs some."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS_MAX if soft == resource.RLIM_INFINITY else max(8, min(CONNECTIONS_MAX, soft // 4))


class Connection(H11Protocol):
    """uvicorn's connection with a deadline for headers. In a crowd the one that has waited longest makes room."""

    _deadline: asyncio.TimerHandle | None = None
    _since_s: float = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection, at the cost of an idle one where there are too many."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._await_headers()
        if len(self.connections) <= connections_max():
            return
        waiting = [one for one in self.connections if isinstance(one, Connection) and one.is_waiting]
        min(waiting, key=lambda one: one.waits_since_s, default=self).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a request whose headers are there has met its deadline, the next one gets its own."""
        super().data_received(data)
        if not self.is_waiting:
            self._cancel()
        elif self._deadline is None and not self.transport.is_closing():
            self._await_headers()

    @property
    def is_waiting(self) -> bool:
        """Whether no request is under way here."""
        return bool(self.conn.their_state is h11.IDLE)

    @property
    def waits_since_s(self) -> float:
        """Since when, by the loop's clock."""
        return self._since_s

    def _await_headers(self) -> None:
        self._since_s = self.loop.time()
        self._deadline = self.loop.call_later(HEADERS_S, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        if self.is_waiting and not self.transport.is_closing():
            self.transport.write(_TOO_SLOW)
            self.transport.close()

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to us: it re-raises them at its end, and our second one exits at once."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield


def bound(host: str, port: int, *, instead: str) -> socket.socket:
    """Return a listening socket; early connections wait in its backlog.

    Raises:
        UserError: the address cannot be had. `instead` says how to choose another port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except socket.gaierror:
        raise UserError(f"AGENTS_HOST={host} is no address of this machine. Use one such as 127.0.0.1.") from None
    except OSError as error:
        raise UserError(
            f"Port {port} could not be opened on {host} ({error.strerror}). Choose another with {instead}, or another"
            " address with AGENTS_HOST."
        ) from None


@contextlib.asynccontextmanager
async def serving(app: Any, listener: socket.socket, *, name: str, grace_s: int) -> AsyncIterator[None]:  # noqa: ANN401 - as below
    """Serve an ASGI app while the block runs; requests under way at its end have `grace_s` seconds."""
    server = server_of(app, grace_s=grace_s)
    task = asyncio.create_task(server.serve(sockets=[listener]), name=name)
    try:
        yield
    finally:
        server.should_exit = True
        await task


def server_of(app: Any, *, grace_s: int) -> Server:  # noqa: ANN401 - uvicorn's own type
    """Build the server of an ASGI app, without an access log: the OAuth redirect's address holds a code."""
    return Server(
        uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            backlog=BACKLOG,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=grace_s,
            h11_max_incomplete_event_size=HEADERS_MAX_BYTES,
            server_header=False,
        )
    )
