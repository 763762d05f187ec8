"""A run in a shell: progress and questions on standard error, so that standard output is the answer alone.

Model text is never printed as it came: control sequences would move the cursor or rename the window.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import click

from bot.cli.tool_questions import ToolQuestions
from bot.commands.origin import Origin
from bot.messages import tool_text
from bot.messages.decision_text import round_words
from bot.messages.imitation import mark_imitations
from bot.messages.mrkdwn import clean, unescape
from bot.messages.notice_views import NoticeView
from bot.messages.outcome_text import footer, headline
from bot.messages.price_text import NO_PRICE, price_told, price_words
from bot.messages.run_text import doing, duration, left, moment
from bot.messages.views import AnswerView, PrivateView
from bot.runs.engine import CONFIRM_PATH, Engine
from bot.runs.outcome import RunOutcome
from bot.runs.presenter import Rendered
from bot.runs.resources import ResourceReader
from bot.runs.tool_lines import looked_up
from patterns.core.events import (
    Noted,
    Planned,
    Reviewed,
    Routed,
    RunEvent,
    StepFinished,
    StepRetried,
    StepStarted,
    ToolCalled,
)
from patterns.core.money import format_usd
from patterns.core.questions import Decision, Question
from patterns.core.reasons import Reason
from storage.outbox import Outbox
from storage.questions import StoredQuestion
from storage.run_rows import RESOURCES, RunRow
from storage.threads import Threads

NOTE_CHARS = 300
LOOK_S = 1.0
"""Seconds between two looks of a waiting shell at the budget that other runs hold."""
_APPROVALS = {"a": "approve", "c": "changes", "s": "stop"}


def print_line(text: str) -> None:
    """Print a line for the person, beside the answer."""
    click.echo(text, err=True)


def plain(text: str) -> str:
    """Return Slack's text as a terminal shows it."""
    return unescape(text)


def shown_ending(view: AnswerView) -> tuple[str, str, str]:
    """Return what must be known before the answer, the answer, and the footer."""
    text = mark_imitations(clean(view.result.output)).strip()
    free = f" · {left(view.run.balance)} left" if view.run.balance else ""
    return plain(headline(view)).strip(), text, plain(footer(view)) + free


class ProgressPrinter:
    """The `EventSink` of a shell: one line per event, each event once however often the run is resumed."""

    def __init__(self) -> None:
        self._printed: set[object] = set()
        self.steps_planned = 0

    def emit(self, run_id: str, event: RunEvent) -> None:  # noqa: ARG002 - a shell has one run
        """Print the event in a line."""
        if isinstance(event, Planned):
            self.steps_planned = len(event.paths)
        line = _line(event)
        if line and event not in self._printed:
            self._printed.add(event)
            print_line(line)


def _line(event: RunEvent) -> str:
    match event:
        case Routed() | Planned():
            return click.style("→ ", fg="cyan") + _decided(event)
        case StepStarted() | ToolCalled():
            busy = f" · {doing(event)}" if isinstance(event, ToolCalled) else ""
            return click.style(f"… {event.agent}{busy}", dim=True)
        case StepRetried():
            why = Reason(event.reason).clause(since=event.since)
            return click.style("↻ ", fg="yellow") + f"{event.agent}: {why}, trying {event.next_model}"
        case StepFinished() if not event.replayed:
            return _finished(event)
        case Reviewed() | Noted():
            return f"↳ {_noted(event)}"
        case _:
            return ""


def _decided(event: Routed | Planned) -> str:
    if isinstance(event, Planned):
        return price_told(event.price)
    who = f" with {', '.join(event.agents)}" if event.agents and event.agents != (event.flow,) else ""
    why = f": {_short(event.reason)}" if event.chosen_by == "router" and event.reason else ""  # a default is noted
    return f"{event.flow}{who}{why}"


def _noted(event: Reviewed | Noted) -> str:
    return _short(event.text if isinstance(event, Noted) else round_words(event))


def _finished(event: StepFinished) -> str:
    mark = click.style("✓", fg="green") if event.ok else click.style("✗", fg="red")
    took = [event.agent, duration(event.elapsed_ms / 1000), format_usd(event.cost_nusd)]
    why = [] if event.ok else [Reason(event.reason).clause()]
    return f"{mark} {' · '.join([*took, *why, *(['price uncertain'] if event.uncertain else [])])}"


def _short(text: str) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= NOTE_CHARS else f"{line[:NOTE_CHARS]}…"


