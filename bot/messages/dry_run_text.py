"""Sentences about what a dry run left out. All `Mrkdwn`, safe to post.

Arguments come from models: they are escaped, and a link in them leads nowhere.
"""

from collections.abc import Sequence

from bot.messages.mrkdwn import Mrkdwn, clip, join, mrkdwn
from bot.messages.run_text import count, short, usd
from bot.messages.views import AnswerView, WouldCall
from patterns.core.events import StopReason

CALLS_SHOWN = 20
CALLS_MAX = 2_500
ARGUMENTS_MAX = 300
NOTHING_ELSE = Mrkdwn("A real run would have called nothing else.")
ENDED_BEFORE = Mrkdwn("It ended before it was known what a real run would have called.")


def under_answer(view: AnswerView) -> Mrkdwn:
    """Return what a dry run would have called, under its answer."""
    is_answered = view.result.stop_reason is StopReason.COMPLETED
    return would_be_called(view.would_call, is_answered=is_answered) if view.run.dry else Mrkdwn()


def would_be_called(calls: Sequence[WouldCall], *, is_answered: bool = True) -> Mrkdwn:
    """Return the calls that a dry run left out, one per line with arguments and price.

    Of one that was not answered nobody knows what else it would have called.
    """
    if not calls:
        return NOTHING_ELSE if is_answered else ENDED_BEFORE
    lines = [_call(one) for one in calls[:CALLS_SHOWN]]  # no numbers: those under an answer are its sources'
    if len(calls) > CALLS_SHOWN:
        lines.append(mrkdwn("… and {more}: see Details", more=count(len(calls) - CALLS_SHOWN, "more call")))
    total = sum(one.price_nusd for one in calls)
    costs = mrkdwn(", for {price} more", price=usd(total)) if total else Mrkdwn()
    head = mrkdwn("*A real run would also have called this{costs}:*", costs=costs)
    return Mrkdwn(clip(join("\n", [head, *lines]), CALLS_MAX))


def _call(one: WouldCall) -> Mrkdwn:
    price = usd(one.price_nusd) if one.price_nusd else Mrkdwn("costs nothing")
    terms = [
        mrkdwn("• `{tool}`", tool=short(one.tool, 120)),
        short(one.arguments, ARGUMENTS_MAX),
        price,
        mrkdwn("asked for by {agent}", agent=short(one.agent, 60)),
    ]
    return join(" · ", terms)
