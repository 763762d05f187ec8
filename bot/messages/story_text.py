"""Sentences about a whole run: what was asked, why it went this way, each step with its money, who decided what."""

import json
from collections.abc import Sequence
from itertools import accumulate

from bot.messages.code_text import code
from bot.messages.list_text import missing_voices
from bot.messages.mrkdwn import Mrkdwn, join, mrkdwn, size
from bot.messages.price_text import price_told
from bot.messages.run_text import STATE_WORDS, count, dry_label, duration, quoted, short, step_icon, usd
from bot.messages.story_amounts import Amounts
from bot.messages.story_views import AttemptLine, DecisionLine, RouteLine, StepLine, StoryView
from patterns.core.money import format_usd

STEPS_MAX, DECISIONS_MAX, TOTALS_MAX, REQUEST_MAX = 4_000, 1_500, 1_500, 600
"""Characters, as JSON, of each part in one message of Slack; a longer run is read on its page."""


def head(view: StoryView) -> Mrkdwn:
    """Return the first line: how it stands, what it cost, how long it worked."""
    return join(
        " · ",
        [
            Mrkdwn(STATE_WORDS[view.state]),
            dry_label(dry=view.dry),
            usd(view.cost_nusd),
            duration(view.seconds),
            count(view.tokens, "token"),
            Mrkdwn("play money") if view.play_money else Mrkdwn(),
        ],
    )


def asked(view: StoryView) -> Mrkdwn:
    """Return who asked what, where and when."""
    who = mrkdwn(
        "{name} asked in {place} on {when}:",
        name=short(view.asker.name, 80),
        place=short(view.place, 80),
        when=view.when,
    )
    return join("\n", [who, quoted(view.request, REQUEST_MAX)])


def why(view: StoryView) -> Mrkdwn:
    """Return the way it went, who chose it and why, and the price it was told with."""
    said = [route(view.route)] if view.route else [Mrkdwn("No flow was chosen.")]
    if view.price:
        said.append(mrkdwn("The estimate was {price}.", price=price_told(view.price)))
    return join(" ", said)


def route(line: RouteLine) -> Mrkdwn:
    """Return what was chosen and by whom, with the reason."""
    reason = short(line.reason.rstrip("."), 300)
    if line.chosen_by == "person":
        return mrkdwn("It went to `{title}`, which the asker chose.", title=short(line.title, 80))
    if line.chosen_by == "router":
        sure = f"{line.confidence:.0%} sure"
        return mrkdwn(
            "It went to `{title}`, which the Router chose, {sure}: {reason}.",
            title=short(line.title, 80),
            sure=sure,
            reason=reason,
        )
    if line.chosen_by == "hand":
        return mrkdwn("{reason}.", reason=reason)
    if not line.chosen_by:
        return mrkdwn("It was asked for `{title}`, and ended before it was planned.", title=short(line.title, 80))
    why = mrkdwn(" {reason}.", reason=reason) if reason else Mrkdwn()
    return mrkdwn("It went to `{title}`, the default.{why}", title=short(line.title, 80), why=why)


def steps(view: StoryView, *, most: int = STEPS_MAX) -> Mrkdwn:
    """Return the steps, one line each, as many as fit into `most` characters; several attempts stand under theirs."""
    amounts = Amounts(view)
    lines = [join("\n", step(number, one, amounts)) for number, one in enumerate(view.steps, start=1)]
    shown = _fitting(lines, most)
    if not view.steps:
        return Mrkdwn("No agent was called.")
    more = len(view.steps) - len(shown)
    left_out = mrkdwn("… and {more}", more=count(more, "more step")) if more else Mrkdwn()
    whole = mrkdwn("in all {money}", money=money(amounts.held, amounts.paid)) if len(view.steps) > 1 else Mrkdwn()
    return join("\n", [*shown, left_out, whole])


def _fitting(lines: Sequence[Mrkdwn], most: int) -> list[Mrkdwn]:
    """Return the first lines that fit into so many characters as JSON."""
    sizes = accumulate(size(json.dumps(line, ensure_ascii=False)) for line in lines)
    return [line for line, so_far in zip(lines, sizes, strict=True) if so_far <= most]


def step(number: int, line: StepLine, amounts: Amounts) -> list[Mrkdwn]:
    """Return the line of a step, and one for each attempt where there were several."""
    whole = join(
        " · ",
        [
            mrkdwn("{icon} {number}. {who}", icon=step_icon(line.state), number=str(number), who=short(line.label, 80)),
            short(line.model, 80),
            Mrkdwn() if line.is_tool else tokens(line.input_tokens, line.output_tokens),
            money(amounts.hold(line), amounts.cost(line), unsure=bool(line.uncertain_nusd)),
            took(line.seconds),
            short(line.ended, 200),
        ],
    )
    if len(line.attempts) == 1:
        return [whole]
    paid = amounts.attempts(line)
    return [whole, *(attempt(one, *figures) for one, figures in zip(line.attempts, paid, strict=True))]


def attempt(line: AttemptLine, cost: str, held: str) -> Mrkdwn:
    """Return one of several attempts of a step, with what it cost and held."""
    return join(
        " · ",
        [
            mrkdwn("    attempt {number}{owner}", number=str(line.number), owner=_owner(line)),
            short(line.model, 80),
            money(held, cost, unsure=line.is_uncertain),
            took(line.seconds),
            short(line.ended, 200),
        ],
    )


def _owner(line: AttemptLine) -> str:
    return f" of process {line.owner}" if line.owner > 1 else ""


