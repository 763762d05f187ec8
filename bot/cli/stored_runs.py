"""What shell commands that read runs share: an engine that needs no model, and the story of a run by its id."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.cli.shell import models_of
from bot.demo.tiny_model import with_tiny_roster
from bot.logs import configure_logs
from bot.runs.bootstrap import open_engine
from bot.runs.engine import Engine
from bot.runs.named_run import named_run
from bot.settings import read_settings
from patterns.core.errors import UserError
from storage.run_stories import RunStories
from storage.run_story import RunStory

UNKNOWN_RUN = "That run is not known here. `agents show` lists the latest ones."


@asynccontextmanager
async def reading() -> AsyncIterator[Engine]:
    """Open an engine for reading: no model is started, and none has to be configured."""
    settings = read_settings()
    configure_logs(settings.log_level if settings.env.get("AGENTS_LOG_LEVEL") else "error")
    choice = await models_of(settings)
    async with open_engine(with_tiny_roster(settings, choice), choice) as engine:
        yield engine


async def story_of(engine: Engine, run_id: str) -> RunStory:
    """Return the story of a run, named by its id or by as much of it as no other one begins with.

    Raises:
        UserError: there is none, there are several, or it is too short to tell.
    """
    run = await named_run(engine.store, run_id, unknown=UNKNOWN_RUN)
    story = await RunStories(engine.db).find(run.id)
    if story is None:
        raise UserError(UNKNOWN_RUN)
    return story
