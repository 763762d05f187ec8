"""Notice to askers whose request no worker has begun after a while: it is stored and waits."""

from dataclasses import dataclass

import structlog

from bot.commands.origin import Origin
from bot.messages.notice_views import NoticeView
from bot.runs.presenter import Notifier
from bot.slack.errors import SlackError
from patterns.core.ports import Clock
from storage.chores import Chores

log = structlog.get_logger()

WORKER_WAIT_S = 20.0
"""Seconds; a free worker begins within one, so after this long none is free."""
KEPT = (
    "⏳ Your request is kept and waits: whoever works on requests is busy or away. It starts by itself as soon as"
    " somebody is free, so there is no need to ask again."
)


def notice_key(run_id: str) -> str:
    """Return the chore of telling a request's person that it waits, which is done once."""
    return f"unattended/{run_id}"


@dataclass(frozen=True, slots=True)
class NoWorkerNotice:
    """Notifies askers of waiting requests. `owner` names this process in claims."""

    chores: Chores
    notifier: Notifier
    clock: Clock
    owner: str

    async def notify_waiting(self) -> None:
        """Notify each waiting asker once, privately. May run late, twice or in five processes."""
        waiting = await self.chores.unclaimed_requests(before_us=self.clock.now_us() - int(WORKER_WAIT_S * 1e6))
        if waiting:
            log.warning("runs_wait_for_worker", requests=len(waiting), oldest=waiting[0].run_id)
        told = await self.chores.finished([notice_key(request.run_id) for request in waiting]) if waiting else set()
        for request in waiting:
            if notice_key(request.run_id) in told or not await self.chores.claim_once(
                notice_key(request.run_id), by=self.owner
            ):
                continue
            origin = Origin(
                delivery_key="",
                workspace=request.workspace,
                channel=request.channel,
                user=request.user,
                thread_ts=request.thread_ts or None,
                response_url=request.response_url,
            )
            try:
                await self.notifier.private(origin, NoticeView(KEPT))
            except SlackError as error:
                log.warning("person_not_notified", run=request.run_id, code=error.code)
