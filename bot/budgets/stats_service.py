"""Statistics of a month's runs, for those who may see the budget of the place they ask in."""

import asyncio
from dataclasses import dataclass

from bot.budgets.run_stats import run_stats
from bot.messages.month_report import month_name, previous_period
from bot.messages.stats_views import RunStats, StatsView
from bot.people.profiles import ProfileLookup
from patterns.core.errors import UserError
from patterns.core.holds import Payer
from patterns.core.ports import Clock
from storage.ledger.book import payer_key
from storage.ledger.periods import period_end_us, period_key
from storage.ledger.reports import Reports
from storage.run_stories import RunStories

RUNS_MOST = 2_000
"""Runs that are looked at for somebody in Slack; of a busier month only the latest."""


@dataclass(frozen=True, slots=True)
class StatsService:
    """The port `Statistics` of the listeners; a shell uses it too."""

    stories: RunStories
    reports: Reports
    profiles: ProfileLookup
    clock: Clock

    async def month(self, payer: Payer, period: str) -> StatsView:
        """Return the statistics of a place; an empty `period` is its current month.

        Raises:
            UserError: the month has not begun, or nothing was asked in it.
        """
        settings = await self.reports.settings(payer.workspace, payer_key(payer), payer.channel_kind)
        stats = await self.of(payer.workspace, [payer.channel], period, zone=settings.zone)
        return StatsView(await self.profiles.place_name(payer), stats, self.profiles.is_play_money)

    async def of(
        self, workspace: str, channels: list[str], period: str, *, zone: str, most: int = RUNS_MOST
    ) -> RunStats:
        """Return the statistics of channels, of every channel when none is named, in a month of that zone.

        Of more than `most` runs the latest are looked at.

        Raises:
            UserError: the month has not begun, or nothing was asked in it.
        """
        current = period_key(self.clock.now_us(), zone)
        wanted = period or current
        if wanted > current:
            raise UserError(f"{month_name(wanted)} has not begun. The current month is {current}.")
        start_us, end_us = period_end_us(previous_period(wanted), zone), period_end_us(wanted, zone)
        found, left_out = await self.stories.between(workspace, channels, from_us=start_us, until_us=end_us, most=most)
        if not found:
            raise UserError(f"No request of {month_name(wanted)} is over here, so there is nothing to compare.")
        # Beside the event loop: thousands of runs take a while to count.
        return await asyncio.to_thread(run_stats, found, period=wanted, left_out=left_out)
