"""One file per kind of payload: acknowledge at once, then hand over. Nothing here knows SQL, models or money."""

from slack_bolt.async_app import AsyncApp

from bot.listeners import (
    action,
    budget,
    catch_all,
    channel,
    command,
    home,
    inbox_middleware,
    mention,
    message,
    review,
    shortcut,
    stop,
    view,
)
from bot.listeners.services import ListenerServices

__all__ = ["ListenerServices", "register_all"]


def register_all(app: AsyncApp, services: ListenerServices) -> None:
    """Everything the app listens to; the inbox comes first, the catch-alls come last."""
    parts = (inbox_middleware, command, mention, message, action, budget, channel, review, shortcut, view, home, stop)
    for part in (*parts, catch_all):
        part.register(app, services)
