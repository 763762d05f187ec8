"""Sentences about a run while it lives: who asked, plan and price, each step. All `Mrkdwn`, safe to post.

Amounts come from the views; nothing here decides anything.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from bot.messages.card_views import ConfirmView
from bot.messages.mrkdwn import Mrkdwn, clip, escape, join, mention, mrkdwn, unescape
from bot.messages.notice_views import QueuedView
from bot.messages.price_text import NO_PRICE, price_told, price_words
from bot.messages.queue_text import turn_in_thread
from bot.messages.views import Person, ProgressView, RunState, RunView, StepState, StepView
from patterns.core.events import ToolCalled
from patterns.core.money import format_left, format_usd

QUOTE_MAX = 2_000
STEPS_SHOWN = 30
NOTES_SHOWN = 5
MATERIAL_MAX = 2_000
STATE_WORDS = {
    RunState.QUEUED: "⏳ waiting for its turn",
    RunState.RUNNING: "⏳ working",
    RunState.WAITING: "✋ waiting for a person",
    RunState.DONE: "✅ answered",
    RunState.PARTIAL: "⚠️ partly answered",
    RunState.STOPPED: "⏹️ stopped",
    RunState.REFUSED: "🚫 not started",
    RunState.FAILED: "❌ failed",
}
_IN_LINE = {
    RunState.RUNNING: "▶️ Your turn: I am on it.",
    RunState.STOPPED: "⏹️ Stopped before it started. Nothing was spent.",
}
_STEP_ICONS = {
    StepState.WAITING: "▫️",
    StepState.RUNNING: "⏳",
    StepState.DONE: "✅",
    StepState.FAILED: "❌",
    StepState.SKIPPED: "⏭️",
    StepState.REPLAYED: "♻️",
}
_TASK_STATUS = {
    StepState.WAITING: "pending",
    StepState.RUNNING: "in_progress",
    StepState.DONE: "complete",
    StepState.FAILED: "error",
    StepState.SKIPPED: "error",
    StepState.REPLAYED: "complete",
}


# ---------------------------------------------------------------- small words


def short(text: str, limit: int) -> Mrkdwn:
    """Return one line of at most `limit` characters, visibly cut."""
    return Mrkdwn(clip(escape(text if isinstance(text, Mrkdwn) else " ".join(text.split())), limit))


def usd(nusd: int) -> Mrkdwn:
    """Return an amount of nano-dollars as dollars."""
    return Mrkdwn(format_usd(nusd))


class Account(Protocol):
    """An account's month: its limit, what is spent and what is held."""

    @property
    def limit_nusd(self) -> int:
        """Return what may be spent."""
        ...

    @property
    def settled_nusd(self) -> int:
        """Return what is spent."""
        ...

    @property
    def held_nusd(self) -> int:
        """Return what is held for calls under way."""
        ...


def left(of: Account) -> Mrkdwn:
    """Return the rest of a budget as dollars: with what is shown as spent and held it adds up to the limit."""
    return Mrkdwn(format_left(of.limit_nusd, of.settled_nusd, of.held_nusd))


def duration(seconds: float) -> Mrkdwn:
    """Return a duration like `24 s` or `2 min 5 s`; tenths only below ten seconds, and what is too short said so."""
    if 0 < seconds < 0.05:  # noqa: PLR2004 - nothing takes no time
        return Mrkdwn("under 0.1 s")
    if seconds < 10:  # noqa: PLR2004 - the docstring says it
        return Mrkdwn(f"{seconds:.1f} s".replace(".0 s", " s"))
    minutes, rest = divmod(round(seconds), 60)
    return Mrkdwn(f"{minutes} min {rest} s" if minutes else f"{rest} s")


def moment(at_us: int, zone: str) -> str:
    """Return a time like `23 Nov 14:02 UTC`, in the zone of the people there."""
    at = datetime.fromtimestamp(at_us / 1_000_000, ZoneInfo(zone))
    return f"{at.day} {at:%b %H:%M %Z}"


