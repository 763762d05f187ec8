"""Build one person's home tab: their own runs, and of channels only what they can read in Slack."""

from dataclasses import dataclass, replace

import structlog

from bot.budgets.service import BudgetService
from bot.messages.home_views import AdminView, HomeView, OwnMonth, WaitingLine
from bot.messages.month_report import US_PER_DAY, days_of, month_name, previous_period
from bot.messages.price_text import NO_PRICE, price_words
from bot.messages.views import BalanceView
from bot.people.permissions import Action
from bot.people.profiles import ProfileLookup
from bot.people.readers import ConversationMembership
from bot.runs.engine import Engine
from bot.slack.errors import SlackError
from bot.threads.admin_checklist import AdminChecklist
from bot.threads.presenter import SlackThreadPresenter
from bot.threads.run_service import RECENT, RunService
from patterns.core.errors import AgentsError
from patterns.core.holds import Payer
from patterns.core.money import format_usd
from patterns.core.questions import Question
from storage.ledger.balances import Balance
from storage.ledger.book import payer_key
from storage.ledger.periods import period_end_us
from storage.ledger.reports import Reports
from storage.preferences import Preferences
from storage.questions import StoredQuestion
from storage.run_rows import RunRow

log = structlog.get_logger()

_PARKED_US = 92 * US_PER_DAY
"""How long before the month a request may be made whose calls are in its chart: few wait for people longer."""
_WHAT = {
    "confirm": "A price to accept: {price}.",
    "approve": "A draft to decide on.",
    "feedback": "A draft you can comment on; without a reply the work continues.",
    "tool": "A tool that may act only if you approve: {title}.",
    "outcome": "Nobody knows whether {title} was done.",
    "money": "Out of budget: {amount} more would finish it.",
}


@dataclass(frozen=True, slots=True)
class HomeService:
    """The port `Home` of the listeners."""

    engine: Engine
    runs: RunService
    presenter: SlackThreadPresenter
    profiles: ProfileLookup
    budget_service: BudgetService
    readers: ConversationMembership
    reports: Reports
    preferences: Preferences
    checklist: AdminChecklist
    note: str

    async def view(self, payer: Payer) -> HomeView:
        """Return the home view of one person; `payer` is their direct messages with us."""
        own = await self.runs.balance(payer, with_workspace=await self._sees_workspace(payer))
        month = await self.engine.balances.balance(payer)
        channels = [await self._channel(one) for one in await self._channels(payer)]
        return HomeView(
            runs=await self.runs.recent(workspace=payer.workspace, user=payer.user, channel=""),
            waiting=tuple([await self._line(run, asked) for run, asked in await self._waiting(payer)]),
            month=await self._month(payer, month),
            balances=replace(own, balances=(*own.balances, *channels)),
            is_mentioned=await self.preferences.is_mentioned(payer.workspace, payer.user),
            admin=await self._admin(payer),
            note=self.note,
        )

    async def _month(self, payer: Payer, month: Balance) -> OwnMonth:
        """Return the person's own month, in the zone of their direct messages."""
        where, balances = (payer.workspace, payer.user, month.period), self.engine.balances
        zone = (await self.reports.settings(payer.workspace, payer_key(payer), "dm")).zone
        begins_us = period_end_us(previous_period(month.period), zone)
        spent = await balances.spent_when(*where, since_us=begins_us - _PARKED_US)
        return OwnMonth(
            name=month_name(month.period).split(" ")[0],
            spent_nusd=await balances.spent_by(*where),
            days=days_of(spent, month.period, zone, now_us=self.engine.clock.now_us()),
        )

    async def _admin(self, payer: Payer) -> AdminView | None:
        books = await self.budget_service.home(payer.workspace, payer.user)
        if books is None:
            return None
        return AdminView(books, await self.checklist.checks(payer.workspace))

    async def _sees_workspace(self, payer: Payer) -> bool:
        return await self.runs.access.may_in_workspace(payer.user, Action.SEE_WORKSPACE, workspace=payer.workspace)

    async def _channels(self, payer: Payer) -> list[RunRow]:
        """Return the person's latest run in each channel that they can still read."""
        recent = await self.engine.store.recent(payer.workspace, payer.user, most=RECENT)
        latest = {run.channel: run for run in reversed(recent) if run.channel_kind == "channel"}
        return [run for run in latest.values() if await self._may_read(payer, run.channel)]

    async def _may_read(self, payer: Payer, channel: str) -> bool:
        try:
            return not await self.readers.refusal(payer.user, channel, workspace=payer.workspace)
        except (AgentsError, SlackError) as error:
            log.info("home_channel_not_read", channel=channel, error=str(error))
            return False

    async def _channel(self, run: RunRow) -> BalanceView:
        return await self.profiles.balance(run.payer)

    async def _waiting(self, payer: Payer) -> list[tuple[RunRow, StoredQuestion]]:
        """Return the undecided questions of this person: as asker, or as a named approver."""
        found = []
        for asked in await self.engine.questions.undecided():
            run = await self.engine.store.get(asked.run_id)
            if run is None or run.workspace != payer.workspace:
                continue
            if payer.user == run.user or await self._decides(payer.user, run, asked.question):
                found.append((run, asked))
        return found[:RECENT]

    async def _decides(self, user: str, run: RunRow, question: Question) -> bool:
        """Return whether a question waits for somebody although they did not ask."""
        if user in question.approvers:
            return True
        rules = await self.presenter.rules.rules(workspace=run.workspace, channel=run.channel)
        return question.approve_by == "owner" and user in rules.owners

    async def _line(self, run: RunRow, asked: StoredQuestion) -> WaitingLine:
        return WaitingLine(
            request=await self.engine.store.text(run.id, "request") or "(deleted)",
            what=await self._words(run, asked.question),
            link=await self.presenter.link(run, f"ask/{asked.path}"),
            dry=run.is_dry,
        )

    async def _words(self, run: RunRow, question: Question) -> str:
        price = await self.engine.price_of(run) if question.kind == "confirm" else None
        return _WHAT.get(question.kind, "A decision.").format(
            amount=format_usd(question.amount_nusd),
            price=price_words(price) if price else NO_PRICE,
            title=question.title,
        )
