"""What people hear of the queue: their place in it, and that it is full."""

from dataclasses import dataclass

import structlog

from bot.commands.origin import Origin
from bot.messages.notice_views import NoticeView
from bot.messages.queue_text import place_in_line, queue_full
from bot.runs.engine import Engine
from bot.runs.executor import Executor
from bot.runs.presenter import Notifier
from bot.runs.request import RunRequest
from bot.slack.errors import SlackError
from bot.threads.presenter import SlackThreadPresenter
from bot.threads.wait_notice import notice_key
from storage.chores import Chores
from storage.queue_bounds import QueueFullError
from storage.threads import Thread, Threads

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class QueuePlaces:
    """Notifies whoever asked: in the thread when it is busy, privately when all places or the person's are taken."""

    engine: Engine
    executor: Executor[SlackThreadPresenter]
    presenter: SlackThreadPresenter
    notifier: Notifier
    threads: Threads
    chores: Chores

    async def tell(self, run_id: str, to: Origin) -> None:
        """Say what an accepted request waits for, once; nothing when it begins at once."""
        ahead = await self.executor.ahead(run_id)
        run = await self.engine.store.get(run_id)
        if run is None or run.status != "accepted":
            return
        try:
            if run.thread_ts and await self._is_busy(Thread(run.workspace, run.channel, run.thread_ts), run_id):
                await self.presenter.queued(run)
            elif ahead is not None and await self.chores.claim_once(notice_key(run_id), by=self.executor.owner):
                # Privately: a post of ours in the channel would take the pace that the answers there need.
                await self.notifier.private(to, NoticeView(place_in_line(ahead)))
        except SlackError as error:
            log.warning("queue_message_not_posted", run=run_id, code=error.code)

    async def _is_busy(self, thread: Thread, run_id: str) -> bool:
        return await self.threads.active_run(thread) not in (None, run_id)

    async def refuse(self, request: RunRequest, error: QueueFullError) -> None:
        """Tell the person that one more request is not taken, with a button to ask again."""
        log.warning("queue_full", bound=error.bound, channel=request.origin.channel)
        key = "" if request.forced_here or request.again_of else request.origin.delivery_key
        await self.notifier.private(request.origin, NoticeView(queue_full(error), tone="warning", retry_key=key))
