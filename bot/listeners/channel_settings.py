"""Channel settings: the form that `settings` opens, for admins and owners of the channel's budget."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.commands.origin import Origin
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.services import ListenerServices
from bot.messages.notice_views import NoticeView
from bot.people.channel_form import CHANNEL_FORM, ChannelForm, channel_changes, read_channel_form
from bot.people.channel_rules import ChannelRules


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the form."""

    async def sent(ack: AsyncAck, view: dict[str, Any], context: AsyncBoltContext) -> None:
        form = read_channel_form(view, ChannelRules())
        if not isinstance(form, ChannelForm):
            await ack(response_action="errors", errors=form)
            return
        await ack()
        origin = origin_of(context)
        services.tasks.spawn(origin, _save(services, view, origin))

    app.view(CHANNEL_FORM)(sent)


async def _save(services: ListenerServices, view: dict[str, Any], origin: Origin) -> None:
    place = {"workspace": origin.workspace, "channel": origin.channel, "user": origin.user}
    await services.access.settings(**place, is_claimed=origin.is_claimed)

    def change(rules: ChannelRules) -> ChannelRules:
        form = read_channel_form(view, rules)
        return form.rules if isinstance(form, ChannelForm) else rules

    changes = channel_changes(*await services.access.change(change, **place))
    if not changes:
        await services.notifier.private(origin, NoticeView("Nothing was changed."))
        return
    name = await services.access.name(origin.user, workspace=origin.workspace)
    await services.notifier.public(origin, NoticeView(f"{name} changed {changes}."))
