"""`agents replay RUN`: what the journal comes to when it is computed once more."""

from collections.abc import Sequence

import click

from bot.cli.stored_runs import reading, story_of
from bot.messages.mrkdwn import clean
from bot.runs.replay import NOT_HERE, Replay, Replayer
from bot.runs.replayed_money import Difference
from bot.runs.step_names import place_in
from patterns.core.errors import UserError
from patterns.core.money import exact_usd, format_usd
from storage.run_stories import RunStories
from storage.run_story import RunStory

SAME = "Everything that is stored came out the same, byte for byte."
SAME_AS_FAR = "What could be checked came out the same."


async def replay(run_ids: Sequence[str], *, every: bool = False) -> int:
    """Print what replaying runs found; return 1 when something differs.

    Raises:
        UserError: no run was named, or there is none of that id.
    """
    if bool(run_ids) is every:
        raise UserError("Name the runs to replay, or write --all. `agents show` lists the latest ones.")
    differing = 0
    async with reading() as engine:
        replayer, stories = Replayer(engine), RunStories(engine.db)
        for run_id in await stories.ended_ids() if every else run_ids:
            found = await replayer.replay(await story_of(engine, run_id))
            differing += not found.is_same
            click.echo("\n".join(report(found)))
    return 1 if differing else 0


def report(found: Replay) -> list[str]:
    """Return the lines of a report: what came out the same, what did not, what cannot be known."""
    story, cost, exact = found.story, format_usd(found.cost_nusd), exact_usd(found.cost_nusd)
    told = cost if cost == exact else f"{cost}, exactly {exact}"
    again = f"{_count(found.steps, 'step')} and {_count(found.decisions, 'decision')} replayed"
    calls = _count(len(story.calls), "call")
    lines = [f"{story.run.id}: {again}, {calls} computed again: {told}. Nothing was sent."]
    lines += [_difference(story, one) for one in found.differences]
    lines += [clean(sentence) for sentence in found.unknown]
    verdict = SAME_AS_FAR if any(sentence.startswith(NOT_HERE) for sentence in found.unknown) else SAME
    return [*lines, verdict if found.is_same else f"{_count(len(found.differences), 'difference')}."]


def _difference(story: RunStory, one: Difference) -> str:
    """Return one difference: of what kind, at which step or decision, and how."""
    where = place_in(story, one.where)
    return clean(f"{one.kind}: {f'{where}: ' if where else ''}{one.what}.")


def _count(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"
