"""New channels: the bot invited into one, and the button by which an admin enables it."""

from dataclasses import replace
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltContext

from bot.commands.origin import Origin
from bot.listeners.buttons import Click, listener_of
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.services import ListenerServices
from bot.messages.action_ids import CHANNEL_ENABLE
from bot.messages.notice_views import NoticeView
from bot.people.permissions import Action


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the invitation and the buttons of its messages."""

    async def joined(event: dict[str, Any], context: AsyncBoltContext) -> None:
        # Slack tells of everybody who joins where we are.
        if event["user"] == context.bot_user_id:
            origin = origin_of(context)
            services.tasks.spawn(origin, _greet(services, origin))

    app.event("member_joined_channel")(joined)
    app.action(CHANNEL_ENABLE)(listener_of(services, _enable))


async def _greet(services: ListenerServices, origin: Origin) -> None:
    await services.welcome.invited(workspace=origin.workspace, channel=origin.channel, inviter=origin.user)


async def _enable(click: Click) -> None:
    origin = replace(click.origin, channel=click.value, is_claimed=True)
    await click.services.access.admit_origin(origin, Action.CHANGE_BUDGET)
    sentence, is_news = await click.services.openings.enable(
        workspace=origin.workspace, channel=click.value, user=origin.user
    )
    if is_news:
        await click.services.notifier.public(replace(origin, thread_ts=None, response_url=None), NoticeView(sentence))
    else:
        await click.services.notifier.private(click.origin, NoticeView(sentence))
