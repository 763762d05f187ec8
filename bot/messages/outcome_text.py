"""Sentences about missing budget and about how a run ended.

Refusals say first that nothing was spent, then the amounts, then the ways out.
"""

import re
from collections.abc import Sequence

from bot.messages.card_views import BudgetQueueView, BudgetRequestView, Needs, OpeningView, RefusalView
from bot.messages.mrkdwn import Mrkdwn, join, mrkdwn, titled_link
from bot.messages.notice_views import CallView, HelpCallView
from bot.messages.price_text import NO_PRICE, price_told, price_words
from bot.messages.run_text import (
    MATERIAL_MAX,
    NOTES_SHOWN,
    count,
    dry_label,
    duration,
    left,
    listed,
    person,
    play_money_label,
    short,
    usd,
)
from bot.messages.source_text import looked_up
from bot.messages.views import AnswerView, BalanceView
from patterns.core.events import MissingVoice, StopReason
from patterns.core.reasons import Reason


def owner_of(view: AnswerView | RefusalView) -> Mrkdwn:
    """Return who can grant budget; the admins when none is named."""
    return person(view.owner) if view.owner else Mrkdwn("an admin")


# ---------------------------------------------------------------- money that is not there


def balance(view: BalanceView) -> Mrkdwn:
    """Return a balance like `#platform has $0.31 free ($25.00 limit, $23.94 spent, $0.75 held by 3 runs)`."""
    if view.is_secret:
        return mrkdwn("{name} has less than that left", name=short(view.name, 80))
    held = mrkdwn(", {held} held by {runs}", held=usd(view.held_nusd), runs=count(view.held_runs, "request"))
    return mrkdwn(
        "{free} is left in {name} ({limit} limit, {spent} spent{held})",
        name=short(view.name, 80),
        free=left(view),
        limit=usd(view.limit_nusd),
        spent=usd(view.settled_nusd),
        held=held if view.held_nusd else "",
    )


def refusal(view: RefusalView) -> Mrkdwn:
    """Return why nothing was started, with the amounts and the ways out."""
    if view.blocked:
        name = mrkdwn("the budget of {name}", name=short(view.balance.name, 80))
        why = Reason(view.blocked).sentence(model="the model", budget=name, owner=owner_of(view))
        given = mrkdwn(" The reason given: {why}.", why=short(view.blocked_reason.rstrip(". "), 300))
        return mrkdwn(
            "Not started, nothing spent. {why}{given}",
            why=Mrkdwn(why[:1].upper() + why[1:]),
            given=given if view.blocked_reason else "",
        )
    those = "that request is" if view.balance.held_runs == 1 else "those requests are"
    wait = Mrkdwn(f"queue this until {those} done" if view.queue_key else f"wait until {those} done")
    ways = [wait] if view.balance.held_runs or view.queue_key else []
    if view.alternative_flow and view.alternative_price:
        flow, price = short(view.alternative_flow, 60), price_words(view.alternative_price)
        ways.append(mrkdwn("use `{flow}` ({price})", flow=flow, price=price))
    ways.append(mrkdwn("ask {owner}", owner=owner_of(view)))
    said = ", ".join(ways[:-1]) + (", or " if ways[2:] else " or " if ways[1:] else "") + ways[-1]
    return mrkdwn(
        "Not started, nothing spent. {needs}, and {balance}. {ways}. The budget resets on {day}.",
        needs=needs_words(view.needs),
        balance=balance(view.balance),
        ways=Mrkdwn(said[:1].upper() + said[1:]),
        day=view.balance.resets_on,
    )


def needs_words(view: Needs) -> str:
    """Return what a request costs that cannot start, and what must be free: each of its calls once, at its bound."""
    price = price_told(view.price) if view.price else NO_PRICE
    return f"This costs {price}; {usd(view.free_nusd)} must be free before it starts"


