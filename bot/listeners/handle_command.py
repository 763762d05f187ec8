"""Handle a command, however it was given: the only place where text becomes runs, lists or refusals."""

import asyncio
from dataclasses import replace
from importlib.metadata import version

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.commands import (
    TOPICS,
    Allow,
    Ask,
    Budget,
    ChangeSettings,
    Command,
    Estimate,
    Invalid,
    ListAgents,
    ListFlows,
    ListRuns,
    NearMiss,
    OpenModal,
    ShowBalance,
    ShowHelp,
    ShowRun,
    ShowStats,
    ShowTools,
    ShowVersion,
    StopRuns,
    TraceRun,
)
from bot.commands.message_words import ATTACHED_ONLY
from bot.commands.origin import AttachmentRefs, Origin
from bot.commands.parser import parse
from bot.commands.reply import is_lone_word, is_thanks
from bot.commands.text import unescape
from bot.listeners.budget import do_budget
from bot.listeners.open_view import open_view
from bot.listeners.services import ListenerServices
from bot.listeners.tools_view import tools_view
from bot.messages.list_views import AgentsView, BalancesView, FlowLine, FlowsView, HelpView
from bot.messages.notice_views import InviteView, NearMissView, NoticeView
from bot.messages.request_form import ask_form
from bot.messages.views import PrivateView
from bot.people.access import Place
from bot.people.channel_form import channel_form
from bot.people.permissions import Action
from bot.runs.request import RepeatedRequest, RunRequest
from patterns.core.errors import AgentsError, UserError
from patterns.core.holds import Payer
from patterns.core.invisible import without_invisible

log = structlog.get_logger()

THANKED = "heart"
"""The reaction that answers thanks, which ask for nothing."""
FORM_BALANCE_S = 1.0
"""Seconds; a form must open within three seconds of the click, and its balance may take one of them."""


def parse_text(services: ListenerServices, text: str, *, escaped: bool = True) -> Command:
    """Return the command in a text, parsed against the current roster."""
    catalog = services.catalog()
    flows, agents = [flow.name for flow in catalog.flows], [agent.name for agent in catalog.agents]
    return parse(text, flows=flows, agents=agents, escaped=escaped)


async def handle_text(services: ListenerServices, text: str, origin: Origin, client: AsyncWebClient) -> None:
    """Parse a person's text and handle it; in a thread under review, plain text is feedback on the draft."""
    has_words = bool(without_invisible(text).strip())
    command = parse_text(services, text if has_words or not origin.attached.files else ATTACHED_ONLY)
    is_plain = isinstance(command, Ask) and command == Ask(command.request)
    # A draft may speak of dry runs, so behind the bare words comes feedback; a sign behind them makes it a request.
    is_said = is_plain or command == Ask(unescape(text).strip(), dry=True)
    if is_said and origin.thread_ts and await services.reviews.reply(origin, unescape(text), was_called=True):
        return
    if is_plain and is_thanks(unescape(text)):
        if origin.message_ts:
            await services.notifier.react(origin, THANKED)
        else:
            await services.notifier.private(origin, NoticeView("Glad to help. Nothing was started."))
        return
    if is_plain and not origin.thread_ts and origin.attached == AttachmentRefs() and is_lone_word(unescape(text)):
        # A word alone is more often a slip than a request worth paying for.
        word = unescape(text).strip()
        await services.notifier.private(origin, NearMissView(word=word, suggestion="help", key=origin.delivery_key))
        return
    await dispatch(services, command, origin, client)


