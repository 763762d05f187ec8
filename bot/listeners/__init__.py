"""One file per kind of Slack payload: store, acknowledge, parse, hand over.

Face: `register_all`, `ListenerServices`, `ports`. Listeners see ports only: they know no SQL, no model and no ledger,
and never import `bot.threads`.
"""

from slack_bolt.async_app import AsyncApp

from bot.listeners import (
    budget,
    catch_all,
    command,
    home,
    inbox_middleware,
    mention,
    message,
    new_channels,
    remedies,
    review,
    shortcut,
    stop,
    uninstalled,
)
from bot.listeners import (
    buttons as action,
)
from bot.listeners import (
    channel_settings as channel,
)
from bot.listeners import (
    request_form as view,
)
from bot.listeners import (
    run_again as again,
)
from bot.listeners.services import ListenerServices

__all__ = ["ListenerServices", "register_all"]


def register_all(app: AsyncApp, services: ListenerServices) -> None:
    """Register every listener; the inbox comes first, the catch-alls come last."""
    said = (command, mention, message, stop)
    pressed = (action, budget, channel, remedies, review, again, shortcut, view, home, new_channels)
    for part in (inbox_middleware, *said, *pressed, uninstalled, catch_all):
        part.register(app, services)