def date_and_time(at_us: int) -> str:
    """Return a time in UTC like `29 Nov 2026 14:02`."""
    at = datetime.fromtimestamp(at_us / 1_000_000, UTC)
    return f"{at.day} {at:%b %Y %H:%M}"


def count(number: int, one: str) -> Mrkdwn:
    """Return `1 agent` or `3 agents`."""
    return mrkdwn("{number} {word}", number=f"{number:,}", word=one if number == 1 else f"{one}s")


def listed(names: Sequence[str]) -> Mrkdwn:
    """Return `a`, `a and b`, or `a, b and c`."""
    safe = [short(name, 80) for name in names]
    return Mrkdwn(" and ".join([", ".join(safe[:-1]), safe[-1]]) if safe[1:] else "".join(safe))


def person(one: Person) -> Mrkdwn:
    """Return a mention of a person who must act."""
    return mention(one.id, one.name)


def quoted(text: str, limit: int = QUOTE_MAX) -> Mrkdwn:
    """Return a request as a quotation; a long one says that it is shortened here."""
    lines = "> " + escape(text.strip()).replace("\n", "\n> ")
    cut = clip(lines, limit)
    return Mrkdwn(cut if cut == lines else f"{cut}\n_(shortened here; the agents read all of it)_")


# ---------------------------------------------------------------- the run


def asked(run: RunView) -> Mrkdwn:
    """Return the root message: who asked what. By name, because the asker need not be pinged."""
    return mrkdwn("*{name}* asked:\n{request}", name=short(run.asker.name, 80), request=quoted(run.request))


def state(run: RunView) -> Mrkdwn:
    """Return the line under the request: its state and how it ended."""
    return join(
        " · ",
        [
            Mrkdwn(STATE_WORDS[run.state]),
            mrkdwn("`{flow}`", flow=short(run.flow, 60)) if run.flow else Mrkdwn(),
            short(run.outcome_line, 300),
            dry_label(dry=run.dry),
            play_money_label(run),
        ],
    )


def in_line(view: QueuedView) -> Mrkdwn:
    """Return the place of a request in the queue of its busy thread."""
    return Mrkdwn(turn_in_thread(view.ahead) if view.state is RunState.QUEUED else _IN_LINE[view.state])


def run_state(value: RunState) -> Mrkdwn:
    """Return a state in words, with its emoji."""
    return Mrkdwn(STATE_WORDS[value])


def play_money_label(run: RunView) -> Mrkdwn:
    """Return the label that tells a demo from real money."""
    if run.scripted:
        return Mrkdwn("Scripted: no AI ran, play money")
    return Mrkdwn("play money" if run.play_money else "")


def dry_label(*, dry: bool) -> Mrkdwn:
    """Return the label that tells a dry run from one that acts, wherever runs are shown."""
    return Mrkdwn("dry run" if dry else "")


def price(run: RunView) -> Mrkdwn:
    """Return what the run costs, with where the figure comes from; empty while it is not known."""
    return Mrkdwn(price_told(run.price)) if run.price else Mrkdwn()


def plan(run: RunView) -> Mrkdwn:
    """Return the head of the progress message: agents, price, budget, model."""
    dry = Mrkdwn("*Dry run*: tools that act are not called, only listed." if run.dry else "")
    if not run.flow:
        return join("\n", [Mrkdwn("Choosing who should work on this."), dry, came_with(run)])
    head = join(" · ", [mrkdwn("*{flow}*", flow=short(run.flow, 60)), listed(run.agents[:12])])
    free = (
        mrkdwn("{free} left in {name}", name=short(run.balance.name, 80), free=left(run.balance)) if run.balance else ""
    )
    terms = join(" · ", [price(run), escape(free), short(run.model_note, 200), play_money_label(run)])
    return join("\n", [head, terms, dry, came_with(run)])


def came_with(run: RunView) -> Mrkdwn:
    """Return what was read besides the request, and what was not."""
    return short(" ".join(filter(None, [run.material, run.left_out])), MATERIAL_MAX)


def step_icon(state: StepState) -> Mrkdwn:
    """Return the sign of a step's state."""
    return Mrkdwn(_STEP_ICONS[state])


