"""`/livez` and `/readyz`: whether this process lives, and whether it can take requests, with what it depends on.

Anybody may ask, so the database is asked once a second at most and Slack twice a minute. Slack is asked beside the
answer: a check must not wait for it, and what Slack sends is stored whether or not it can be reached.
"""

import asyncio
from collections.abc import Awaitable, Callable
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
    """The pages over `queue`, which reads the database, and `slack`, which calls Slack; each raises when it cannot."""

    queue: Callable[[], Awaitable[QueueState]]
    slack: Callable[[], Awaitable[Any]]
    _asking: asyncio.Task[QueueState | None] | None = None
    _asked_s: float = 0.0
    _calling: asyncio.Task[None] | None = None
    _called_s: float = 0.0
    _is_slack_reached: bool | None = None

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        answers = {"/livez": self.live, "/readyz": self.ready, "/healthz": self.ready}
        return [Route(path, answers[path]) for path in PATHS]

    async def live(self, _request: Request) -> JSONResponse:
        """Answer 200: whoever reads this has an event loop that runs."""
        return JSONResponse({"ok": True})

    async def ready(self, _request: Request) -> JSONResponse:
        """Answer 200 when requests can be stored, which is all that Slack waits for; 503 when the database is away."""
        now_s = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now_s >= self._asked_s + DATABASE_TTL_S):
            self._asked_s, self._asking = now_s, asyncio.create_task(self._queue_state())
        if self._calling is None or (self._calling.done() and now_s >= self._called_s + SLACK_TTL_S):
            self._called_s, self._calling = now_s, asyncio.create_task(self._call_slack())
        state = await asyncio.shield(self._asking)
        body: dict[str, Any] = {"ok": state is not None, "database": state is not None, "slack": self._is_slack_reached}
        if state is not None:
            body |= {"waiting": state.waiting, "oldest_wait_s": state.oldest_wait_s, "working": state.working}
        return JSONResponse(body, status_code=200 if state is not None else 503)

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
