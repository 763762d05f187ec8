"""Work after the acknowledgement: in line behind what Slack waits for, drained at shutdown, failures always reported.

A message whose refusal nobody could be told of, because Slack is away, is not done: it stays in the inbox and is
replayed. A command or a click has told the person by then that it failed.
"""

import asyncio
import math
import secrets
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any

import structlog

from bot.commands.origin import Origin
from bot.listeners.foreground import Foreground
from bot.listeners.ports import PayloadStore
from bot.messages.notice_views import NoticeView
from bot.runs.presenter import Notifier
from bot.slack.errors import PASSING, SlackError
from patterns.core.errors import UserError

log = structlog.get_logger()

BEGIN_EACH_S = 0.05
"""One work begins this often whatever waits: at once where none has begun for so long, and under a load without end."""
BEGINNING = 8
"""Works that begin side by side once a burst of payloads is over."""
BEGINNING_S = 0.05
"""How long a work counts as beginning at most: later on it waits for Slack or a database more than it computes."""
LINE_MAX = 1000
"""Works in line; in a longer one the first begin whatever waits, so that a lasting load is slowed and not hoarded."""


class BackgroundTasks:
    """Tasks of the listeners. Each finishes its payload in the inbox; one cancelled at shutdown is replayed.

    They begin in the order of their payloads: in a burst few, so that nobody's acknowledgement waits for others' work.
    """

    def __init__(self, *, inbox: PayloadStore, notifier: Notifier, foreground: Foreground) -> None:
        self._inbox = inbox
        self._notifier = notifier
        self._foreground = foreground
        self._line: deque[tuple[Origin, Coroutine[Any, Any, None]]] = deque()
        self._beginning: dict[asyncio.Task[None], asyncio.TimerHandle] = {}
        self._begun_s = -math.inf
        self._next: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_draining = False
        self._is_closed = False
        foreground.when_empty(self._begin)

    def spawn(self, origin: Origin, work: Coroutine[Any, Any, None]) -> None:
        """Have the work done when its turn comes; a failure is reported to the person at `origin`."""
        if self._is_closed:
            work.close()
            return
        self._line.append((origin, work))
        self._begin()

    @property
    def is_anything_in_line(self) -> bool:
        """Return whether a work waits for its turn to begin."""
        return bool(self._line)

    def _begin(self) -> None:
        """Begin as much as may begin now, and look again when more may."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        while self._line and (wait_s := self._wait_s()) <= 0:
            origin, work = self._line.popleft()
            loop = asyncio.get_running_loop()
            task = loop.create_task(self._carry(origin, work), name=f"delivery {origin.delivery_key}")
            self._begun_s = time.monotonic()
            self._tasks.add(task)
            self._beginning[task] = loop.call_later(BEGINNING_S, self._has_begun, task)
            task.add_done_callback(self._has_ended)
        if self._line:
            self._next = asyncio.get_running_loop().call_later(wait_s, self._begin)

    def _wait_s(self) -> float:
        """Return the seconds until the first in line may begin, as far as it is known now."""
        if self._is_draining or len(self._line) > LINE_MAX:
            return 0.0
        in_turn_s = max(0.0, self._begun_s + BEGIN_EACH_S - time.monotonic())
        quiet_s = self._foreground.quiet_in_s
        return in_turn_s if quiet_s is None or len(self._beginning) >= BEGINNING else min(in_turn_s, quiet_s)

    def _has_begun(self, task: asyncio.Task[None]) -> None:
        if (timer := self._beginning.pop(task, None)) is not None:
            timer.cancel()
        self._begin()

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._has_begun(task)

    def close(self) -> None:
        """Begin nothing that comes from now on: what it needs is about to be closed. Its payload stays in the inbox."""
        self._is_closed = True

    async def drain(self, grace_s: float) -> None:
        """Begin what waits, and from now on at once; wait up to `grace_s` seconds for all work.

        The rest is cancelled, and its payload stays in the inbox.
        """
        self._is_draining = True
        self._begin()
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