async def dispatch(services: ListenerServices, command: Command, origin: Origin, client: AsyncWebClient) -> None:
    """Handle a command; a UserError is shown to the person."""
    if isinstance(command, Ask):
        await open_run(services, command, origin)
    elif isinstance(command, Budget):
        await do_budget(services, command.command, origin, client)
    elif isinstance(command, Allow):
        await _allow(services, command, origin)
    elif isinstance(command, ChangeSettings):
        await open_settings(services, origin, client)
    elif isinstance(command, ShowTools):
        await services.notifier.private(origin, await tools_view(services, origin))
    elif isinstance(command, OpenModal) and origin.trigger_id:
        await open_form(services, origin, client)
    elif isinstance(command, ShowStats):
        place = await services.access.admit_origin(origin, Action.SEE_BUDGET)
        found = await services.statistics.month(origin.payer(place.kind), command.period)
        await services.notifier.private(origin, found)
    else:
        await services.notifier.private(origin, await _reply(services, command, origin))


async def _reply(services: ListenerServices, command: Command, origin: Origin) -> PrivateView:
    """Return the private reply to a command that starts no run."""
    if isinstance(command, StopRuns):
        # Stopping needs no admission: it must work even while Slack cannot tell who is who.
        return await stop(services, origin, run_id=command.run)
    place = await services.access.admit_origin(origin, Action.LOOK)
    match command:
        case NearMiss():
            return NearMissView(word=command.word, suggestion=command.suggestion, key=origin.delivery_key)
        case Invalid():
            return NoticeView(command.message, tone="warning")
        case ShowHelp() | OpenModal():
            # A mention has no trigger_id to open the form with.
            topic = command.topic if isinstance(command, ShowHelp) else ""
            return _help(topic, await services.runs.flows(origin.payer(place.kind)), services.catalog().example)
        case ShowRun() | TraceRun():
            return await _past_run(services, command, origin)
        case _:
            return await _look_up(services, command, origin, place)


async def _look_up(services: ListenerServices, command: Command, origin: Origin, place: Place) -> PrivateView:
    """Return a reply that shows something of the workspace to a person who was admitted."""
    match command:
        case ListAgents():
            catalog = services.catalog()
            return AgentsView(catalog.agents, catalog.flows, shows_all=command.everyone)
        case ListFlows():
            return FlowsView(await services.runs.flows(origin.payer(place.kind)), services.catalog().limits)
        case ShowBalance():
            return await services.runs.balance(origin.payer(place.kind), with_workspace=place.sees_workspace)
        case ListRuns():
            channel = "" if command.everywhere else origin.channel
            return await services.runs.recent(workspace=origin.workspace, user=origin.user, channel=channel)
        case ShowVersion():
            return NoticeView(f"Agents for Slack {version('agents-for-slack')}. {services.catalog().model_note}.")
        case Estimate():
            return await services.runs.estimate(request_for(services, command.ask, origin, place))
        case _:
            raise TypeError(command)


async def _past_run(services: ListenerServices, command: ShowRun | TraceRun, origin: Origin) -> PrivateView:
    """Return the story of a run, or put its page into its thread and return where it is."""
    if isinstance(command, ShowRun):
        return await services.past_runs.story(command.run, origin)
    return await services.past_runs.trace(command.run, origin)


async def _allow(services: ListenerServices, change: Allow, origin: Origin) -> None:
    """Change who may ask here, and post that for everyone in the channel."""
    sentence = await services.access.allow(change, workspace=origin.workspace, channel=origin.channel, user=origin.user)
    await services.notifier.public(origin, NoticeView(sentence))


async def open_run(
    services: ListenerServices,
    asked: Ask,
    origin: Origin,
    *,
    may_queue: bool = False,
    again: RepeatedRequest | None = None,
) -> None:
    """Open a run where the request was made; `may_queue` lets it wait there for budget that other runs hold.

    `again` is the finished run's request that this repeats.
    """
    place = await services.access.admit_origin(origin)
    if place.can_post:
        request = replace(request_for(services, asked, origin, place), may_queue=may_queue)
        if again is not None:
            request = replace(request, again_of=again.run_id, root_ts=again.root_ts)
        await services.runs.open(request)
    else:
        await services.notifier.private(origin, InviteView(key=origin.delivery_key))


