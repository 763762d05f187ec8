"""HTTP to a tool server, with bodies of bounded length. Imported late, with the SDK.

The SDK bounds an event of a stream; a whole reply in JSON it reads however long it is, and a compressed one however
much comes out of it.
"""

from collections.abc import AsyncIterator, Mapping

import httpx2
from mcp.shared._httpx_utils import MCP_DEFAULT_SSE_READ_TIMEOUT, MCP_DEFAULT_TIMEOUT

from patterns.tools.mcp.limits import too_long

_PLAIN = "identity"


def bounded_client(headers: Mapping[str, str], auth: httpx2.Auth | None, bytes_max: int) -> httpx2.AsyncClient:
    """Return a client that reads at most so many bytes of a reply; of a stream of events, what bounds is the event."""

    async def bound(response: httpx2.Response) -> None:
        kind = response.headers.get("content-type", "").lower()
        is_plain = response.headers.get("content-encoding", _PLAIN).lower() == _PLAIN
        if is_plain and kind.startswith("text/event-stream"):
            return
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)  # noqa: S101 - the client is asynchronous
        response.stream = Bounded(stream, bytes_max if is_plain else 0)

    return httpx2.AsyncClient(
        headers={"Accept-Encoding": _PLAIN, **headers},
        auth=auth,
        timeout=httpx2.Timeout(MCP_DEFAULT_TIMEOUT, read=MCP_DEFAULT_SSE_READ_TIMEOUT),
        event_hooks={"response": [bound]},
    )


class Bounded(httpx2.AsyncByteStream):
    """A reply's bytes, up to a number of them; 0 for one that is compressed although we did not ask for it."""

    def __init__(self, stream: httpx2.AsyncByteStream, bytes_max: int) -> None:
        self._stream, self._bytes_max = stream, bytes_max

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield them.

        Raises:
            StreamError: there are more; the rest is not read.
        """
        read = 0
        async for chunk in self._stream:
            read += len(chunk)
            if read > self._bytes_max:
                raise httpx2.StreamError(too_long(self._bytes_max) if self._bytes_max else "Its answer is compressed")
            yield chunk

    async def aclose(self) -> None:
        """Close it, whether it was read or not."""
        await self._stream.aclose()
