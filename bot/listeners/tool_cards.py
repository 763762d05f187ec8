"""Cards that ask before a tool acts, and those about calls of which nobody knows whether they were done."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext

from bot.listeners.buttons import Click, Clicked, listener_of
from bot.listeners.handle_command import stop
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.open_view import open_view
from bot.listeners.services import ListenerServices
from bot.messages.action_ids import (
    FORM_DECLINE,
    FORM_FILL_IN,
    FORM_OPENED,
    OUTCOME_AGAIN,
    OUTCOME_DONE,
    TOOL_APPROVE,
    TOOL_DENY,
    TOOL_MENU,
)
from bot.messages.server_forms import SERVER_FORM, form_place, read_server_form, server_form
from bot.messages.tool_forms import DENY_FORM, arguments_view, deny_form, read_deny_form
from patterns.core.errors import AgentsError, UserError
from patterns.core.forms import Form, FormAnswer
from patterns.core.questions import DecisionVerdict
from patterns.tools.forms import fields_of


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the cards and the form of a denial."""
    buttons: dict[str, Clicked] = {
        TOOL_APPROVE: _approve,
        TOOL_DENY: _ask_why,
        TOOL_MENU: _menu,
        OUTCOME_DONE: _decided("done"),
        OUTCOME_AGAIN: _decided("again"),
        FORM_FILL_IN: _fill_in,
        FORM_OPENED: _decided("answer", text=FormAnswer(action="accept").model_dump_json()),
        FORM_DECLINE: _decided("deny"),
    }
    for action_id, clicked in buttons.items():
        app.action(action_id)(listener_of(services, clicked))

    async def denied(ack: AsyncAck, view: dict[str, Any], context: AsyncBoltContext) -> None:
        await ack()
        form, origin = read_deny_form(view), origin_of(context)
        deny = services.reviews.decide(form.run_id, form.path, origin, verdict="deny", text=form.reason)
        services.tasks.spawn(origin, deny)

    async def filled_in(ack: AsyncAck, view: dict[str, Any], context: AsyncBoltContext) -> None:
        place, origin = form_place(view), origin_of(context)
        try:
            question = await services.reviews.question(place.run_id, place.path, origin)
        except AgentsError as error:
            await ack()
            services.tasks.spawn(origin, _say(error))
            return
        values, errors = read_server_form(view, fields_of(Form.model_validate_json(question.draft)))
        if errors:
            await ack(response_action="errors", errors=errors)
            return
        await ack()
        text = FormAnswer(action="accept", values=values).model_dump_json()
        answer = services.reviews.decide(place.run_id, place.path, origin, verdict="answer", text=text)
        services.tasks.spawn(origin, answer)

    app.view(DENY_FORM)(denied)
    app.view(SERVER_FORM)(filled_in)


async def _approve(click: Click) -> None:
    run_id, _, path = click.value.partition(":")
    await click.services.reviews.decide(run_id, path, click.origin, verdict="approve")


async def _ask_why(click: Click) -> None:
    run_id, _, path = click.value.partition(":")
    question = await click.services.reviews.question(run_id, path, click.origin)
    await open_view(click.client, click.origin, deny_form(run_id, path, question.calls, origin=click.origin))


async def _say(error: AgentsError) -> None:
    """Have a person told why their form was not taken."""
    raise error


async def _fill_in(click: Click) -> None:
    """Open the form of a server; what it says is a question's, and who may see that is looked up."""
    run_id, _, path = click.value.partition(":")
    question = await click.services.reviews.question(run_id, path, click.origin)
    form = Form.model_validate_json(question.draft)
    shown = server_form(run_id, path, form, fields_of(form), tool=question.title, origin=click.origin)
    await open_view(click.client, click.origin, shown)


async def _menu(click: Click) -> None:
    """Do what was chosen in the menu; the id of its block names the question."""
    run_id, _, path = click.block_id.partition(":")
    reviews = click.services.reviews
    match click.value:
        case "run" | "standing" as scope:
            await reviews.decide(run_id, path, click.origin, verdict="approve", scope=scope)
        case "show":
            question = await reviews.shown(run_id, path, click.origin)
            await open_view(click.client, click.origin, arguments_view(question.calls))
        case "stop":
            await click.services.notifier.private(click.origin, await stop(click.services, click.origin, run_id=run_id))
        case _:
            raise UserError("I no longer have that choice.")


def _decided(verdict: DecisionVerdict, *, text: str = "") -> Clicked:
    async def clicked(click: Click) -> None:
        run_id, _, path = click.value.partition(":")
        await click.services.reviews.decide(run_id, path, click.origin, verdict=verdict, text=text)

    return clicked
