"""One tool server: connected in a task of its own, listed, called, and connected again after it failed."""

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from patterns.core.forms import NOBODY_TO_ASK, FormAnswers
from patterns.core.tools import ToolError, ToolOutput
from patterns.roster.tool_schema import ToolServer
from patterns.tools.mcp.asking import Asking, answered, call_result, forms_in
from patterns.tools.mcp.limits import is_too_long, too_long
from patterns.tools.mcp.offers import offers_of, read_text
from patterns.tools.mcp.results import output_of
from patterns.tools.mcp.transports import Surroundings, open_client
from patterns.tools.resources import Offers

if TYPE_CHECKING:
    from mcp import Client, MCPError

T = TypeVar("T")

log = structlog.get_logger(__name__)

START_S = 30.0
"""Seconds a server has to start; a command may have to be fetched first."""
LIST_S = 10.0
FRESH_S = 5.0
"""Seconds after which a server is asked anew how it describes its tools."""
PAGES_MAX = 20
BACKOFF_S, BACKOFF_MAX_S = 1.0, 60.0

_SESSION_OVER = "Session terminated"
_NO_ANSWER = (
    _SESSION_OVER,
    "Server returned an error response",
    "Unexpected content type",
    "Failed to parse",
    "server answered a request with 202",
)
"""How errors begin that the SDK makes up where no answer of the tool came: a status of HTTP, or what it cannot read."""

Described = Mapping[str, tuple[str, Mapping[str, Any]]]
"""Description and parameters of each tool, by its server's name for it."""


