"""`agents replay RUN --from STEP`: the rest of a run once more with something changed, beside what it was."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bot.cli.ask import Request, Shell
from bot.cli.ask_json import told_estimate
from bot.cli.shell import accept, opened, payer_for
from bot.cli.show import note_reading
from bot.cli.stored_runs import story_of
from bot.cli.terminal import Terminal, plain, print_line, shown_ending
from bot.messages.mrkdwn import clean
from bot.messages.price_text import price_told
from bot.messages.printable_json import printable_json
from bot.messages.run_text import STATE_WORDS, duration
from bot.runs.context import HISTORY_RUNS, context_of
from bot.runs.engine import Engine
from bot.runs.material import EARLIER_RUNS
from bot.runs.outcome import RunOutcome
from bot.runs.rerun import Change, Rerun, RerunEngine, rerun_of, step_said
from bot.runs.step_names import step_name
from bot.runs.stories import outcome_of, state_of
from patterns.core.context import TaskContext
from patterns.core.errors import UserError
from patterns.core.holds import Fence
from patterns.core.money import format_usd
from patterns.flow import Plan
from storage.execution.texts import read_texts
from storage.run_rows import RunRow
from storage.run_story import RunStory
from storage.threads import Threads

PROMPT_BYTES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line of `agents replay RUN --from STEP`."""

    run: str
    step: str
    model: str = ""
    flow: str = ""
    prompt: Path | None = None
    channel: str = "terminal"
    estimate: bool = False
    yes: bool = False
    as_json: bool = False


async def rerun(asked: Asked) -> int:
    """Run it again from that step on and print both side by side; return what `agents ask` would.

    Raises:
        UserError: no such run, step, model, flow or file, or its texts were deleted.
    """
    async with opened(starts_model=not asked.estimate) as engine:
        story = await story_of(engine, asked.run)
        snapshot = await engine.store.snapshot(story.run.roster_hash)
        change = Change(asked.model, asked.flow, _read(asked.prompt))
        plan = rerun_of(story, step_said(story, asked.step), change, snapshot=snapshot, env=engine.settings.env)
        if story.run.kind == "slack":
            await note_reading(engine, story)
        given = await _given(engine, story)
        ready = RerunEngine.over(engine, plan, given)
        request = Request(
            request=story.request or "", flow=plan.choice.flow or "", channel=asked.channel, yes=asked.yes,
            as_json=asked.as_json, dry_run=story.run.is_dry,
        )  # fmt: skip
        shell = Again(ready, request, await payer_for(engine, asked.channel), plan, ready)
        try:
            if asked.estimate:
                return await shell.estimate()
            print_line(await shell.told())
            return await shell.run()
        finally:
            await ready.client.aclose()


