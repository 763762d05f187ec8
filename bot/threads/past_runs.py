"""Runs as people read them afterwards: the story of one, privately, and its page in its own thread."""

import asyncio
from dataclasses import dataclass

import structlog

from bot.commands.origin import Origin
from bot.messages.notice_views import NoticeView
from bot.messages.story_views import StepTexts, StoryView
from bot.messages.trace_page import trace_page
from bot.people.profiles import ProfileLookup
from bot.runs.engine import Engine
from bot.runs.replay import Replayer
from bot.runs.stories import StoryViews, roster_of
from bot.slack.errors import SlackError
from bot.slack.uploads import Upload, upload
from bot.slack.workspaces import Slack
from bot.threads.readable_runs import UNKNOWN, ReadableRuns
from patterns.core.errors import UserError
from storage.run_rows import RunRow
from storage.run_stories import RunStories

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PastRunsService:
    """The port `PastRuns` of the listeners."""

    engine: Engine
    runs: ReadableRuns
    stories: RunStories
    profiles: ProfileLookup
    slack: Slack

    async def story(self, run_id: str | None, by: Origin) -> StoryView:
        """Return the story of a run this person may read, without prompts; without an id, of the latest one here.

        Raises:
            UserError: there is none for them.
        """
        return await self._view(await self._meant(run_id, by), with_texts=False)

    async def trace(self, run_id: str | None, by: Origin) -> NoticeView:
        """Put the page of a run into its own thread, whose readers read the run; return the confirmation.

        Raises:
            UserError: there is none for them, it has no thread, or Slack does not take the page.
        """
        run = await self._meant(run_id, by)
        if run.kind != "slack" or not run.thread_ts:
            raise UserError(
                f"That run has no thread. In a shell, `agents show {run.id} --html` writes its page to a file."
            )
        view = await self._view(run, with_texts=True)
        page = await asyncio.to_thread(trace_page, view)
        file = Upload(f"{run.id}.html", f"Run {run.id}: every step, its time and its money", page.encode())
        try:
            await upload(self.slack.of(run.workspace), [file], channel=run.channel, thread_ts=run.thread_ts)
        except SlackError as error:
            log.warning("trace_not_uploaded", run=run.id, code=error.code)
            raise UserError(f"The page could not be put into the thread. {error}") from error
        return NoticeView("The page is in the request's thread. Download it to open its steps; it runs no script.")

    async def _meant(self, run_id: str | None, by: Origin) -> RunRow:
        wanted = run_id or await self.stories.latest_id(
            workspace=by.workspace, channel=by.channel, thread_ts=by.thread_ts or "", user=by.user
        )
        if wanted is None:
            raise UserError(UNKNOWN if run_id else "There is no request here yet. `runs all` lists yours elsewhere.")
        return await self.runs.find(wanted, by)

    async def _view(self, run: RunRow, *, with_texts: bool) -> StoryView:
        story = await self.stories.find(run.id)
        if story is None:
            raise UserError(UNKNOWN)
        texts: dict[str, StepTexts] | None = None
        if with_texts:
            texts = (await Replayer(self.engine).replay(story)).texts()
        return await StoryViews(self.profiles).view(story, await roster_of(self.engine, story), texts)
