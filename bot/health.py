"""`/livez` and `/readyz`: whether this process lives, and whether it can do its work, with what it depends on.

Anybody may ask, so the database is asked once a second at most and Slack twice a minute. Slack is asked beside the
answer: a check must not wait for it, and what Slack sends is stored whether or not it can be reached.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackClientError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from storage.run_reader import QueueState

log = structlog.get_logger()

PATHS = ("/livez", "/readyz", "/healthz")
"""`/healthz` is the older name of `/readyz`."""
DATABASE_TTL_S = 1.0
DATABASE_TIMEOUT_S = 2.0
SLACK_TTL_S = 30.0
SLACK_TIMEOUT_S = 5.0


@dataclass(slots=True)
class HealthPages:
    """The pages over `queue`, which reads the database, and `slack`, which calls Slack; each raises when it cannot.

    `are_leases_renewed` tells of the last heartbeat of the runs that this process works on, `failing` names providers
    that are not asked at the moment, each with since when, `tools` names tool servers that do not answer, each with
    the reason, and `is_connected` is for Socket Mode: whether Slack can reach us.
    """

    queue: Callable[[], Awaitable[QueueState]]
    slack: Callable[[], Awaitable[Any]]
    are_leases_renewed: Callable[[], bool]
    failing: Callable[[], Mapping[str, str]]
    tools: Callable[[], Mapping[str, str]] = dict
    is_connected: Callable[[], Awaitable[bool]] | None = None
    figures: Route | None = None
    _asking: asyncio.Task[QueueState | None] | None = None
    _asked_s: float = 0.0
    _calling: asyncio.Task[None] | None = None
    _called_s: float = 0.0
    _is_slack_reached: bool | None = None

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        answers = {"/livez": self.live, "/readyz": self.ready, "/healthz": self.ready}
        pages = [Route(path, answers[path]) for path in PATHS]
        return pages if self.figures is None else [*pages, self.figures]

    async def live(self, _request: Request) -> JSONResponse:
        """Answer 200: whoever reads this has an event loop that runs."""
        return JSONResponse({"ok": True})

    async def ready(self, _request: Request) -> JSONResponse:
        """Answer 200 when requests can come in and be stored, and runs can be kept; else 503.

        Whether Slack's API or a provider answers changes nothing: what is stored is answered later.
        """
        now_s = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now_s >= self._asked_s + DATABASE_TTL_S):
            self._asked_s, self._asking = now_s, asyncio.create_task(self._queue_state())
        if self._calling is None or (self._calling.done() and now_s >= self._called_s + SLACK_TTL_S):
            self._called_s, self._calling = now_s, asyncio.create_task(self._call_slack())
        state = await asyncio.shield(self._asking)
        needed = {"database": state is not None, "leases": self.are_leases_renewed()}
        if self.is_connected is not None:
            needed["socket"] = await self.is_connected()
        is_ready = all(needed.values())
        body: dict[str, Any] = {"ok": is_ready, **needed, "slack": self._is_slack_reached}
        if state is not None:
            body |= {"waiting": state.waiting, "oldest_wait_s": state.oldest_wait_s, "working": state.working}
        body |= {"providers_failing": self.failing(), "tools_failing": self.tools()}
        return JSONResponse(body, status_code=200 if is_ready else 503)

    async def _queue_state(self) -> QueueState | None:
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_S):
                return await self.queue()
        except Exception:
            # Any failure at all must make the load balancer see this process as unhealthy.
            log.exception("health_check_failed")
            return None

    async def _call_slack(self) -> None:
        try:
            async with asyncio.timeout(SLACK_TIMEOUT_S):
                await self.slack()
        except (SlackClientError, aiohttp.ClientError, OSError, ValueError) as error:  # a timeout is an OSError
            log.warning("slack_not_reached", error=type(error).__name__)
            self._is_slack_reached = False
        else:
            self._is_slack_reached = True
