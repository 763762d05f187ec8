"""Work after the acknowledgement: referenced strongly, drained at shutdown, its failures always reported.

A message whose refusal nobody could be told of, because Slack is away, is not done: it stays in the inbox and is
replayed. A command or a click has told the person by then that it failed.
"""

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any

import structlog

from bot.commands.origin import Origin
from bot.listeners.ports import PayloadStore
from bot.messages.notice_views import NoticeView
from bot.runs.presenter import Notifier
from bot.slack.errors import PASSING, SlackError
from patterns.core.errors import UserError

log = structlog.get_logger()


class BackgroundTasks:
    """Tasks of the listeners. Each finishes its payload in the inbox; one cancelled at shutdown is replayed."""

    def __init__(self, *, inbox: PayloadStore, notifier: Notifier) -> None:
        self._inbox = inbox
        self._notifier = notifier
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, origin: Origin, work: Coroutine[Any, Any, None]) -> None:
        """Start the work; a failure is reported to the person at `origin`."""
        task = asyncio.create_task(self._carry(origin, work), name=f"delivery {origin.delivery_key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, grace_s: float) -> None:
        """Wait up to `grace_s` seconds for running work; the rest is cancelled and its payload stays in the inbox."""
        tasks = set(self._tasks)
        if not tasks:
            return
        _done, late = await asyncio.wait(tasks, timeout=grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _carry(self, origin: Origin, work: Coroutine[Any, Any, None]) -> None:
        note = "done"
        try:
            await work
        except UserError as error:
            note = "refused"
            is_told = await self._tell(origin, NoticeView(str(error), tone="warning"))
            if not is_told and origin.message_ts:
                log.info("payload_postponed", payload=origin.delivery_key)
                return
        except Exception:
            code = secrets.token_hex(4)
            note = f"failed {code}"
            log.exception("payload_failed", payload=origin.delivery_key, code=code)
            text = "Something went wrong on my side. Please try again; if it stays, give an admin this code."
            await self._tell(origin, NoticeView(text, tone="error", code=code))
        if origin.delivery_key:
            await self._done(origin.delivery_key, note)

    async def _tell(self, origin: Origin, notice: NoticeView) -> bool:
        """Tell the person; return False when Slack is away for everybody, so that it is worth another try later."""
        if not origin.user:
            return True
        try:
            await self._notifier.private(origin, notice)
        except SlackError as error:
            log.warning("person_not_notified", payload=origin.delivery_key, code=error.code)
            return error.kind not in PASSING
        except Exception:
            # Nobody is left to tell, so the failure is only logged.
            log.exception("person_not_notified", payload=origin.delivery_key)
        return True

    async def _done(self, key: str, note: str) -> None:
        try:
            await self._inbox.mark_processed(key, note)
        except Exception:
            # The next start replays it, where its idempotency key makes that harmless.
            log.exception("payload_not_closed", payload=key)
