"""Sentences about a whole run: what was asked, why it went this way, each step with its money, who decided what."""

import json
from collections.abc import Sequence
from itertools import accumulate

from bot.messages.code_text import code
from bot.messages.list_text import missing_voices
from bot.messages.mrkdwn import Mrkdwn, join, mrkdwn, size
from bot.messages.price_text import price_told
from bot.messages.run_text import STATE_WORDS, count, duration, quoted, short, step_icon, usd
from bot.messages.story_views import AttemptLine, DecisionLine, RouteLine, StepLine, StoryView

STEPS_MAX, DECISIONS_MAX, TOTALS_MAX, REQUEST_MAX = 4_000, 1_500, 1_500, 600
"""Characters, as JSON, of each part in one message of Slack; a longer run is read on its page."""


def head(view: StoryView) -> Mrkdwn:
    """Return the first line: how it stands, what it cost, how long it worked."""
    return join(
        " · ",
        [
            Mrkdwn(STATE_WORDS[view.state]),
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
    shown = _fitting([join("\n", step(number, one)) for number, one in enumerate(view.steps, start=1)], most)
    if not view.steps:
        return Mrkdwn("No agent was called.")
    more = len(view.steps) - len(shown)
    return join("\n", [*shown, mrkdwn("… and {more}", more=count(more, "more step")) if more else Mrkdwn()])


def _fitting(lines: Sequence[Mrkdwn], most: int) -> list[Mrkdwn]:
    """Return the first lines that fit into so many characters as JSON."""
    sizes = accumulate(size(json.dumps(line, ensure_ascii=False)) for line in lines)
    return [line for line, so_far in zip(lines, sizes, strict=True) if so_far <= most]


def step(number: int, line: StepLine) -> list[Mrkdwn]:
    """Return the line of a step, and one for each attempt where there were several."""
    whole = join(
        " · ",
        [
            mrkdwn("{icon} {number}. {who}", icon=step_icon(line.state), number=str(number), who=short(line.label, 80)),
            short(line.model, 80),
            tokens(line.input_tokens, line.output_tokens),
            money(line.held_nusd, line.cost_nusd, line.uncertain_nusd),
            took(line.seconds),
            short(line.ended, 200),
        ],
    )
    # Tool calls of a step will stand here, between it and its attempts.
    return [whole, *(attempt(one) for one in line.attempts if len(line.attempts) > 1)]


def attempt(line: AttemptLine) -> Mrkdwn:
    """Return one of several attempts of a step."""
    uncertain_nusd = line.cost_nusd if line.is_uncertain else 0
    return join(
        " · ",
        [
            mrkdwn("    attempt {number}{owner}", number=str(line.number), owner=_owner(line)),
            short(line.model, 80),
            money(line.held_nusd, line.cost_nusd, uncertain_nusd),
            took(line.seconds),
            short(line.ended, 200),
        ],
    )


def _owner(line: AttemptLine) -> str:
    return f" of process {line.owner}" if line.owner > 1 else ""


def tokens(taken: int, made: int) -> Mrkdwn:
    """Return `812 in, 40 out`."""
    return Mrkdwn(f"{taken:,} in, {made:,} out")


def money(held_nusd: int, cost_nusd: int, uncertain_nusd: int = 0) -> Mrkdwn:
    """Return `$0.01 of $0.03 held`, and whether a bill confirms it."""
    unsure = " without a bill" if uncertain_nusd else ""
    return mrkdwn("{cost}{unsure} of {held} held", cost=usd(cost_nusd), unsure=unsure, held=usd(held_nusd))


def decisions(view: StoryView) -> Mrkdwn:
    """Return who decided what, and how long the run waited for it, a line each."""
    return join("\n", _fitting([decision(line) for line in view.decisions], DECISIONS_MAX))


def decision(line: DecisionLine) -> Mrkdwn:
    """Return one question with its answer."""
    waited = Mrkdwn("open since then") if line.is_open else mrkdwn("waited {time}", time=long_time(line.waited_s))
    return join(" · ", [mrkdwn("✋ {what}: {said}", what=short(line.what, 120), said=short(line.said, 300)), waited])


def totals(view: StoryView) -> Mrkdwn:
    """Return where the time and the money went, and what else is known of the end."""
    queued = mrkdwn("It waited {time} for its turn.", time=long_time(view.queued_s)) if view.queued_s >= 1 else Mrkdwn()
    waited = (
        mrkdwn(
            "Its {work} do not include {time} of waiting for people.",
            time=long_time(view.waited_s),
            work=duration(view.seconds),
        )
        if view.waited_s >= 1
        else Mrkdwn()
    )
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
    said = [*ended, *rated, queued, waited, owners, unsure, missing_voices(view.missing), *told]
    return join("\n", _fitting([part for part in said if part], TOTALS_MAX))


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
