"""A review round in the thread: the draft, the verdict per criterion, and that the work continues."""

from dataclasses import dataclass

import structlog

from bot.messages.card_views import RoundView
from bot.messages.renderer import Renderer
from bot.slack.errors import SlackError
from bot.slack.workspaces import Slack
from bot.threads.rendering import rendered
from patterns.core.events import Reviewed
from storage.outbox import Outbox
from storage.runs import RunStore

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ReviewRounds:
    """Posts each round once, over any number of restarts."""

    store: RunStore
    slack: Slack
    outbox: Outbox
    renderer: Renderer

    async def post_review_round(self, run_id: str, event: Reviewed) -> None:
        """Post a round, unless a card asked about it; a failure never fails the run."""
        run = await self.store.get(run_id)
        if run is None or await self.outbox.find(run_id, f"ask/{event.path}/human") is not None:
            return
        view = RoundView(event.round, event.draft, event.verdict)
        try:
            await self.slack.of(run.workspace).post_once(
                run_id,
                f"round/{event.path}",
                channel=run.channel,
                message=await rendered(len(view.draft), lambda: self.renderer.message(view)),
                thread_ts=run.thread_ts,
            )
        except SlackError as error:
            log.warning("review_round_not_posted", run=run_id, path=event.path, code=error.code)
