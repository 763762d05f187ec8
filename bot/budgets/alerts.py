"""Budget alerts: each sent once, to those it concerns, by the process that first notices it.

A chore reads the ledger, so no alert is lost in a crash and no run waits for one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.budgets.service import BudgetService
from bot.budgets.unusual_days import LEAST_NUSD, WEEK_DAYS, WEEKS, day_begins_us, unusual_day
from bot.messages.month_report import US_PER_DAY
from bot.messages.notice_views import NoticeView
from bot.messages.renderer import Renderer
from bot.people.channel_rules import RulesStore
from bot.people.profiles import ProfileLookup
from bot.slack.announcements import OnceOnlyAnnouncements
from patterns.core.holds import Payer
from patterns.core.money import format_left, format_usd
from patterns.core.ports import Clock
from patterns.core.reasons import Reason
from storage.database.statements import Row
from storage.ledger.reports import PayerMonth, Reports

IN_CHANNEL_PCT = frozenset({80, 100})
"""Thresholds announced in the channel; the others are sent to the owners of the budget."""
ALARM_DAYS = 7
"""Days after which an alarm is too old to send."""
DIGEST_HOUR = 9


@dataclass(frozen=True)
class Alerts:
    """Looks for due alerts and sends them."""

    budget_service: BudgetService
    reports: Reports
    profiles: ProfileLookup
    renderer: Renderer
    clock: Clock
    announcements: OnceOnlyAnnouncements
    rules: RulesStore

    async def check(self) -> None:
        """Send what is due in every workspace; nothing of play money, about which nobody has to do anything."""
        if self.profiles.is_play_money:
            return
        for workspace in await self.reports.workspaces():
            books = await self.reports.workspace_summary(workspace)
            for line in books.payers:
                await self._thresholds(workspace, line)
                await self._digest(workspace, line)
                await self._unusual_day(workspace, line)
            await self._alarms(workspace)
            await self._uncertain(workspace)

    async def _thresholds(self, workspace: str, line: PayerMonth) -> None:
        payer = line.settings
        passed = [
            pct
            for pct in sorted({*payer.alerts_pct, 100})
            if line.settled_nusd and line.settled_nusd * 100 >= line.limit_nusd * pct
        ]
        keys = await self.announcements.unannounced(
            [f"alert/{workspace}/{payer.id}/{line.period}/{pct}" for pct in passed]
        )
        if not keys:
            return
        # Two thresholds passed at once are one alert, for the higher.
        pct = int(keys[-1].rpartition("/")[2])
        left = format_left(line.limit_nusd, line.settled_nusd, line.held_nusd)
        place = await self._name(workspace, line)
        said = f"{format_usd(line.settled_nusd)} of {format_usd(line.limit_nusd)} are spent in {place}"
        more = (
            " Nothing more starts here until somebody grants more or the month turns."
            if pct >= 100  # noqa: PLR2004 - per cent
            else f" {left} are left for this month."
        )
        text = f"{pct} % of this month's budget: {said}.{more}"
        where = [payer.id] if payer.kind == "channel" else []
        if payer.kind == "dm":
            users = [payer.id]
        else:
            users = [] if pct in IN_CHANNEL_PCT else await self._responsible(workspace, payer.id)
        await self._tell(workspace, text, channels=where if pct in IN_CHANNEL_PCT else [], users=users, keys=keys)

    async def _digest(self, workspace: str, line: PayerMonth) -> None:
        payer = line.settings
        local = datetime.fromtimestamp(self.clock.now_us() / 1_000_000, UTC).astimezone(ZoneInfo(payer.zone))
        if not payer.settings.get("digest") or local.weekday() or local.hour < DIGEST_HOUR:
            return
        key = f"digest/{workspace}/{payer.id}/{local:%G-W%V}"
        if await self.announcements.unannounced([key]):
            await self.announcements.once(
                [key], lambda name: self.budget_service.post(Payer.of_channel(workspace, payer.id), "", name)
            )

    async def _unusual_day(self, workspace: str, line: PayerMonth) -> None:
        """Tell who answers for a channel's budget when a day costs what a week usually does; never of play money."""
        payer, now_us = line.settings, self.clock.now_us()
        if payer.kind != "channel" or line.settled_nusd < LEAST_NUSD or self.profiles.is_play_money:
            return
        since_us = day_begins_us(now_us, payer.zone, days_ago=WEEKS * WEEK_DAYS)
        spent = await self.reports.spent_since(workspace, payer.id, since_us=since_us, zone=payer.zone)
        found = unusual_day(spent, now_us=now_us, zone=payer.zone)
        if found is None:
            return
        key = f"unusual-day/{workspace}/{payer.id}/{found.day}"
        if await self.announcements.unannounced([key]):
            place = await self._name(workspace, line)
            text = (
                f"{place} spent {format_usd(found.spent_nusd)} today: as much as in a usual week, "
                f"{format_usd(found.usual_week_nusd)}. `/agents budget` there shows where it went."
            )
            await self._tell(workspace, text, users=await self._responsible(workspace, payer.id), keys=[key])

    async def _alarms(self, workspace: str) -> None:
        since_us = self.clock.now_us() - ALARM_DAYS * US_PER_DAY
        for row in await self.reports.needs_attention(workspace, since_us=since_us):
            key = f"alarm/{row['id']}"
            if not await self.announcements.unannounced([key]):
                continue
            if row["action"] == "freeze":
                channel = str(row["account"]).split("/")[-2]
                what = f"I froze the budget of {await self._place(workspace, channel)}: {row['reason']}."
                way = "Look at `/agents budget`, then `/agents budget unfreeze` there."
            elif row["action"] == "settle_released":
                channel = row["channel"]
                what = f"A bill came late in {await self._place(workspace, channel)}: {row['reason']}."
                way = "It counts in full now. Look at `/agents budget` there."
            else:
                channel = ""
                what = f"I took {row['account']} out of use: {row['reason']}."
                way = (
                    f"If the bill is right, `/agents budget lift {row['account']} 150` puts it back into use, and "
                    "150 % of our estimate is held for each call."
                )
            await self._tell(workspace, f"{what} {way}", users=await self._responsible(workspace, channel), keys=[key])

    async def _uncertain(self, workspace: str) -> None:
        # A stop by a person is not an alarm.
        rows = [row for row in await self.reports.uncertain(workspace) if row["reason"] != Reason.STOPPED]
        unannounced = set(await self.announcements.unannounced([_uncertain_key(row) for row in rows]))
        by_channel: dict[str, list[Row]] = {}
        for row in rows:
            if _uncertain_key(row) in unannounced:
                by_channel.setdefault(row["channel"], []).append(row)
        for channel, calls in by_channel.items():
            count, counts = ("1 call", "counts") if len(calls) == 1 else (f"{len(calls)} calls", "count")
            text = (
                f"{count} in {await self._place(workspace, channel)} ended without a bill and {counts} in full: "
                f"{format_usd(sum(row['actual_nusd'] for row in calls))}."
                " `/agents budget` there lists them; release what was never billed."
            )
            keys = [_uncertain_key(row) for row in calls]
            await self._tell(workspace, text, users=await self._responsible(workspace, channel), keys=keys)

    async def _responsible(self, workspace: str, channel: str) -> list[str]:
        """Return the owners of the channel's budget, and the admins besides Slack's own."""
        rules = await self.rules.rules(workspace=workspace, channel=channel)
        return await self.profiles.responsible(rules, workspace)

    async def _tell(
        self, workspace: str, text: str, *, keys: list[str], channels: Collection[str] = (), users: Collection[str] = ()
    ) -> None:
        message = self.renderer.message(NoticeView(text, tone="warning"))
        await self.announcements.announce(keys, message, workspace=workspace, channels=channels, users=users)

    async def _name(self, workspace: str, line: PayerMonth) -> str:
        if line.settings.kind == "dm":
            return "your direct messages"
        return await self._place(workspace, line.settings.id)

    async def _place(self, workspace: str, channel: str) -> str:
        kind = "dm" if channel.startswith(("D", "U", "W")) else "channel"
        if kind == "dm":
            return "somebody's direct messages"
        return await self.profiles.place_name(Payer.of_channel(workspace, channel))


def _uncertain_key(row: Row) -> str:
    return f"uncertain/{row['id']}"
