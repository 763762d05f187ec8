"""One attempt over HTTP, on our own aiohttp session: seven times cheaper than litellm's, and honest on failure.

Imports aiohttp, so it is imported late, by `patterns.models.client` alone.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from patterns.core.calls import Completion, PreparedCall
from patterns.core.errors import NEVER_SENT, Charge
from patterns.core.ports import OnText
from patterns.models.faults import Failure, from_status, model_error
from patterns.models.replies import SHAPES, BrokenReplyError, Reading, ServerSentEvents
from patterns.models.translate import Target, Translation

REPLY_BYTES_MAX = 16 * 2**20
"""Far above any answer within a roster's output cap; a provider that sends more is broken."""
_ERROR_BYTES_MAX = 64 * 2**10
_GAVE_UP = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT, *range(520, 528)})
"""What a gateway says when it stops waiting for a model, which may go on writing and send the bill."""
_CONNECT_S = 10.0
_CONNECTIONS = 1000
_KEEPALIVE_S = 15.0
"""Shorter than any provider's own, so that a request is hardly ever written into a connection just being closed."""


@dataclass(slots=True)
class _Sent:
    """Whether a request's headers were written: before that, no failure can cost anything."""

    yes: bool = False


class Http:
    """The session of one client. Open inside a running loop, closed with `aclose`."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, call: PreparedCall, target: Target, on_text: OnText | None = None) -> Completion:
        """One attempt within the request's `timeout_s`.

        Raises:
            ModelError: with what it may have cost.
        """
        sent, cause = _Sent(), None
        try:
            async with asyncio.timeout(call.request.timeout_s):
                return await self._exchange(call, target, sent, on_text)
        except TimeoutError:
            failure = Failure("timeout")
        except (aiohttp.ClientError, OSError) as error:
            broke_off = isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError)
            failure, cause = Failure("truncated" if sent.yes and broke_off else "connection"), error
        except BrokenReplyError as error:
            failure = error.failure
        except asyncio.CancelledError:
            if sent.yes:
                raise
            raise asyncio.CancelledError(NEVER_SENT) from None
        charge = Charge.UNCERTAIN if sent.yes else Charge.NOTHING
        raise model_error(call.request.model, failure, charge) from cause

    async def _exchange(self, call: PreparedCall, target: Target, sent: _Sent, on_text: OnText | None) -> Completion:
        wire: Translation = call.wire
        request = self._open().post(
            wire.url, data=call.body, headers=wire.headers, allow_redirects=False, trace_request_ctx=sent
        )
        async with request as response:
            # Leaving this block early closes the connection, which is what stops the provider from generating.
            await _require_answer(call, target, response)
            reading = Reading(SHAPES[str(target.shape)], on_text if wire.stream else None)
            if wire.stream:
                await _read_events(response, reading, call.request.idle_timeout_s)
            else:
                reading.take(await _body(response, REPLY_BYTES_MAX))
            return reading.completion(call.images)

    def _open(self) -> aiohttp.ClientSession:
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


async def _mark_sent(_: aiohttp.ClientSession, context: Any, __: aiohttp.TraceRequestHeadersSentParams) -> None:  # noqa: ANN401 - aiohttp's signature
    context.trace_request_ctx.yes = True


async def _require_answer(call: PreparedCall, target: Target, response: aiohttp.ClientResponse) -> None:
    if response.status == HTTPStatus.OK:
        return
    body = await _body(response, _ERROR_BYTES_MAX)
    failure = from_status(response.status, body.decode(errors="replace"), response.headers, target.key or "")
    is_unbilled = response.status >= HTTPStatus.MULTIPLE_CHOICES and not (
        target.is_behind_gateway and response.status in _GAVE_UP
    )
    raise model_error(call.request.model, failure, Charge.NOTHING if is_unbilled else Charge.UNCERTAIN)


async def _body(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > bytes_max:
            raise BrokenReplyError(Failure("malformed"))
        chunks.append(chunk)
    return b"".join(chunks)


async def _read_events(response: aiohttp.ClientResponse, reading: Reading, idle_timeout_s: float) -> None:
    """Read to the end. The first event may take as long as the call; after it silence is bounded too."""
    events, size, clock = ServerSentEvents(), 0, asyncio.get_running_loop()
    async with asyncio.timeout(None) as idle:
        while chunk := await response.content.readany():
            idle.reschedule(clock.time() + idle_timeout_s)
            size += len(chunk)
            if size > REPLY_BYTES_MAX:
                raise BrokenReplyError(Failure("malformed"))
            _take(events, chunk, reading)
    _take(events, b"\n", reading)


def _take(events: ServerSentEvents, chunk: bytes, reading: Reading) -> None:
    for data in events.feed(chunk):
        if data != b"[DONE]":
            reading.take(data)