def opening(view: OpeningView) -> Mrkdwn:
    """Return what a channel may spend that nobody enabled yet, and who decides; or who did."""
    if view.enabled_by:
        return mrkdwn(
            "✅ {name} enabled this channel. It has {usual} a month.",
            name=short(view.enabled_by.name, 80),
            usual=usd(view.usual_nusd),
        )
    begins = mrkdwn(
        "This channel is on trial with {limit} a month, and what is left is not enough.", limit=usd(view.limit_nusd)
    )
    return mrkdwn(
        "{begins} {owner} can press Enable: then it has {usual} a month, as other channels do, and what waits here "
        "goes on.",
        begins=begins if view.limit_nusd else Mrkdwn("This channel is not enabled yet, so nothing starts here."),
        owner=person(view.owner) if view.owner else Mrkdwn("An admin of this workspace"),
        usual=usd(view.usual_nusd),
    )


def budget_queue(view: BudgetQueueView) -> Mrkdwn:
    """Return what a queued run waits for before it begins."""
    if view.decided:
        return mrkdwn("⏳ Waiting for budget. {decided}", decided=short(view.decided, 300))
    return mrkdwn(
        "⏳ Waiting for budget. {needs}, and {balance}. It starts by itself when enough is free, in the order of "
        "asking. {until}",
        needs=needs_words(view.needs),
        balance=balance(view.balance),
        until=short(view.deadline, 200),
    )


def budget_request(view: BudgetRequestView) -> Mrkdwn:
    """Return what a run without budget lacks, and what follows once it is granted."""
    if view.decided:
        return mrkdwn("*The budget ran out before this was finished.* {decided}", decided=short(view.decided, 300))
    return mrkdwn(
        "*The budget ran out before this was finished.* {balance}. With {amount} more I continue where I stopped; "
        "nothing is paid twice. {until}",
        balance=balance(view.balance),
        amount=usd(view.amount_nusd),
        until=short(view.deadline, 200),
    )


def budget_request_button(view: BudgetRequestView) -> str:
    """Return the button's label, like `Ask Dana for $0.30`."""
    return f"Ask {view.owner.name[:40] if view.owner else 'an admin'} for {usd(view.amount_nusd)}"


def call(view: CallView) -> Mrkdwn:
    """Return a mention of each person, and what it is about."""
    text = short(view.text, 1000)
    return join(", ", [*map(person, view.who), text])


def help_call(view: HelpCallView) -> Mrkdwn:
    """Return who asks an admin for help, where, and what is wrong."""
    what = titled_link(view.link, "a request") if view.link else Mrkdwn("a request")
    said = mrkdwn(
        "*{name} asks for your help* with {what} in {place}.",
        name=short(view.asker.name, 80),
        what=what,
        place=short(view.place, 80),
    )
    causes = [short(cause, 600) for cause in view.causes]
    code = mrkdwn("The log has it under `{code}`.", code=short(view.code, 60)) if view.code else Mrkdwn()
    return join("\n", [said, *causes, code])


# ---------------------------------------------------------------- how a run ended

_ENDINGS = {
    StopReason.BUDGET: "{part}: {why} after {steps} ({cost}).",
    StopReason.LIMIT: "{part}: this request reached its limit after {steps} ({cost}).",
    StopReason.TIMEOUT: "{part}: the time for this request was up after {steps} ({cost}).",
    StopReason.CANCELLED: "Stopped after {steps} ({cost}).",
    StopReason.REJECTED: "Not approved: {draft} ({cost}).",
    StopReason.FAILED: "{part}: something failed after {steps} ({cost}).",
}


def headline(view: AnswerView) -> Mrkdwn:
    """Return what to know before the answer: how it ended, which agents failed, what is uncertain. Often empty."""
    called = mrkdwn("{asker}, your answer is ready.", asker=person(view.run.asker)) if view.mention_asker else Mrkdwn()
    told = [short(note, 400) for note in view.result.notes[:NOTES_SHOWN]]
    left_out = short(view.run.left_out, MATERIAL_MAX)
    return join(" ", [called, _ending(view), *told, left_out, _uncertain(view)])


