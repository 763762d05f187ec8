"""The sentences of a first meeting: in a channel we were invited to, and to the person who did it."""

from collections.abc import Sequence

from bot.messages.mrkdwn import Mrkdwn, join, mrkdwn
from bot.messages.run_text import count, listed, person, short, usd
from bot.messages.welcome_views import SettingsView, WelcomeView


def welcome(view: WelcomeView) -> Mrkdwn:
    """Return who we are in three lines."""
    return join(
        "\n",
        [
            mrkdwn(
                "Hello. Several agents work on your request, and the answer comes in a thread with what it cost: type "
                "`{command} compare SQLite and PostgreSQL`, or mention me.",
                command=view.command,
            ),
            Mrkdwn("I read a thread only when somebody calls me into it, and nothing else that is said here."),
            mrkdwn(
                "What I read goes to {providers}; I keep it for {days}.",
                providers=listed(view.providers),
                days=count(view.kept_days, "day"),
            ),
        ],
    )


def invited(view: SettingsView) -> Mrkdwn:
    """Return what holds in a channel until somebody changes it."""
    who = person(view.owner) if view.owner else Mrkdwn("an admin of this workspace")
    money = {
        "on": "The channel may spend {limit} a month.",
        "trial": "The channel is on trial with {limit} a month, until {who} enables it: then it has {usual}.",
        "off": "Nothing starts there until {who} enables it: then it has {usual} a month.",
    }[view.opening]
    change = "" if view.may_change else " {who} can change that, with `/agents settings` there."
    return mrkdwn(
        "You invited me to {name}. Everybody in it may ask, guests and other organisations only when that is allowed. "
        "Whoever asked can go on in the thread without a mention. " + money + change.replace("{who}", "{Who}"),
        name=short(view.name, 80),
        limit=usd(view.limit_nusd),
        usual=usd(view.usual_nusd),
        who=who,
        Who=Mrkdwn(who[:1].upper() + who[1:]),
    )


def stored(providers: Sequence[str], kept_days: int) -> str:
    """Return what is kept of what people write, where it goes, and for how long."""
    return (
        "I store requests to me, what came with them (the thread, files, messages pointed at), and my answers. What "
        "people write to each other outside of that I do not keep. The text goes to "
        f"{' and '.join(providers)} and is deleted here after {count(kept_days, 'day')}. What each call cost, and who "
        "asked, stays without the text."
    )
