"""One attempt over HTTP, on our own aiohttp session: seven times cheaper than litellm's, and honest on failure.

Imports aiohttp, so it is imported late, by `patterns.models.client` alone.
"""

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from http import HTTPStatus
from types import SimpleNamespace

import aiohttp

from patterns.core.calls import Completion, PreparedCall
from patterns.core.errors import NEVER_SENT
from patterns.core.ports import FileReader, OnText
from patterns.models.bodies import Body
from patterns.models.exchange import Exchange, reading_of
from patterns.models.faults import Failure
from patterns.models.pictures import WireBody, read_pictures
from patterns.models.replies import BrokenReplyError, Reading
from patterns.models.translate import Target, Translation

REPLY_BYTES_MAX = 16 * 2**20
"""Far above any answer within a roster's output cap; a provider that sends more is broken."""
ERROR_BYTES_MAX = 64 * 2**10
_CONNECT_S = 10.0
_CONNECTIONS = 1000
_KEEPALIVE_S = 15.0
"""Shorter than any provider's own, so that a request is hardly ever written into a connection just being closed."""
_TAIL_S = 0.5
"""How long a reply that has its finish reason and its bill may take to come to its formal end."""
_DRAIN_S = 0.1
"""How long a finished reply may take to close, so that its connection can be used again."""

UNDER_WAY: ContextVar[Exchange | None] = ContextVar("exchange", default=None)
"""The attempt that a request belongs to, for what sees only the request."""


class Http:
    """The session of one client. Open inside a running loop, closed with `aclose`."""

    def __init__(self, files: FileReader | None = None) -> None:
        self.files = files
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, call: PreparedCall, target: Target, on_text: OnText | None = None) -> Completion:
        """Make one attempt within the request's `timeout_s`.

        Raises:
            ModelError: with what it may have cost.
            asyncio.CancelledError: with `NEVER_SENT`, or with the bill, where that is known.
        """
        exchange = Exchange(call, target, reading_of(call, str(target.shape), on_text))
        under_way = UNDER_WAY.set(exchange)
        try:
            async with asyncio.timeout(call.request.timeout_s):
                await self._exchange(exchange)
        except TimeoutError as error:
            return exchange.outcome(Failure("timeout"), error)
        except (aiohttp.ClientError, OSError) as error:
            return exchange.outcome(failure_of(error, is_sent=exchange.is_sent), error)
        except BrokenReplyError as error:
            return exchange.outcome(error.failure)
        except asyncio.CancelledError:
            raise stopped(exchange) from None
        finally:
            UNDER_WAY.reset(under_way)
        return exchange.outcome()

    async def _exchange(self, exchange: Exchange) -> None:
        wire: Translation = exchange.call.wire
        body, headers = await self._sent(exchange.call)
        request = self.session().post(wire.url, data=body, headers=headers, allow_redirects=False)
        async with request as response:
            # Leaving this block early closes the connection, which is what stops the provider from generating.
            exchange.headers = response.headers
            if response.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
                raise exchange.refused(response.status, await beginning(response, ERROR_BYTES_MAX))
            idle_timeout_s = exchange.call.request.idle_timeout_s if wire.stream else None
            await read(response, exchange.reading, idle_timeout_s)
            with suppress(TimeoutError, aiohttp.ClientError, OSError):
                async with asyncio.timeout(_DRAIN_S):
                    await response.content.readany()

    async def _sent(self, call: PreparedCall) -> tuple[bytes | WireBody, Mapping[str, str]]:
        """Return body and headers as they go out: pictures are read and encoded only now."""
        wire: Translation = call.wire
        if not wire.pictures:
            return call.body, wire.headers
        body = WireBody(call.body, await read_pictures(call.request, wire.pictures, self.files))
        return body, {**wire.headers, "Content-Length": str(body.length)}

    def session(self) -> aiohttp.ClientSession:
        """Return the session, opened on first use."""
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_mark_sent)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEPALIVE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "agents-for-slack"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
                trace_configs=[trace],
            )
        return self._session


def failure_of(error: Exception, *, is_sent: bool) -> Failure:
    """Return what a lost connection means: no way to the provider, or a reply that broke off."""
    broke_off = isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError)
    return Failure("truncated" if is_sent and broke_off else "connection")


def stopped(exchange: Exchange) -> asyncio.CancelledError:
    """Return the error of an attempt that was stopped, with what is known of its price."""
    if not exchange.is_sent:
        return asyncio.CancelledError(NEVER_SENT)
    usage = exchange.reading.usage(exchange.call.images)
    return asyncio.CancelledError(*([] if usage is None else [usage]))


async def _mark_sent(_: aiohttp.ClientSession, __: SimpleNamespace, ___: aiohttp.TraceRequestHeadersSentParams) -> None:
    exchange = UNDER_WAY.get()
    if exchange is not None:
        exchange.is_sent = True


async def beginning(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """Return at most so many bytes of a reply's body."""
    body = b""
    while len(body) < bytes_max and (chunk := await response.content.readany()):
        body += chunk
    return body[:bytes_max]


async def read(
    response: aiohttp.ClientResponse,
    reading: Reading,
    idle_timeout_s: float | None = None,
    *,
    keep: list[bytes] | None = None,
) -> None:
    """Read to the protocol's end, or to the connection's where that comes first; `keep` gets the bytes too.

    The first bytes may take as long as the call. After them silence is bounded in a stream; and once everything has
    come but the formal end, so are pings.

    Raises:
        BrokenReplyError: what came is not an answer.
        TimeoutError: the stream fell silent.
        aiohttp.ClientError: the connection broke.
    """
    body, clock, parts, size = Body(reading), asyncio.get_running_loop(), 0, 0
    idle_at = tail_at = math.inf
    try:
        while not reading.has_ended:
            try:
                async with asyncio.timeout_at(min(idle_at, tail_at)):
                    chunk = await response.content.readany()
            except TimeoutError:
                if reading.is_complete or body.is_whole:
                    break
                if clock.time() >= idle_at:
                    raise
                tail_at = math.inf
                continue
            if not chunk:
                break
            size = _within_bounds(size + len(chunk))
            if keep is not None:
                keep.append(chunk)
            body.feed(chunk)
            idle_at = math.inf if idle_timeout_s is None else clock.time() + idle_timeout_s
            if not reading.is_complete:
                tail_at = clock.time() + _TAIL_S if body.may_be_whole else math.inf
            elif reading.parts != parts:
                tail_at = clock.time() + _TAIL_S
            parts = reading.parts
    except BaseException:
        # What came may be whole, or hold a bill.
        with suppress(BrokenReplyError):
            body.close()
        raise
    body.close()


def _within_bounds(size: int) -> int:
    if size > REPLY_BYTES_MAX:
        raise BrokenReplyError(Failure("malformed"))
    return size
