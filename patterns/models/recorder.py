"""What litellm sends, sent and read by us: so `acompletion` is as strict with replies, and with money, as our own HTTP.

litellm builds the request (address, authorisation, body). Left to itself it would read the reply leniently: it takes a
missing finish reason for `stop`, makes up usage and hides what an error cost. Imports aiohttp and httpx, late.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from types import ModuleType
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from yarl import URL

from patterns.core.errors import ModelError
from patterns.models.exchange import Exchange
from patterns.models.faults import Failure
from patterns.models.http import ERROR_BYTES_MAX, UNDER_WAY, Http, beginning, failure_of, read
from patterns.models.replies import BrokenReplyError

_OURS = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding", "user-agent"})
"""Headers that belong to the connection, and the one that says who we are."""


@dataclass(slots=True)
class Recording:
    """One call of `acompletion`: what it sent and got. Where it asks for a token first, the last request counts."""

    http: Http
    new_exchange: Callable[[], Exchange]
    exchange: Exchange | None = None
    pieces: list[bytes] = field(default_factory=list)
    has_reply: bool = False
    failure: Failure | None = None
    error: ModelError | None = None
    cause: Exception | None = None

    def begin(self) -> Exchange:
        """Return the exchange of the next request."""
        self.exchange, self.pieces, self.has_reply = self.new_exchange(), [], False
        self.failure, self.error, self.cause = None, None, None
        UNDER_WAY.set(self.exchange)
        return self.exchange


_RECORDING: ContextVar[Recording | None] = ContextVar("recording", default=None)


class Recorder(httpx.AsyncBaseTransport):
    """Send the requests of the attempt under way over its session, and read the reply before litellm does."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Redirects are not followed, because they would take our key along.

        Raises:
            httpx.ConnectError: litellm sends something of its own; nothing it may want to know is asked for.
            httpx.ReadError: the connection failed; the recording knows how.
        """
        recording = _RECORDING.get()
        if recording is None:
            raise httpx.ConnectError("No attempt is under way.", request=request)
        exchange = recording.begin()
        try:
            return await _send(request, recording, exchange)
        except (aiohttp.ClientError, OSError) as error:
            recording.failure, recording.cause = failure_of(error, is_sent=exchange.is_sent), error
            raise httpx.ReadError(type(error).__name__, request=request) from error


async def _send(request: httpx.Request, recording: Recording, exchange: Exchange) -> httpx.Response:
    url = URL(str(request.url), encoded=True)
    headers = {name: value for name, value in request.headers.items() if name not in _OURS}
    asked = recording.http.session().request(
        request.method,
        url,
        data=await request.aread(),
        headers={**headers, "accept-encoding": "identity"},
        allow_redirects=False,
        proxy=None if proxy_bypass(url.host or "") else getproxies().get(url.scheme),
    )
    async with asked as response:
        exchange.headers = response.headers
        if response.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            body = await beginning(response, ERROR_BYTES_MAX)
            recording.error = exchange.refused(response.status, body)
            return httpx.Response(response.status, content=body, request=request)
        try:
            await read(response, exchange.reading, keep=recording.pieces)
        except BrokenReplyError as error:
            recording.failure = error.failure
        recording.has_reply = True
        told = {"content-type": response.headers.get("content-type", "application/json")}
        return httpx.Response(response.status, headers=told, content=b"".join(recording.pieces), request=request)


@contextmanager
def under_way(recording: Recording) -> Iterator[None]:
    """Have what litellm sends in this block belong to the recording."""
    exchange, token = UNDER_WAY.set(None), _RECORDING.set(recording)
    try:
        yield
    finally:
        UNDER_WAY.reset(exchange)
        _RECORDING.reset(token)


def install(http_handler: ModuleType) -> None:
    """Give every asynchronous client that litellm makes the recording transport.

    This is the one place that all its ways to a provider share: its own handlers, and the SDKs of OpenAI and Azure.
    """

    def transport(*_: object, **__: object) -> Recorder:
        return Recorder()

    handler: Any = http_handler.AsyncHTTPHandler
    handler.create_async_transport = handler._create_async_transport = staticmethod(transport)  # noqa: SLF001 - its alias
