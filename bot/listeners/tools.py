"""Tools of a channel: the list that `tools` shows, the forms of its admins, and approvals that are taken back."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.commands.origin import Origin
from bot.listeners.buttons import Click, listener_of
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.open_view import open_view
from bot.listeners.services import ListenerServices
from bot.messages.action_ids import TOOL_AUDIENCE, TOOL_REVOKE, TOOLS_CHANGE
from bot.messages.notice_views import NoticeView
from bot.people.channel_rules import Change, ChannelRules
from bot.people.tool_audience_form import (
    TOOL_AUDIENCE_FORM,
    ToolAudienceForm,
    read_tool_audience_form,
    tool_audience_form,
)
from bot.people.tools_form import TOOLS_FORM, ToolsForm, read_tools_form, tools_changes, tools_form
from patterns.core.errors import UserError

_Read = Callable[[Mapping[str, Any], ChannelRules], ToolsForm | ToolAudienceForm | dict[str, str]]
"""Reads a form of rules in force: the new ones, or Slack's field errors."""


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the buttons and the forms."""
    app.action(TOOLS_CHANGE)(listener_of(services, _open))
    app.action(TOOL_AUDIENCE)(listener_of(services, _open_audience))
    app.action(TOOL_REVOKE)(listener_of(services, _revoke))
    app.view(TOOLS_FORM)(_sent(services, read_tools_form))
    app.view(TOOL_AUDIENCE_FORM)(_sent(services, read_tool_audience_form))


def _sent(services: ListenerServices, read: _Read) -> Callable[..., Awaitable[None]]:
    """Return the listener of a form: its mistakes are shown in it, else it is saved."""

    async def sent(ack: AsyncAck, view: dict[str, Any], context: AsyncBoltContext) -> None:
        form = read(view, ChannelRules())
        if isinstance(form, dict):
            await ack(response_action="errors", errors=form)
            return
        await ack()
        origin = origin_of(context)
        services.tasks.spawn(
            origin, _save(services, lambda rules: _rules(read(view, rules), rules), origin, form.channel)
        )

    return sent


def _rules(form: ToolsForm | ToolAudienceForm | dict[str, str], before: ChannelRules) -> ChannelRules:
    """Return what a form makes of the rules; nothing where they do not allow it any more."""
    return before if isinstance(form, dict) else form.rules


async def _open(click: Click) -> None:
    where = {"workspace": click.origin.workspace, "channel": click.value, "user": click.origin.user}
    await click.services.tools.require_admin(**where)
    here = await click.services.tools.here(**where)
    if not here.specs:
        raise UserError("The roster of this deployment names no tools.")
    await open_view(click.client, click.origin, tools_form(here.rules, here.specs, channel=click.value))


async def _open_audience(click: Click) -> None:
    channel, _, tool = click.value.partition(":")
    where = {"workspace": click.origin.workspace, "channel": channel, "user": click.origin.user}
    await click.services.tools.require_admin(**where)
    here = await click.services.tools.here(**where)
    if tool not in here.rules.tools_on:
        raise UserError("That tool is off here. `/agents tools` switches it on.")
    await open_view(click.client, click.origin, tool_audience_form(here.rules, tool, channel=channel))


async def _save(services: ListenerServices, change: Change, origin: Origin, channel: str) -> None:
    where = {"workspace": origin.workspace, "channel": channel, "user": origin.user}
    changes = tools_changes(*await services.tools.change(change, **where))
    if not changes:
        await services.notifier.private(origin, NoticeView("Nothing was changed."))
        return
    name = await services.access.name(origin.user, workspace=origin.workspace)
    await services.notifier.public(origin, NoticeView(f"{name} {changes}."))
    here = await services.tools.here(**where)
    if here.outsiders and here.rules.tools_on and not here.rules.tools_outside:
        await services.notifier.private(origin, NoticeView(_STILL_OFF, tone="warning"))


_STILL_OFF = (
    "The tools stay off for now: guests or people of other organisations read this channel, or Slack did not say that"
    " none do. `/agents tools` can allow that too."
)


async def _revoke(click: Click) -> None:
    channel, _, grant_id = click.value.partition(":")
    where = {"workspace": click.origin.workspace, "channel": channel, "user": click.origin.user}
    revoked = await click.services.tools.revoke(grant_id, **where)
    if revoked is None:
        raise UserError("That approval is not in force any more; the tool asks.")
    name = await click.services.access.name(click.origin.user, workspace=click.origin.workspace)
    await click.services.notifier.public(
        click.origin, NoticeView(f"{name} had {revoked.grant.tool} ask again in this channel.")
    )