def step(view: StepView) -> Mrkdwn:
    """Return the line of one step: its state, its name, its duration and cost."""
    took = [duration(view.elapsed_s)] if view.elapsed_s else []
    cost = [usd(view.cost_nusd)] if view.cost_nusd else []
    again = [Mrkdwn("already done, not paid again")] if view.state is StepState.REPLAYED else []
    who = f" ({view.agent})" if view.agent and view.agent != view.label else ""
    name = mrkdwn(
        "{icon} {label}", icon=_STEP_ICONS[view.state], label=short(view.label + who, 100) or short(view.path, 100)
    )
    return join(" · ", [name, *took, *cost, *again, short(view.note, 160)])


def steps(views: Sequence[StepView]) -> Mrkdwn:
    """Return the steps, one per line; a long list says how many more there are."""
    return join("\n", [*map(step, views[:STEPS_SHOWN]), more_steps(views)])


def more_steps(views: Sequence[StepView]) -> Mrkdwn:
    """Return how many steps a shortened list leaves out."""
    left_out = len(views) - STEPS_SHOWN
    return mrkdwn("… and {more}", more=count(left_out, "more step")) if left_out > 0 else Mrkdwn()


def progress_title(view: ProgressView) -> str:
    """Return the title of the plan block, plain text: steps done, time, cost."""
    done = sum(s.state not in {StepState.WAITING, StepState.RUNNING} for s in view.steps)
    return f"{done} of {count(len(view.steps), 'step')} · {duration(view.elapsed_s)} · {usd(view.cost_nusd)}"


def step_title(view: StepView) -> str:
    """Return the title of one task of the plan block, plain text."""
    return unescape(step(view)).split(" ", 1)[1]


def task_status(view: StepView) -> str:
    """Return the plan block's status for a step's state."""
    return _TASK_STATUS[view.state]


def notes(view: ProgressView) -> Mrkdwn:
    """Return the newest notable decisions."""
    return join("\n", [mrkdwn("↳ {note}", note=short(note, 160)) for note in view.notes[-NOTES_SHOWN:]])


def collapsed(view: ProgressView) -> Mrkdwn:
    """Return the progress message once there is an answer: one line with the agents."""
    done = sum(s.state in {StepState.DONE, StepState.REPLAYED} for s in view.steps)
    finished = mrkdwn("{done} of {total}", done=str(done), total=count(len(view.steps), "step"))
    line = join(" · ", [state(view.run), finished, short(view.run.model_note, 200)])
    return join("\n", [line, came_with(view.run)])


def confirm(view: ConfirmView) -> Mrkdwn:
    """Return the question before an expensive run."""
    if view.decided:
        return short(view.decided, 300) or Mrkdwn("Decided.")
    alternative = ""
    if view.alternative_flow and view.alternative_price:
        alternative = mrkdwn(
            " Or use `{flow}`: {price}.",
            flow=short(view.alternative_flow, 60),
            price=price_words(view.alternative_price),
        )
    return mrkdwn(
        "This costs {price}. Nothing is spent until you press Run.{alternative}",
        price=price(view.run) or NO_PRICE,
        alternative=alternative,
    )


AWAITS_DECISION = "waits for a decision"
"""What stands beside a step that cannot go on before a person has decided."""


def doing(event: ToolCalled) -> str:
    """Return what an agent does with a tool: `searching tickets (2)`, the number of its calls in brackets."""
    server, _, tool = event.tool.partition(".")
    if not tool:
        return "looking for a tool"
    verb = f"using {server}: {tool}" if event.acts else f"searching {server}"
    return f"{'calculating' if server == 'arithmetic' else verb}{f' ({event.number})' if event.number > 1 else ''}"


def unknown_acts(tools: Sequence[str]) -> str:
    """Return what nobody knows about calls that act, in a sentence with what to do."""
    were = "was" if len(tools) == 1 else "were"
    names = " and ".join(tools)
    return f"Nobody knows whether {names} {were} done: no answer came any more. Look there before you ask for it again."