class Connection:
    """A tool server. `failure` says why it does not answer; empty while it does, or was not used yet."""

    def __init__(self, name: str, entry: ToolServer, around: Surroundings) -> None:
        self.name = name
        self.failure = ""
        self._entry, self.around = entry, around
        self._client: Client | None = None
        self._owner: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._lock = asyncio.Lock()
        self._asking = Asking(around.secrets.masked)
        self._failures = 0
        self._retry_at_s = 0.0
        self._described: Described | None = None
        self._listed_at_s = 0.0

    async def described(self) -> Described:
        """Return how the server describes its tools now, or did in the last few seconds.

        Raises:
            ToolError: it cannot be reached.
        """
        async with self._lock:
            now_s = time.monotonic()
            if self._described is not None and now_s - self._listed_at_s < FRESH_S and self._client is not None:
                return self._described
            client = await self._connected()
            try:
                async with asyncio.timeout(LIST_S):
                    self._described = await _list(client)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                await self._failed(error)
                raise ToolError(f"{self.name} does not answer: {self._reason(error)}.", was_sent=False) from error
            self._listed_at_s = time.monotonic()
            return self._described

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        key: str,
        timeout_s: float,
        asker: str,
        answers: FormAnswers = NOBODY_TO_ASK,
    ) -> ToolOutput:
        """Call a tool once, at once; what the server answers comes back, also when it is an error.

        It waits for no connection: what may not be done twice is sent soon after it was held, or not. `described`
        connects, and is asked before every turn's calls.

        Raises:
            ToolError: no answer came; `was_sent` unless the server is not connected.
        """
        client = self._client
        if client is None or self._owner is None or self._owner.done():
            why = f" ({self.failure})" if self.failure else ""
            raise ToolError(f"{self.name} is not connected now{why}.", was_sent=False)
        from mcp import MCPError  # noqa: PLC0415 - seconds that only a process with tools should pay
        from mcp_types import URL_ELICITATION_REQUIRED, CallToolRequest, CallToolRequestParams  # noqa: PLC0415

        masked = self.around.secrets.masked
        meta = {"agents/call": key, **({"agents/asker": asker} if asker else {})}
        params = CallToolRequestParams.model_validate({"name": tool, "arguments": dict(arguments), "_meta": meta})

        async def send(responses: Mapping[str, Any] | None = None, state: str | None = None) -> Any:  # noqa: ANN401
            again = params.model_copy(update={"input_responses": responses, "request_state": state})
            # Without the session's own check of results, which would lose one that came.
            return await client.session.send_request(CallToolRequest(params=again), call_result(), timeout_s)

        try:
            async with self._asking.call(answers) as asked:
                result = await answered(asked, await send(), send, masked)
            return asked.told(output_of(result, masked) if result else ToolOutput("", is_error=True))
        except MCPError as error:
            if error.code == URL_ELICITATION_REQUIRED and (forms := forms_in(error.error.data, masked)):
                asked.answer(forms[0])
            return asked.told(await self._refused(tool, error, timeout_s=timeout_s))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.warning("tool_unreadable", server=self.name, tool=tool, error=type(error).__name__)
            raise ToolError(f"Its answer could not be read: {self._reason(error)}.", was_sent=True) from error

    async def offers(self) -> Offers:
        """Return what the server has besides tools, without our secrets.

        Raises:
            ToolError: it cannot be reached.
        """
        return await self._asked(lambda client: offers_of(client, self.around.secrets.masked))

    async def read(self, uri: str, *, timeout_s: float) -> str:
        """Return a resource as text, without our secrets.

        Raises:
            ToolError: it cannot be read.
        """
        masked = self.around.secrets.masked
        return await self._asked(lambda client: read_text(client, uri, timeout_s=timeout_s, masked=masked))

    async def _asked(self, ask: "Callable[[Client], Awaitable[T]]") -> "T":
        await self.described()  # connects
        client = self._client
        if client is None:
            raise ToolError(f"{self.name} is not connected now.", was_sent=False)
        try:
            return await ask(client)
        except (ToolError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise ToolError(f"{self.name} does not answer: {self._reason(error)}", was_sent=True) from error

    async def _refused(self, tool: str, error: "MCPError", *, timeout_s: float) -> ToolOutput:
        """Return what a server said instead of a result.

        Raises:
            ToolError: it was not the tool that said it.
        """
        from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT  # noqa: PLC0415

        if error.code == REQUEST_TIMEOUT:
            raise ToolError(f"It did not answer within {timeout_s:g} seconds.", was_sent=True) from error
        if is_too_long(error.message):
            why = too_long(self.around.answer_bytes_max)
            raise ToolError(f"{why}, and was not read.", was_sent=True) from error
        if error.code == CONNECTION_CLOSED:
            await self._failed(error)
            raise ToolError("The connection broke off before it answered.", was_sent=True) from error
        if error.message.startswith(_NO_ANSWER):
            # The session may be over: whoever lists next finds out, and connects anew.
            self._described = None
            begins = next(one for one in _NO_ANSWER if error.message.startswith(one))
            log.warning("tool_unreadable", server=self.name, tool=tool, error=begins)
            was_sent = error.message != _SESSION_OVER
            raise ToolError(f"No answer of the tool came: {self._reason(error)}.", was_sent=was_sent) from error
        return ToolOutput(f"The tool refused: {self.around.secrets.masked(error.message)}", is_error=True)

    async def close(self) -> None:
        """End the connection, and with it a server that was started for it."""
        self._over.set()
        if self._owner is not None:
            await asyncio.wait({self._owner}, timeout=BACKOFF_MAX_S)
        self._client = self._owner = None

    # ------------------------------------------------------------ life

    async def _connected(self) -> "Client":
        if self._client is not None and self._owner is not None and not self._owner.done():
            return self._client
        wait_s = self._retry_at_s - time.monotonic()
        if wait_s > 0:
            why = f"{self.name} does not answer ({self.failure}); it is tried again in {wait_s:.0f} s."
            raise ToolError(why, was_sent=False)
        self._over = asyncio.Event()
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._live(ready, self._over), name=f"tool server {self.name}")
        try:
            async with asyncio.timeout(START_S):
                self._client = await asyncio.shield(ready)
        except asyncio.CancelledError:
            ready.cancel()  # nobody waits for it any more
            self._over.set()
            self._owner.cancel()
            raise
        except Exception as error:
            ready.cancel()
            await self._failed(error)
            raise ToolError(f"{self.name} cannot be reached: {self.failure}.", was_sent=False) from error
        self._failures, self.failure, self._described = 0, "", None
        log.info("tool_server_connected", server=self.name, tools=len(self._entry.names))
        return self._client

    async def _live(self, ready: "asyncio.Future[Client]", over: asyncio.Event) -> None:
        """Hold the connection open: what opens it must close it, in one task."""
        try:
            async with AsyncExitStack() as stack:
                client = await open_client(stack, self.name, self._entry, self.around, asked=self._asking.on_request)
                if not ready.done():
                    ready.set_result(client)
                await over.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error if isinstance(error, Exception) else ConnectionError("it was stopped"))
            if not isinstance(error, Exception):
                raise
            log.info("tool_server_ended", server=self.name, error=type(error).__name__)

    async def _failed(self, error: BaseException) -> None:
        """Give the connection up, and wait longer after every failure before it is made again."""
        self.failure = self._reason(error)
        self._failures += 1
        self._retry_at_s = time.monotonic() + min(BACKOFF_MAX_S, BACKOFF_S * 2 ** (self._failures - 1))
        self._client = None
        self._over.set()
        owner, self._owner = self._owner, None
        if owner is not None and not owner.done():
            owner.cancel()
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait({owner}, timeout=LIST_S)
        log.warning("tool_server_failed", server=self.name, failures=self._failures, reason=self.failure)

    def _reason(self, error: BaseException) -> str:
        return reason(error, self.around.secrets.masked)


async def _list(client: "Client") -> Described:
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = await client.list_tools(cursor=cursor)
        found |= {tool.name: (tool.description or tool.title or "", tool.input_schema) for tool in page.tools}
        cursor = page.next_cursor
        if not cursor:
            break
    return found


def reason(error: BaseException, masked: Callable[[str], str] = str) -> str:
    """Return why a server failed, in a few words; `masked` takes out what it may have said of our secrets."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return "it took too long"
    words = masked(" ".join(str(error).split()))
    if words == "Connection closed":
        return "it ended or closed the connection"
    if type(error).__name__.startswith("OAuth"):
        return f"logging in failed: {_of_login(words)}"
    return words[:200].rstrip(".") or type(error).__name__


def _of_login(words: str) -> str:
    """Return what failed of a login: of what came instead of a token, only the error's code."""
    status = re.match(r"Token exchange failed \((\d+)\)", words)
    if status is None:
        return words[:200].rstrip(".")
    code = re.search(r'"error": ?"([a-z_]{1,40})"', words)
    return f"HTTP {status[1]}" + (f", {code[1]}" if code else "")
