"""Days later, in a test: the chores of a running bot with a clock that goes ahead of this machine's."""

import asyncio
import time
from dataclasses import replace

from bot.people.access import Access
from bot.people.admins import Admins
from bot.people.channel_rules import StoredRules
from bot.people.tool_approvers import ToolApprovers
from bot.threads.budget_queue import BudgetQueue
from bot.threads.reminders import ReminderService
from bot.threads.review_service import ReviewService
from storage.channels import ChannelSettings
from storage.chores import Chores
from storage.tool_grants import ToolGrants
from tests.support.running_bot import House


class Later:
    """A clock that goes ahead of this machine's."""

    def __init__(self, ahead_s: int) -> None:
        self.ahead_us = ahead_s * 1_000_000

    def now_us(self) -> int:
        return int(time.time() * 1_000_000) + self.ahead_us

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def reminders(house: House, *, ahead_s: int, owner: str = "one") -> ReminderService:
    """The chore as another process would do it at a later time."""
    engine = replace(house.bot.engine, clock=Later(ahead_s))
    executor = house.bot.executor
    access = Access(
        executor.presenter.profiles.directory, StoredRules(ChannelSettings(engine.db, engine.clock)), admins=Admins()
    )
    profiles = executor.presenter.profiles
    reviews = ReviewService(
        engine,
        executor.presenter.cards,
        access,
        executor,
        profiles,
        executor._delivery.notifier,
        ToolApprovers(access),
        ToolGrants(engine.db, engine.clock),
    )
    return ReminderService(engine, reviews, BudgetQueue(engine, reviews), Chores(engine.db, engine.clock), owner)
