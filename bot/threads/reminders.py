"""Reminders and deadlines of runs that wait for people."""

from dataclasses import dataclass

import structlog

from bot.people.tool_approvers import ACTIONS
from bot.runs.engine import Engine
from bot.slack.errors import SlackError
from bot.threads.budget_queue import BudgetQueue
from bot.threads.review_service import ReviewService
from storage.chores import Chores
from storage.questions import StoredQuestion

log = structlog.get_logger()

_REMINDED = frozenset({"approve", *ACTIONS})


@dataclass(frozen=True, slots=True)
class ReminderService:
    """Handles every waiting run. `owner` names this process in claims."""

    engine: Engine
    reviews: ReviewService
    budget_queue: BudgetQueue
    chores: Chores
    owner: str

    async def process_waiting(self) -> None:
        """Remind, expire, and resume runs whose budget was granted. May run late, twice or in five processes."""
        now_us = self.engine.clock.now_us()
        for asked in await self.engine.questions.undecided():
            if asked.deadline_us is not None and asked.deadline_us <= now_us:
                await self.reviews.expire(asked)
            elif asked.question.kind == "money":
                await self.reviews.resume_funded(asked)
            elif asked.question.kind in _REMINDED and (number := due(asked, now_us)):
                await self._remind(asked, number)
        await self.budget_queue.admit_next()

    async def _remind(self, asked: StoredQuestion, number: int) -> None:
        key = f"remind/{asked.run_id}/{asked.path}/{number}"
        if not await self.chores.claim_once(key, by=self.owner):
            return
        try:
            await self.reviews.remind(asked, number)
        except SlackError as error:
            log.warning("reminder_not_posted", run=asked.run_id, code=error.code)
            if error.kind == "unreachable":
                await self.chores.release(key)


def due(asked: StoredQuestion, now_us: int) -> int:
    """Return the number of the due reminder, 0 for none: the first after `reminder_s`, later ones at doubled times.

    After an outage there is one reminder, not one for each missed.
    """
    every_us = asked.question.reminder_s * 1_000_000
    return ((now_us - asked.asked_us) // every_us).bit_length() if every_us else 0
