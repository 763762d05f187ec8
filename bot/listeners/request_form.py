"""The submitted request form."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.listeners.handle_command import ask_in_direct_messages, dispatch
from bot.listeners.inbox_middleware import origin_of
from bot.listeners.services import ListenerServices
from bot.messages.request_form import ASK_FORM, AskForm, read_ask_form


def register(app: AsyncApp, services: ListenerServices) -> None:
    """Register the form."""

    async def sent(ack: AsyncAck, view: dict[str, Any], context: AsyncBoltContext, client: AsyncWebClient) -> None:
        form = read_ask_form(view)
        if not isinstance(form, AskForm):
            await ack(response_action="errors", errors=form)
            return
        await ack()
        origin = origin_of(context)
        ask = form.ask
        work = (
            dispatch(services, ask, origin, client)
            if form.where == "channel"
            else ask_in_direct_messages(services, ask, origin)
        )
        services.tasks.spawn(origin, work)

    app.view(ASK_FORM)(sent)