def tokens(taken: int, made: int) -> Mrkdwn:
    """Return `812 in, 40 out`."""
    return Mrkdwn(f"{taken:,} in, {made:,} out")


def money(held: str, cost: str, *, unsure: bool = False) -> Mrkdwn:
    """Return `$0.01 of $0.03 held`, and whether a bill confirms it."""
    return mrkdwn("{cost}{unsure} of {held} held", cost=cost, unsure=" without a bill" if unsure else "", held=held)


def legend(view: StoryView) -> Mrkdwn:
    """Return once what each of the amounts is."""
    if not any(line.held_nusd for line in view.steps):
        return Mrkdwn()
    amounts = Amounts(view)
    rounded = amounts.paid != format_usd(sum(line.cost_nusd for line in view.steps))
    return mrkdwn(
        "Before a call its highest price is held; what the provider then bills is paid, and the rest goes back. About: "
        "what such a request usually costs. At most: with every retry of every step; no request costs more.{more}",
        more=" Elsewhere amounts from a cent on are rounded up to cents." if rounded else "",
    )


def decisions(view: StoryView) -> Mrkdwn:
    """Return who decided what, and how long the run waited for it, a line each."""
    return join("\n", _fitting([decision(line) for line in view.decisions], DECISIONS_MAX))


def decision(line: DecisionLine) -> Mrkdwn:
    """Return one question with its answer."""
    waited = Mrkdwn() if line.is_open else mrkdwn("waited {time}", time=long_time(line.waited_s))
    return join(" · ", [mrkdwn("✋ {what}: {said}", what=short(line.what, 120), said=short(line.said, 300)), waited])


def totals(view: StoryView) -> Mrkdwn:
    """Return where the time and the money went, and what else is known of the end."""
    worked = _times(view)
    owners = (
        mrkdwn("{number} processes worked on it, one after the other.", number=str(view.owners))
        if view.owners > 1
        else Mrkdwn()
    )
    unsure = (
        mrkdwn("{amount} of its cost is counted in full because no bill came.", amount=usd(view.uncertain_nusd))
        if view.uncertain_nusd
        else Mrkdwn()
    )
    told = [short(note, 400) for note in view.notes[:5]]
    rated = [rating(view)] if view.helped or view.did_not else []
    ended = [short(view.ended, 300)] if view.ended else []
    said = [*ended, *rated, worked, owners, unsure, missing_voices(view.missing), *told]
    return join("\n", _fitting([part for part in said if part], TOTALS_MAX))


def _times(view: StoryView) -> Mrkdwn:
    """Return where its time went: work, waiting for people and for its turn, each apart."""
    waits = [
        mrkdwn("{time} for people", time=long_time(view.waited_s)) if view.waited_s >= 1 else Mrkdwn(),
        mrkdwn("{time} for its turn", time=long_time(view.queued_s)) if view.queued_s >= 1 else Mrkdwn(),
    ]
    waited = join(" and ", [one for one in waits if one])
    busy = _of_steps(view)
    if not waited and not busy:
        return Mrkdwn()
    apart = mrkdwn(" Besides, it waited {waits}.", waits=waited) if waited else Mrkdwn()
    return mrkdwn("It worked {work}{busy}.{apart}", work=duration(view.seconds), busy=busy, apart=apart)


def _of_steps(view: StoryView) -> Mrkdwn:
    """Return how the times of the steps go with that of the run, where they seem not to."""
    whole_s, until = 0.0, 0.0
    for line in sorted(view.steps, key=lambda one: one.start_s):
        end = line.start_s + line.seconds
        whole_s += max(0.0, end - max(line.start_s, until))
        until = max(until, end)
    if view.seconds - whole_s > 1:
        words = ", {time} of it on its steps and the rest on work around them, such as starting tool servers"
        return mrkdwn(words, time=took(whole_s))
    if sum(line.seconds for line in view.steps) > whole_s + 1:
        return Mrkdwn(", in which steps ran side by side")
    return Mrkdwn()


def rating(view: StoryView) -> Mrkdwn:
    """Return how many people said that it helped."""
    return mrkdwn(
        "{up} said it helped, {down} that it did not.",
        up=count(view.helped, "person").replace("persons", "people"),
        down=str(view.did_not),
    )


def took(seconds: float) -> Mrkdwn:
    """Return how long a step took, in milliseconds below a second."""
    return Mrkdwn(f"{seconds * 1000:.0f} ms") if 0 < seconds < 1 else duration(seconds)


def long_time(seconds: float) -> Mrkdwn:
    """Return a wait like `40 s`, `12 min`, `3 h 5 min` or `2 days 4 h`."""
    minutes = round(seconds / 60)
    if minutes < 2:  # noqa: PLR2004 - below, seconds say more
        return duration(seconds)
    hours, minutes = divmod(minutes, 60)
    if hours < 1:
        return Mrkdwn(f"{minutes} min")
    days, hours = divmod(hours, 24)
    parts = [f"{days} day{'s' * (days > 1)}"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if minutes and not days else []
    return Mrkdwn(" ".join(parts))


def diagram(view: StoryView) -> Mrkdwn:
    """Return the plan as a block of code."""
    return code("\n".join(view.diagram)) if view.diagram else Mrkdwn()


def where_more(view: StoryView) -> Mrkdwn:
    """Return how to see more of it."""
    return mrkdwn(
        "`/agents trace {run}` puts a page with every step, its prompt and its answer into the thread.", run=view.run_id
    )
