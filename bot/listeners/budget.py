"""Budget commands: the command, the button that posts a month, and the form. `BudgetService` checks permission."""

from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.commands.budget import BudgetCommand, EditBudget, ShowAll, ShowAudit, ShowBudget, ShowReport
from bot.commands.budget_attempts import from_button
from bot.commands.origin import Origin
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.open_view import open_view
from bot.listeners.services import ListenerServices
from bot.messages.budget_form import BudgetForm, read_budget_form
from bot.messages.budget_views import BUDGET_EDIT, BUDGET_FORM, BUDGET_POST, BudgetOfferView
from bot.people.permissions import Action

log = structlog.get_logger()

_REACHES = {ShowAudit: Action.SEE_AUDIT, ShowAll: Action.SEE_BOOKS}
"""What a command reads besides this place's month; who may change something the desk checks, and says whom to ask."""


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the buttons and the form."""

    async def post(ack: AsyncAck, action: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        await ack()
        command = ShowReport(period=str(action.get("value", "")))
        origin = origin_of(context)
        services.tasks.spawn(origin, do_budget(services, command, origin, client))

    async def edit(ack: AsyncAck, action: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        await ack()
        command = from_button(str(action.get("value", "")))
        origin = origin_of(context)
        services.tasks.spawn(origin, do_budget(services, command, origin, client))

    async def sent(ack: AsyncAck, view: dict[str, Any], context: AsyncBoltContext) -> None:
        form = read_budget_form(view)
        if not isinstance(form, BudgetForm):
            await ack(response_action="errors", errors=form)
            return
        await ack()
        origin = origin_of(context)
        services.tasks.spawn(origin, _apply(services, form, origin))

    app.action(BUDGET_POST)(post)
    app.action(BUDGET_EDIT)(edit)
    app.view(BUDGET_FORM)(sent)


async def do_budget(services: ListenerServices, command: BudgetCommand, origin: Origin, client: AsyncWebClient) -> None:
    """Run one budget command; a UserError is shown to the person."""
    # An admin's home leads to every channel; elsewhere the desk says whom to ask.
    from_home = isinstance(command, EditBudget) and origin.is_claimed
    reaches = Action.CHANGE_BUDGET if from_home else _REACHES.get(type(command), Action.SEE_BUDGET)
    place = await services.access.admit_origin(origin, reaches)
    payer = origin.payer(place.kind)
    if isinstance(command, EditBudget):
        if origin.trigger_id:
            form = await services.budget.form(command, payer, response_url=origin.response_url)
            await open_view(client, origin, form)
            return
        # A mention has no trigger_id to open the form with; a button on a private message has one.
        if command.field:
            await services.access.admit_origin(origin, Action.CHANGE_BUDGET)
            await services.notifier.private(origin, BudgetOfferView(command))
            return
        command = ShowBudget()
    view = await services.budget.do(command, origin, payer, can_post=place.can_post)
    if view is not None:
        await services.notifier.private(origin, view)


async def _apply(services: ListenerServices, form: BudgetForm, origin: Origin) -> None:
    place = await services.access.admit_origin(origin, Action.CHANGE_BUDGET)
    payer = origin.payer(place.kind)
    view = await services.budget.apply_changes(form.commands, origin, payer, can_post=place.can_post)
    if view is not None:
        await services.notifier.private(origin, view)
