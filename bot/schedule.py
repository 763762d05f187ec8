"""Periodic chores on APScheduler. Each is idempotent, so running late, twice or in five processes is harmless."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.messages.notice_views import NoticeView
from bot.messages.renderer import Renderer
from bot.messages.run_text import count
from bot.messages.views import SlackMessage
from bot.runs.engine import Engine
from bot.runs.executor import Executor
from bot.runs.orphaned_shell_runs import end_lost_runs
from bot.slack.announcements import OnceOnlyAnnouncements
from bot.slack.workspaces import Slack
from bot.threads.presenter import SlackThreadPresenter
from bot.threads.reminders import ReminderService
from patterns.core.holds import Payer
from patterns.core.money import format_usd
from storage.chores import Chores, LatestMonth
from storage.inbox import Inbox
from storage.ledger.periods import period_key
from storage.ledger.verify import verify
from storage.personal_data import PersonalData

log = structlog.get_logger()

SWEEP_S, RESUME_S, REPLAY_S, ANNOUNCE_S, VERIFY_S, TIDY_S = 30, 10, 5, 3600, 3600, 6 * 3600
DAY_US = 86_400_000_000
ALERT_S = 60
ERASE_S = 60
"""Deleting the message of a request promises that our copy is gone within the hour."""
CLOCK_CHECK_S, STEP_S = 5, 2
"""Seconds between two looks at the machine's wall clock, and the step in seconds that counts as a change."""


@dataclass(frozen=True, slots=True)
class Scheduler:
    """Runs the periodic chores of one bot."""

    engine: Engine
    executor: Executor[SlackThreadPresenter]
    slack: Slack
    inbox: Inbox
    replay_overdue: Callable[[], Awaitable[None]]
    check_alerts: Callable[[], Awaitable[None]]
    reminders: ReminderService
    end_stranded_runs: Callable[[], Awaitable[None]]
    notify_waiting: Callable[[], Awaitable[None]]
    renderer: Renderer
    personal_data: PersonalData

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the chores while the block runs; one still under way at the end is cancelled and awaited."""
        # Missed chores run once when the process is back: it may have slept across the turn of a month.
        scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )
        chores: dict[Callable[[], Awaitable[None]], int] = {
            self.sweep: SWEEP_S,
            self.executor.resume_orphans: RESUME_S,
            self.replay_overdue: REPLAY_S,
            self.end_stranded_runs: SWEEP_S,
            self.reminders.process_waiting: RESUME_S,
            self.notify_waiting: RESUME_S,
            self.check_alerts: ALERT_S,
            self.announce: ANNOUNCE_S,
            self.check_sums: VERIFY_S,
            self.tidy: TIDY_S,
            self.erase: ERASE_S,
        }
        under_way: set[asyncio.Task[None] | None] = set()
        for chore, seconds in chores.items():
            first = datetime.now(UTC) if chore in (self.executor.resume_orphans, self.announce, self.tidy) else None
            extra = {"next_run_time": first} if first else {}
            name = chore.__name__
            scheduler.add_job(_logged(chore, under_way), "interval", seconds=seconds, id=name, name=name, **extra)
        scheduler.start()
        watching = asyncio.create_task(self._watch_for_steps(scheduler), name="steps of the clock")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.sleep(0)  # due chores have begun then, and end as cancelled ones do
            scheduler.shutdown(wait=False)  # only cancels, cannot wait
            await asyncio.gather(*filter(None, under_way), return_exceptions=True)

    async def _watch_for_steps(self, scheduler: AsyncIOScheduler) -> None:
        """Wake APScheduler when the wall clock was set: it sleeps until a time of day, and would oversleep."""
        apart_s = time.time() - time.monotonic()
        while True:
            await asyncio.sleep(CLOCK_CHECK_S)
            was_s, apart_s = apart_s, time.time() - time.monotonic()
            if abs(apart_s - was_s) > STEP_S:
                log.warning("clock_stepped", by_s=round(apart_s - was_s))
                for job in scheduler.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))

    async def sweep(self) -> None:
        """Settle the open calls of dead owners and end the runs of dead shells."""
        await end_lost_runs(self.engine, owner=self.executor.owner)
        await self.engine.ledger.sweep()

    async def check_sums(self) -> None:
        """Recompute the ledger's sums and log a difference as an error."""
        found = await verify(self.engine.db)
        if not found.ok:
            log.error("ledger_sums_differ", differences=len(found.differences), accounts=found.accounts)

    async def tidy(self) -> None:
        """Delete texts and payloads that are past their retention."""
        now_us, kept = self.engine.clock.now_us(), self.engine.settings.retention
        await self.personal_data.delete_expired(
            texts_us=now_us - kept.texts * DAY_US,
            attachments_us=now_us - kept.attachments * DAY_US,
            ratings_us=now_us - kept.ratings * DAY_US,
        )
        await self.inbox.delete_processed(before_us=now_us - kept.deliveries * DAY_US)
        await self.engine.db.scrub()

    async def erase(self) -> None:
        """Erase what people asked to have forgotten, what a run holds up is tried again; and files nobody needs."""
        await self.engine.files.sweep()
        held_up = await self.personal_data.erase_requested()
        if held_up:
            log.info("erasures_held_up", erasures=len(held_up))

    async def announce(self) -> None:
        """Announce the new month in every channel that spent money in an earlier one, with that month's total."""
        news = OnceOnlyAnnouncements(self.slack, self._chores, by=self.executor.owner)
        for spent in await self._chores.latest_months():
            zone = spent.zone or self.engine.zone
            period = period_key(self.engine.clock.now_us(), zone)
            if period <= spent.period or not self.engine.guard.trusted:
                continue
            key = f"month/{spent.workspace}/{spent.channel}/{period}"
            if await news.unannounced([key]):
                message = await self._announcement(spent, period)
                await news.announce([key], message, workspace=spent.workspace, channels=[spent.channel])

    async def _announcement(self, spent: LatestMonth, period: str) -> SlackMessage:
        payer = Payer.of_channel(spent.workspace, spent.channel)
        months = {row["period"]: row for row in await self.engine.balances.months(payer)}
        last = months.get(spent.period)
        balance = await self.engine.balances.balance(payer)
        was = (
            f"{_month(spent.period)}: {format_usd(last['settled_nusd'])} in {count(last['calls'], 'call')}. "
            if last
            else ""
        )
        limit = format_usd((balance.limit_nusd or 0) + balance.granted_nusd)
        notice = NoticeView(f"{was}{_month(period)} begins with {limit} for this channel.")
        return self.renderer.message(notice)

    @property
    def _chores(self) -> Chores:
        return Chores(self.engine.db, self.engine.clock)


def _month(period: str) -> str:
    return f"{datetime.strptime(period, '%Y-%m').replace(tzinfo=UTC):%B %Y}"


def _logged(
    chore: Callable[[], Awaitable[None]], under_way: set[asyncio.Task[None] | None]
) -> Callable[[], Awaitable[None]]:
    """Wrap a chore so that its failure is logged; the next round tries again."""

    async def run() -> None:
        under_way.add(task := asyncio.current_task())
        try:
            await chore()
        except asyncio.CancelledError:
            # The process is leaving, and APScheduler would log that as an error. The next process runs the chore.
            log.info("chore_cancelled", chore=chore.__name__)
        except Exception:
            log.exception("chore_failed", chore=chore.__name__)
        finally:
            under_way.discard(task)

    return run