async def ask_in_direct_messages(services: ListenerServices, asked: Ask, origin: Origin) -> None:
    """Open a run in the person's direct messages with us, wherever it was asked."""
    channel = await services.access.directory.direct_messages(origin.user, workspace=origin.workspace)
    there = replace(origin, channel=channel, thread_ts=None, message_ts=None)
    place = await services.access.admit_origin(there)
    await services.runs.open(replace(request_for(services, asked, there, place), forced_here=True))


async def stop(services: ListenerServices, origin: Origin, *, run_id: str | None) -> NoticeView:
    """Stop a run, or those of the conversation; return a notice of what ends."""
    outcome = await services.runs.stop(origin, run_id=run_id)
    return NoticeView(outcome.text)


async def open_form(
    services: ListenerServices, origin: Origin, client: AsyncWebClient, *, again: Ask | None = None
) -> None:
    """Show the request form, filled with an earlier request; raise UserError when Slack says it took too long."""
    if not origin.channel:
        dm = await services.access.directory.direct_messages(origin.user, workspace=origin.workspace)
        origin = replace(origin, channel=dm)
    place = await services.access.admit_origin(origin)
    payer = origin.payer(place.kind)
    flows, balances = await _money_soon(services, payer, with_workspace=place.sees_workspace)
    form = ask_form(
        flows,
        origin,
        channel_name=place.name,
        can_post=place.can_post and place.kind == "channel",
        balances=balances,
        again=again,
        acts=services.catalog().acts,
    )
    await open_view(client, origin, form)


async def open_settings(services: ListenerServices, origin: Origin, client: AsyncWebClient) -> None:
    """Show the form of channel settings to its admins."""
    if origin.channel.startswith("D"):
        raise UserError("Settings belong to channels. Type `/agents settings` in one.")
    if not origin.trigger_id:
        raise UserError("A mention cannot open a form. Type `/agents settings` in the channel.")
    rules = await services.access.settings(
        workspace=origin.workspace, channel=origin.channel, user=origin.user, is_claimed=origin.is_claimed
    )
    flows = services.catalog().flows
    await open_view(
        client, origin, channel_form(rules, flows, channel=origin.channel, response_url=origin.response_url)
    )


async def _money_soon(
    services: ListenerServices, payer: Payer, *, with_workspace: bool
) -> tuple[tuple[FlowLine, ...], BalancesView | None]:
    """Return the flows with their prices and what is left, or the flows alone where that takes too long."""
    try:
        async with asyncio.timeout(FORM_BALANCE_S):
            flows = await services.runs.flows(payer)
            return flows, await services.runs.balance(payer, with_workspace=with_workspace)
    except (AgentsError, TimeoutError) as error:
        # The form is useful without amounts, and useless when late.
        log.warning("form_without_balance", error=str(error))
        return services.catalog().flows, None


def request_for(services: ListenerServices, asked: Ask, origin: Origin, place: Place) -> RunRequest:
    """Return a person's request in the place where they were admitted."""
    flow = asked.flow or _usual(services, place)
    return RunRequest(
        replace(origin, is_claimed=False),  # whoever is admitted has been looked up there
        place.kind,
        asked.request,
        flow=flow,
        agents=asked.agents,
        dry=asked.dry,
        sees_workspace=place.sees_workspace,
    )


def _usual(services: ListenerServices, place: Place) -> str | None:
    """Return the flow that admins chose for the channel, if the roster still has it."""
    return next((flow.name for flow in services.catalog().flows if flow.name == place.flow), None)


def _help(topic: str, flows: tuple[FlowLine, ...], example: FlowLine | None) -> PrivateView:
    flow = next((flow for flow in flows if flow.name == topic), None)
    if flow is not None:
        return FlowsView((flow,))
    return NoticeView(TOPICS[topic]) if topic in TOPICS else HelpView(flows=flows, example=example)