def _read(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read as UTF-8 text.") from error
    if not text.strip() or len(text.encode()) > PROMPT_BYTES_MAX:
        raise UserError(f"{file} must hold a prompt of at most {PROMPT_BYTES_MAX:,} bytes.")
    return text


async def _given(engine: Engine, story: RunStory) -> TaskContext:
    """Return the context of the old run, with its thread's history and its attachments."""
    threads = Threads(engine.db, engine.clock)
    texts = await read_texts(
        engine.db, engine.store, threads, story.run, exchanges=HISTORY_RUNS, attachments=EARLIER_RUNS
    )
    return context_of(story.run, texts)


@dataclass(frozen=True)
class Again(Shell):
    """A run of a shell that takes over the beginning of another one."""

    rerun: Rerun
    again: RerunEngine

    async def estimate(self) -> int:
        """Print what the rest would cost; nothing is stored, held or sent."""
        if self.asked.as_json:
            facts = {"run_id": self.rerun.story.run.id, "step": self.rerun.start.path, "kept": len(self.rerun.steps)}
            told = {**facts, **told_estimate(await self._plan()), "first_cost_nusd": self.rerun.old_nusd}
            click.echo(printable_json(told))
        else:
            click.echo(f"{await self.told()} Nothing was started.")
        return 0

    async def told(self) -> str:
        """Return what it costs at most, before anything is paid."""
        start, number = self.rerun.start, len(self.rerun.steps)
        plan = await self._plan()
        kept = f"{number} step{'' if number == 1 else 's'} taken over"
        where = f"From {step_name(start)} on, {kept}" if number else f"With {plan.title}, nothing taken over"
        once = format_usd(self.rerun.old_nusd)
        return f"{where}: {price_told(plan.price)}. The first time it cost {once}."

    async def _plan(self) -> Plan:
        """Return the plan of what is paid anew: expected is what it cost the first time, where that tells anything."""
        return await self.again.quote_rest(self.payer, self.asked.request.strip())

    async def accept(self, options: Mapping[str, Any]) -> str:
        """Store the request, and before anybody claims it what it takes over."""
        older = self.rerun.story.run
        first = older.options.get("again_from", {}).get("first", older.id)
        taken = {"again_from": {"run": older.id, "step": self.rerun.start.path, "first": first}}
        request = self.asked.request.strip()
        key = f"{secrets.token_hex(12)}:of:{first}"  # whoever has the first run erased has this one erased too
        run_id = await accept(self.engine, self.payer, request, {**options, **taken}, key=key)
        for decision in self.rerun.decisions:
            await self.engine.journal.record(Fence(run_id, 0), decision)
        return run_id

    async def _answered(self, run: RunRow, outcome: RunOutcome, terminal: Terminal) -> int:
        old, new = _sides(self.rerun), await self._new_side(run, outcome, terminal)
        if self.asked.as_json:
            click.echo(printable_json({"old": old.told(), "new": new.told()}))
        else:
            for line in beside(old, new):
                click.echo(line)
        return 0 if new.answer else 1

    async def _new_side(self, run: RunRow, outcome: RunOutcome, terminal: Terminal) -> "Side":
        view = await self._view(run, outcome, terminal)
        _before, answer, _after = shown_ending(view)
        story = await story_of(self.engine, run.id)
        tokens = sum(step.input_tokens + step.output_tokens for step in story.steps)
        rest_nusd = story.cost_nusd
        return Side(
            run.id, run.flow, plain(STATE_WORDS[outcome.state]), rest_nusd, run.executed_ms / 1000, tokens, answer
        )


@dataclass(frozen=True, slots=True)
class Side:
    """One of two runs that stand side by side. `rest_nusd` is the cost from the changed step on."""

    run: str
    flow: str
    ended: str
    rest_nusd: int
    seconds: float
    tokens: int
    answer: str

    def told(self) -> dict[str, Any]:
        """Return it as JSON: the cost as integer nano-dollars."""
        return {
            "run_id": self.run, "flow": self.flow, "ended": self.ended, "cost_from_step_nusd": self.rest_nusd,
            "seconds": self.seconds, "tokens_from_step": self.tokens, "answer": self.answer,
        }  # fmt: skip


def _sides(rerun: Rerun) -> Side:
    story, outcome = rerun.story, outcome_of(rerun.story)
    redone = rerun.redone
    return Side(
        run=story.run.id,
        flow=story.run.flow,
        ended=plain(STATE_WORDS[state_of(story)]),
        rest_nusd=rerun.old_nusd,
        seconds=sum(step.record.elapsed_ms for step in redone if step.record) / 1000,
        tokens=sum(step.input_tokens + step.output_tokens for step in redone),
        answer=clean(outcome.result.output) if outcome else "",
    )


def beside(old: Side, new: Side) -> list[str]:
    """Return two runs as lines: figures in two columns, then each answer."""
    rows = [
        ("", old.run, new.run),
        ("flow", old.flow, new.flow),
        ("ended", old.ended, new.ended),
        ("cost from that step on", format_usd(old.rest_nusd), format_usd(new.rest_nusd)),
        ("tokens from that step on", f"{old.tokens:,}", f"{new.tokens:,}"),
        ("seconds of work", plain(duration(old.seconds)), plain(duration(new.seconds))),
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(2)]
    table = [f"{name.ljust(widths[0])}  {one.ljust(widths[1])}  {other}".rstrip() for name, one, other in rows]
    answers = [
        line for side in (old, new) for line in ("", f"── {side.run} answered", side.answer or "No answer came.")
    ]
    return [*table, *answers]
