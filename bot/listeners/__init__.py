"""One file per kind of Slack payload: store, acknowledge, parse, hand over.

Face: `register_all`, `ListenerServices`, `ports`. Listeners see ports only: they know no SQL, no model and no ledger,
and never import `bot.threads`.
"""

from slack_bolt.async_app import AsyncApp

from bot.listeners import (
    budget,
    buttons,
    catch_all,
    channel_settings,
    command,
    home,
    inbox_middleware,
    mention,
    message,
    new_channels,
    remedies,
    request_form,
    review,
    run_again,
    shortcut,
    stop,
    tool_cards,
    tools,
    uninstalled,
)
from bot.listeners.services import ListenerServices

__all__ = ["ListenerServices", "register_all"]


def register_all(app: AsyncApp, services: ListenerServices) -> None:
    """Register every listener; the inbox comes first, the catch-alls come last."""
    texts = (command, mention, message, stop)
    interactions = (
        buttons,
        budget,
        channel_settings,
        remedies,
        review,
        run_again,
        shortcut,
        request_form,
        home,
        new_channels,
        tools,
        tool_cards,
    )
    for listener in (inbox_middleware, *texts, *interactions, uninstalled, catch_all):
        listener.register(app, services)
