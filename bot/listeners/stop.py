"""Stop: by our button, by Slack's own, by a stop reaction on one of our messages."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.commands.origin import Origin
from bot.listeners.handle_command import stop
from bot.listeners.inbox_middleware import delivery_in, origin_of
from bot.listeners.payloads import APPROVAL_REACTIONS
from bot.listeners.services import ListenerServices
from bot.messages.action_ids import RUN_STOP


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register all three."""

    async def clicked(ack: AsyncAck, action: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        origin = origin_of(context)
        services.tasks.spawn(origin, _stop_and_report(services, origin, str(action.get("value", "")) or None))

    async def session_stopped(context: AsyncBoltContext) -> None:
        origin = origin_of(context)
        services.tasks.spawn(origin, _stop_and_report(services, origin, None))

    async def reacted(event: dict[str, Any], context: AsyncBoltContext) -> None:
        if delivery_in(context) is None:
            return
        origin = origin_of(context)
        approves = str(event["reaction"]).partition("::")[0] in APPROVAL_REACTIONS
        act = services.reviews.approve_reaction if approves else services.runs.stop_reaction
        services.tasks.spawn(origin, act(origin))

    app.action(RUN_STOP)(clicked)
    app.event("reaction_added")(reacted)
    app.event("agent_session_stopped")(session_stopped)


async def _stop_and_report(services: ListenerServices, origin: Origin, run_id: str | None) -> None:
    await services.notifier.private(origin, await stop(services, origin, run_id=run_id))