def _ending(view: AnswerView) -> Mrkdwn:
    result = view.result
    if result.stop_reason not in _ENDINGS:
        return _without(result.missing)
    ended = mrkdwn(
        _ENDINGS[result.stop_reason],
        part=_part(view),
        why=_why_no_money(view),
        draft="this is the last draft, and nobody approved it" if result.output.strip() else "nobody approved a draft",
        steps=mrkdwn("{done} of {total}", done=str(view.steps_done), total=count(view.steps_total, "step")),
        cost=usd(result.cost_nusd),
    )
    return join(" ", [ended, _missing(view), _way_on(view)])


_RAN_OUT = {
    "workspace": "the workspace's budget ran out",
    "user": "the asker's share of the budget ran out",
    "dm": "your budget ran out",
}
_CLOSED = {
    "paused": "all spending was paused",
    "frozen": "the budget here was frozen",
    "clock": "the clock of the machine I run on was wrong, so I could not tell which month it was,",
}


def _why_no_money(view: AnswerView) -> str:
    if view.closed:
        return _CLOSED.get(view.closed, "the budget here was closed")
    fallback = "your budget ran out" if view.run.channel.startswith("D") else "the channel's budget ran out"
    return _RAN_OUT.get(view.refused_by, fallback)


def _missing(view: AnswerView) -> Mrkdwn:
    """Return who is missing; where the run failed, also why."""
    missing = view.result.missing
    if not missing:
        return Mrkdwn()
    if view.result.stop_reason is not StopReason.FAILED:
        return mrkdwn("Missing: {names}.", names=listed([voice.name for voice in missing]))
    said = [
        mrkdwn("{name} is missing: {why}.", name=short(v.name, 80), why=short(v.reason.rstrip("."), 300))
        for v in missing
    ]
    return join(" ", said[:NOTES_SHOWN])


def _part(view: AnswerView) -> str:
    if not view.result.output.strip():
        return "No answer"
    return "The partial answer above is final" if view.is_above else "Partial answer"


_PLURALS = (
    (r"\bits (model|provider|answer)\b", r"their \1s"),
    (r"\bit was\b", "they were"),
    (r"\bit\b", "they"),
    (r"(?<=s )was\b", "were"),
)


def _of_several(reason: str) -> str:
    """Return a reason that is true of several agents: `its model did not respond` becomes `their models …`."""
    for one, several in _PLURALS:
        reason = re.sub(one, several, reason)
    return reason


def _without(missing: Sequence[MissingVoice]) -> Mrkdwn:
    """Return who is not in the answer, by reason: each reason is said once."""
    reasons: dict[str, list[str]] = {}
    for voice in missing:
        reasons.setdefault(voice.reason.rstrip("."), []).append(voice.name)
    groups = [
        mrkdwn("{names}: {why}", names=listed(names), why=short(_of_several(why) if names[1:] else why, 300))
        for why, names in reasons.items()
    ]
    return mrkdwn("Answered without {groups}.", groups=join("; without ", groups)) if groups else Mrkdwn()


def _way_on(view: AnswerView) -> Mrkdwn:
    if view.result.stop_reason is not StopReason.BUDGET or not view.grant_nusd:
        return Mrkdwn()
    return mrkdwn(
        "If {owner} grants {amount}, I continue at step {step}; nothing is paid twice.",
        owner=owner_of(view),
        amount=usd(view.grant_nusd),
        step=str(view.steps_done + 1),
    )


def _uncertain(view: AnswerView) -> Mrkdwn:
    if not view.uncertain_nusd:
        return Mrkdwn()
    return mrkdwn("{amount} is counted for calls nobody can confirm.", amount=usd(view.uncertain_nusd))


def footer(view: AnswerView) -> Mrkdwn:
    """Return the one line under an answer: `$0.03 · 24 s · 3 agents`. Everything else is behind Details.

    A demo also says which model answered, because a tiny one is not to be believed.
    """
    agents = count(view.agents_count, "agent") if view.agents_count else Mrkdwn()
    model = short(view.run.model_note, 200) if view.run.play_money and not view.run.scripted else Mrkdwn()
    read = looked_up(view.sources, had_tools=view.had_tools)
    said = [dry_label(dry=view.run.dry), play_money_label(view.run)]
    parts = [usd(view.result.cost_nusd), duration(view.seconds), agents, read, *said, model]
    return join(" · ", parts)
