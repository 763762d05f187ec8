"""The app removed from a workspace, or its token revoked: forgotten before the acknowledgement."""

from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext

from bot.commands.origin import Origin
from bot.listeners.inbox_middleware import workspace_of
from bot.listeners.services import ListenerServices


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register both events; Slack sends them together, in any order."""

    async def forget(event: dict[str, Any], context: AsyncBoltContext, next_: Callable[[], Awaitable[None]]) -> None:
        # People may revoke tokens of their own, which we do not have.
        if event["type"] == "app_uninstalled" or event.get("tokens", {}).get("bot"):
            await services.uninstalls.forget(
                enterprise_id=context.enterprise_id or "",
                team_id=context.team_id or "",
                is_org_wide=bool(context.is_enterprise_install),
            )
        await next_()

    async def end_runs(context: AsyncBoltContext) -> None:
        nobody = Origin(delivery_key="", workspace=workspace_of(context), channel="", user="")
        services.tasks.spawn(nobody, services.uninstalls.end_runs())

    for name in ("app_uninstalled", "tokens_revoked"):
        app.event(name, middleware=[forget])(end_runs)
