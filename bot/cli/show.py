"""`agents show`: a run in the words of its story, as text or as a page."""

import sys
from dataclasses import dataclass
from pathlib import Path

import click

from bot.cli.shell import owner, profiles_of
from bot.cli.stored_runs import reading, story_of
from bot.messages import story_text
from bot.messages.mrkdwn import Mrkdwn, clean, unescape
from bot.messages.run_text import STATE_WORDS, date_and_time, dry_label, short, usd
from bot.messages.story_views import StepTexts, StoryView
from bot.messages.trace_page import trace_page
from bot.runs.engine import Engine
from bot.runs.replay import Replayer
from bot.runs.stories import StoryViews, roster_of, state_of
from patterns.core.errors import UserError
from storage.audit import AuditLog
from storage.run_stories import RunStories
from storage.run_story import RunStory

LATEST = 15
REQUEST_CHARS = 60


@dataclass(frozen=True, slots=True)
class Request:
    """The command line of `agents show`."""

    run: str = ""
    texts: bool = False
    as_html: bool = False
    output: Path | None = None


async def show(asked: Request) -> int:
    """Print a run, or write its page; without a run, list the latest ones.

    Raises:
        UserError: there is no such run.
    """
    if asked.output is not None and not asked.as_html:
        raise UserError("--output says where the page goes, so it needs --html.")
    async with reading() as engine:
        if not asked.run:
            return await _latest(engine)
        story = await story_of(engine, asked.run)
        with_texts = asked.texts or asked.as_html
        texts = (await Replayer(engine).replay(story)).texts() if with_texts else None
        if with_texts and story.run.kind == "slack":
            await note_reading(engine, story)
        view = await StoryViews(profiles_of(engine)).view(story, await roster_of(engine, story), texts)
    if asked.as_html:
        file = asked.output or Path(f"{story.run.id}.html")
        file.write_text(trace_page(view), "utf-8")
        click.echo(f"Wrote {file}.")
        return 0
    click.echo("\n\n".join(_parts(view)))
    return 0


def _parts(view: StoryView) -> list[str]:
    """Return the paragraphs of a run."""
    parts = [
        story_text.head(view),
        story_text.asked(view),
        story_text.why(view),
        Mrkdwn("\n".join(view.diagram)),
        story_text.steps(view, most=sys.maxsize),
        story_text.legend(view),
        story_text.decisions(view),
        story_text.totals(view),
    ]
    shown = [unescape(part).replace("`", "") for part in parts if part]
    return [*shown, *_texts(view)]


def _texts(view: StoryView) -> list[str]:
    parts = []
    for number, line in enumerate(view.steps, start=1):
        texts = line.texts or StepTexts()
        for role, text in texts.prompt:
            parts.append(f"── {number}. {clean(line.label)}, given as {role}\n{clean(text)}")
        told = [texts.prompt_note, clean(texts.output), texts.output_note]
        if any(told):
            parts.append("\n".join([f"── {number}. {clean(line.label)}, answered", *filter(None, told)]))
    return [*parts, f"── the answer\n{clean(view.answer)}"] if view.answer else parts


async def _latest(engine: Engine) -> int:
    stories = RunStories(engine.db)
    runs = await stories.latest(most=LATEST)
    for run in runs:
        story = await stories.find(run.id)
        if story is not None:
            state = [STATE_WORDS[state_of(story)], *filter(None, [dry_label(dry=run.is_dry)])]
            words = [run.id, f"{date_and_time(run.created_us)} UTC", *state, usd(story.cost_nusd)]
            asked = short("(deleted)" if story.request is None else story.request, REQUEST_CHARS)
            click.echo(" · ".join([*words, run.flow or "no flow", unescape(asked)]))
    if not runs:
        click.echo("There is no run yet.")
    return 0


async def note_reading(engine: Engine, story: RunStory) -> None:
    """Write into the audit log that the texts of somebody's run were read from a shell."""
    run = story.run
    after = {"run": run.id, "asker": run.user, "from": owner()}
    await AuditLog(engine.db, engine.clock).record(
        run.workspace, actor="shell", action="read_request", subject=run.channel, after=after
    )
