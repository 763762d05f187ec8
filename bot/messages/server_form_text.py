"""Sentences of the card of a server that asks something. All `Mrkdwn`, safe to post: what it says is escaped."""

from bot.messages.mrkdwn import Mrkdwn, join, mrkdwn
from bot.messages.run_text import listed, short
from bot.messages.tool_views import FormCardView

MESSAGE_MAX = 1_000
FILL_IN = "Fill in"
OPENED = "I have done that"


def card(view: FormCardView) -> Mrkdwn:
    """Return what a server asks, for whose request, and what is to be filled in or opened."""
    head = mrkdwn(
        "*{server} asks something*, so that `{tool}` can go on for {asker}'s request."
        if view.decided
        else "✋ *{server} asks something* before `{tool}` can go on for {asker}'s request.",
        server=short(view.tool.partition(".")[0], 60),
        tool=short(view.tool, 120),
        asker=short(view.run.asker.name, 80),
    )
    said = mrkdwn("> {message}", message=short(view.message, MESSAGE_MAX))
    return join("\n\n", [head, said, Mrkdwn() if view.decided else _wanted(view), short(view.decided, 600)])


def _wanted(view: FormCardView) -> Mrkdwn:
    if view.url:
        return mrkdwn(
            "It wants you to open an address of {host} yourself; nothing opens by itself:\n`{url}`",
            host=short(view.host, 200),
            url=short(view.url, MESSAGE_MAX),
        )
    return mrkdwn("It wants to know: {fields}.", fields=listed(view.fields))


def card_asks(view: FormCardView) -> Mrkdwn:
    """Return who may answer until when, and who reads the answer."""
    reads = (
        "" if view.url else mrkdwn("{server} gets what is filled in.", server=short(view.tool.partition(".")[0], 60))
    )
    return join(" ", [short(view.who, 400), short(view.deadline, 200), Mrkdwn(reads)])