@dataclass
class Terminal:
    """The `RunPresenter` and private notifier of a shell's run.

    `is_manned` says whether a person can be asked; `stopped` is set by Ctrl-C. `approved` are tools approved
    beforehand, `attached` the addresses that were named with `--with`.
    """

    engine: Engine
    stopped: asyncio.Event
    is_manned: bool
    outbox: Outbox
    approved: frozenset[str] = frozenset()
    attached: frozenset[str] = frozenset()
    progress: ProgressPrinter = field(default_factory=ProgressPrinter)

    def may_stream(self, run: RunRow) -> bool:  # noqa: ARG002 - whatever the run
        """Return False: a shell gets the answer in one piece, so that it can be piped."""
        return False

    async def begin(self, run: RunRow) -> RunRow:
        """Read what the request brings, once, and return the run unchanged: there is nothing to post."""
        threads = Threads(self.engine.db, self.engine.clock)
        if run.options.get(RESOURCES) and await threads.attachments(run.id) is None:
            roster, _ = await self.engine.roster_of(run)
            came = await ResourceReader(self.engine.tools).read(run, roster, on_purpose=self.attached)
            await threads.store_attachments(run, came.model_dump_json(exclude_defaults=True))
            for line in filter(None, (came.read_words, *came.left_out)):
                print_line(f"↳ {_short(line)}")
        return run

    def release(self, run: RunRow) -> None:
        """Do nothing: everything was printed as it happened."""

    async def is_shown(self, run: RunRow) -> bool:  # noqa: ARG002 - whatever the run
        """Return False: the shell prints its outcome itself."""
        return False

    async def render(self, run: RunRow, outcome: RunOutcome) -> Rendered:  # noqa: ARG002 - the executor's stage
        """Return no messages: the shell prints the outcome itself."""
        return ()

    async def finish(self, run: RunRow, outcome: RunOutcome, rendered: Rendered | None = None) -> None:
        """Do nothing: nothing is owed."""

    async def private(self, to: Origin, view: PrivateView) -> None:  # noqa: ARG002 - the way to a person
        """Print a view as a sentence."""
        if isinstance(view, NoticeView):
            print_line(view.text)

    async def ask(self, run: RunRow, asked: Sequence[StoredQuestion]) -> None:
        """Have every question decided: by the person, or by the rule for unattended shells."""
        for one in asked:
            if one.decision is None:
                await self._ask(run, one.path, one.question)

    async def _ask(self, run: RunRow, path: str, question: Question) -> None:
        if question.kind == "line":
            given = await self._in_line(run, question)
        elif question.kind in ("tool", "outcome", "form"):
            journal = await self.engine.journal.steps(run.id) if question.kind == "tool" else []
            for line in tool_text.looked_up(looked_up(journal, path, self.engine.roster.tools)):
                print_line(plain(line))
            given = await self._of_tools.decide(question)
        else:
            given = await (self._price(run, question) if path == CONFIRM_PATH else self._review(question))
        decision = given.model_copy(
            update={"user": run.user, "at_us": self.engine.clock.now_us()},
        )
        await self.engine.questions.decide(run.id, path, decision)

    @property
    def _of_tools(self) -> ToolQuestions:
        return ToolQuestions(print_line, self._line_of, is_manned=self.is_manned, approved=self.approved)

    async def _price(self, run: RunRow, question: Question) -> Decision:
        limit = format_usd(self.engine.roster.limits.confirm_above_nusd)
        price = await self.engine.price_of(run)
        costs = price_words(price) if price else NO_PRICE
        if not self.is_manned:
            print_line(
                f"{question.title} costs {costs}; above {limit} somebody must agree, and nobody can be asked here."
                " Add --yes to agree beforehand."
            )
            return Decision(verdict="expired")
        said = await self._line_of(f"{question.title} costs {costs}. Nothing is spent until you agree. Run? [y/n] ")
        return Decision(verdict="run" if said.lower() in ("y", "yes") else "cancel")

    async def _review(self, question: Question) -> Decision:
        if not self.is_manned:
            print_line("A person should approve this text, and nobody can be asked here.")
            return Decision(verdict="expired")
        print_line(f"\n{question.title}\n\n{clean(question.draft)}\n\nThe reviewer: {clean(question.verdict)}\n")
        verdict = ""
        while not verdict:
            said = await self._line_of("Approve, ask for changes, or stop? [a/c/s] ")
            verdict = _APPROVALS.get(said[:1].lower(), "" if said else "stop")
        text = await self._line_of("What should change? ") if verdict == "changes" else ""
        return Decision.model_validate({"verdict": verdict, "text": text})

    async def _in_line(self, run: RunRow, question: Question) -> Decision:
        """Wait until other runs release enough budget; without a person watching, end the wait at once."""
        if not self.is_manned:
            return Decision(verdict="expired")
        until = moment(self.engine.clock.now_us() + question.deadline_s * 1_000_000, self.engine.zone)
        print_line(
            f"Other runs hold the money for this. I begin when it is free, or give up at {until}; Ctrl-C ends it."
        )
        try:
            async with asyncio.timeout(question.deadline_s):
                while not await self._is_free(run, question):
                    await self.engine.clock.sleep(LOOK_S)
        except TimeoutError:
            return Decision(verdict="expired")
        return Decision(verdict="run")

    async def _is_free(self, run: RunRow, question: Question) -> bool:
        """Return True when there is no reason to wait any longer."""
        balances = await self.engine.balances.balances(run.payer)
        return self.stopped.is_set() or all(balance.fits(question.amount_nusd) for balance in balances)

    async def _line_of(self, prompt: str) -> str:
        """Return a line the person typed; empty at the end of input or after Ctrl-C."""
        click.echo(prompt, err=True, nl=False)
        loop, typed = asyncio.get_running_loop(), asyncio.Event()
        # A thread in input() could not be interrupted, and would keep the process from ending.
        loop.add_reader(sys.stdin.fileno(), typed.set)
        waits = [asyncio.ensure_future(event.wait()) for event in (typed, self.stopped)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(sys.stdin.fileno())
            for wait in waits:
                wait.cancel()
        return sys.stdin.readline().strip() if typed.is_set() and not self.stopped.is_set() else ""
