"""A run's first messages: a root where nothing else shows the request, its plan, or the line in which it waits.

The plan is left out while other calls to Slack wait in line, where a root shows the request: it would delay the answers
of others, and be replaced by its own. It follows once there is room.
"""

from dataclasses import dataclass, replace

from bot.messages.notice_views import QueuedView
from bot.messages.renderer import Renderer
from bot.messages.views import ProgressView, RunState, RunView, SlackMessage
from bot.runs.engine import Engine
from bot.slack.turns import Rank
from bot.slack.workspaces import Slack
from bot.threads.edits import ENDED, PROGRESS, QUEUED, ROOT, MessageEdits
from storage.outbox import Outbox
from storage.run_rows import RunRow


@dataclass(frozen=True, slots=True)
class FirstMessages:
    """Posts the messages that show a run before its outcome does."""

    engine: Engine
    slack: Slack
    outbox: Outbox
    renderer: Renderer
    edits: MessageEdits

    async def open(self, run: RunRow, view: RunView) -> tuple[RunRow, str]:
        """Post root and plan; return the run with its place, and the plan's ts, empty where there is none for now.

        Raises:
            SlackError: there is no place to post.
        """
        out = self.slack.of(run.workspace)
        if not run.options.get("message_ts"):
            message = self.renderer.message(view)
            if shown_at := run.options.get("root_ts"):
                # Asked again: the message that showed the first try shows this one from now on.
                await self.outbox.alias(run.id, ROOT, run.channel, shown_at)
                await self.edits.show(run, ROOT, message, shows="running")
            run, _ = await self._post_first(run, ROOT, message)
            if out.is_crowded(run.channel) and not await self._is_begun(run):
                return run, ""
        if (line_ts := await self.outbox.find(run.id, QUEUED)) is not None:
            # The line in which the request waited becomes its plan.
            await self.outbox.alias(run.id, PROGRESS, run.channel, line_ts)
        return await self._post_first(run, PROGRESS, self.renderer.message(ProgressView(view)))

    async def _is_begun(self, run: RunRow) -> bool:
        """Return whether a message of the run stands, or may stand, that its plan continues."""
        return any([await self.outbox.exists(run.id, name) for name in (PROGRESS, QUEUED)])

    async def post_plan(self, run: RunRow, view: ProgressView) -> str:
        """Post the plan once, and return its ts."""
        return await self.slack.of(run.workspace).post_once(
            run.id, PROGRESS, channel=run.channel, message=self.renderer.message(view), thread_ts=run.thread_ts
        )

    async def _post_first(self, run: RunRow, name: str, message: SlackMessage) -> tuple[RunRow, str]:
        """Post a message that opens a run; record with the first where the run is shown, for links lead to it."""
        placed = run

        async def place(ts: str, *, is_new: bool = True) -> None:
            nonlocal placed
            placed = replace(run, root_ts=ts, thread_ts=run.thread_ts or ts)
            also = [self.outbox.posted(run.id, name, ts)] if is_new else []
            await self.engine.store.assign_thread(run, root_ts=ts, thread_ts=placed.thread_ts, also=also)

        ts = await self.slack.of(run.workspace).post_once(
            run.id,
            name,
            channel=run.channel,
            message=message,
            thread_ts=run.thread_ts or None,
            rank=Rank.BEGINS,
            record=None if run.root_ts else place,
        )
        if not placed.root_ts:  # it stood already
            await place(ts, is_new=False)
        return placed, ts

    async def queued(self, run: RunRow) -> None:
        """Say in the thread which place in line the request has; its turn makes the plan of this message."""
        ahead = await self.engine.store.ahead_in_thread(run)
        message = self.renderer.message(QueuedView(run.id, RunState.QUEUED, ahead))
        line_ts = await self.slack.of(run.workspace).post_once(
            run.id, QUEUED, channel=run.channel, message=message, thread_ts=run.thread_ts
        )
        now = await self.engine.store.get(run.id)
        if now is None or now.is_queued:
            return
        # Its turn came, or its end, while the line was on its way.
        if now.status == "done" and not now.root_ts:
            await self.edits.show(run, QUEUED, self.stopped_in_line(run), shows=ENDED)
        elif line_ts != await self.outbox.find(run.id, PROGRESS):
            await self.edits.remove(run, QUEUED)

    def stopped_in_line(self, run: RunRow) -> SlackMessage:
        """Return what the line shows of a run that was stopped before its turn."""
        return self.renderer.message(QueuedView(run.id, RunState.STOPPED))
