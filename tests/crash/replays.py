"""Every run of a storm, computed once more from its journal: the same decisions and the same cents."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.clock import SystemClock
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.runs.context import payer_context
from bot.runs.engine_parts import NullEventSink
from bot.runs.replay import Replayer
from bot.runs.replayed_money import Difference, money_differences, replayed_nusd
from bot.runs.replayed_ports import ReplayPorts
from bot.settings import read_settings
from patterns.core.errors import AgentsError
from patterns.handoff import EMPTY_HANDOFF
from patterns.replay import ReplayRunner
from patterns.roster.roster import Roster
from patterns.services import open_services
from storage.database.database import Database
from storage.run_stories import RunStories
from storage.run_story import RunStory
from tests.fakes.model import ScriptedModel


@dataclass(frozen=True)
class Replayed:
    """How many runs were replayed, what their bills come to, and what came out differently, a line each."""

    runs: int
    decisions: int
    steps: int
    nusd: int
    differences: tuple[str, ...]


async def replay_steps(db: Database, run_ids: Iterable[str], roster: Roster, *, agent: str) -> Replayed:
    """Replay runs that are one step of an agent with tools, made without a plan: its prompt, its money."""
    replays: list[tuple[RunStory, list[Difference]]] = []
    for run_id in run_ids:
        story = await RunStories(db).find(run_id)
        assert story is not None
        replays.append((story, [*money_differences(story), *await _of_step(story, roster, agent)]))
    return Replayed(
        runs=len(replays),
        decisions=0,
        steps=sum(step.record is not None for story, _ in replays for step in story.steps),
        nusd=sum(replayed_nusd(story) for story, _ in replays),
        differences=tuple(f"{story.run.id} {one.where}: {one.what}" for story, found in replays for one in found),
    )


async def _of_step(story: RunStory, roster: Roster, agent: str) -> list[Difference]:
    """Return what is different when the step is looked up once more, and what is in the journal beside it."""
    runner, ports = ReplayRunner(ScriptedModel([])), ReplayPorts(story, hidden=frozenset())
    services = open_services(
        runner=runner, ledger=ports, journal=ports, decisions=ports, events=NullEventSink(), clock=SystemClock(),
        roster=roster, payer=story.run.payer, fence=story.run.fence,
    )  # fmt: skip
    ctx = payer_context(story.run.payer, run_id=story.run.id, request=story.request or "")
    try:
        await runner.step(ctx, services, agent=agent, path=agent, handoff=EMPTY_HANDOFF)
    except AgentsError as error:
        return [Difference("step", agent, str(error))]
    is_same = runner.seen[agent].is_same
    return [*ports.differences, *([] if is_same else [Difference("prompt", agent, "is another one")])]


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
