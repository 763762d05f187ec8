"""Every run of a storm, computed once more from its journal: the same decisions and the same cents."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.runs.replay import Replayer
from bot.settings import read_settings
from storage.run_stories import RunStories


@dataclass(frozen=True)
class Replayed:
    """How many runs were replayed, what their bills come to, and what came out differently, a line each."""

    runs: int
    decisions: int
    steps: int
    nusd: int
    differences: tuple[str, ...]


async def replay_all(env: Mapping[str, str]) -> Replayed:
    """Replay every run that is over in the database of a bot with this environment."""
    settings = read_settings(env)
    async with open_engine(settings, await choose_models(settings)) as engine:
        stories, replayer = RunStories(engine.db), Replayer(engine)
        replays = []
        for run_id in await stories.ended_ids():
            story = await stories.find(run_id)
            assert story is not None
            replays.append(await replayer.replay(story))
    return Replayed(
        runs=len(replays),
        decisions=sum(one.decisions for one in replays),
        steps=sum(one.steps for one in replays),
        nusd=sum(one.cost_nusd for one in replays),
        differences=tuple(
            f"{one.story.run.id} {found.kind} {found.where}: {found.what}"
            for one in replays
            for found in one.differences
        ),
    )
