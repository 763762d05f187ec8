"""Budget commands: months, the workspace's accounts and the audit log, each for those who may see it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.budgets.audit import audit_view
from bot.budgets.call_models import month_with_models
from bot.budgets.changes import BudgetChanges
from bot.budgets.chart import alt_text, draw
from bot.budgets.csv_export import month_csv
from bot.commands import budget as said
from bot.commands.budget import BudgetCommand
from bot.commands.origin import Origin
from bot.messages.budget_form import CALLS_SHOWN, DoubtfulCall, budget_form
from bot.messages.budget_views import AuditView, BookLine, BooksView, BudgetView
from bot.messages.month_report import Report, build_report, model_name, month_name
from bot.messages.notice_views import NoticeView
from bot.messages.renderer import Renderer
from bot.messages.run_text import count, moment
from bot.people.access import REFUSALS, Access, AccessError
from bot.people.permissions import Action
from bot.people.profiles import ProfileLookup
from bot.slack.errors import SlackError
from bot.slack.permalinks import permalink
from bot.slack.uploads import Upload, upload
from bot.slack.workspaces import Slack
from patterns.core.errors import UserError
from patterns.core.holds import Payer
from patterns.core.money import format_usd
from patterns.core.ports import Clock
from storage.ledger.balances import Balance, Balances
from storage.ledger.book import payer_key
from storage.ledger.months import Month
from storage.ledger.reports import PayerMonth, Reports
from storage.new_channels import ProvisionalLimit, provisional_limit_of

log = structlog.get_logger()

_NOT_HERE = "I am not in this channel, so nothing was done. Write `/invite @agents` here, then try again."
_BRINGS_MONEY = said.SetAmount | said.Grant | said.Flip | said.ReleaseCalls | said.LiftModel


@dataclass(frozen=True)
class BudgetService:
    """Runs everything after `/agents budget`."""

    reports: Reports
    changes: BudgetChanges
    access: Access
    profiles: ProfileLookup
    balances: Balances
    slack: Slack
    renderer: Renderer
    clock: Clock
    price_note: Callable[[], str]
    budget_raised: Callable[[str, str], Awaitable[None]]
    """Resumes requests that stopped for lack of budget, in a channel or (empty) anywhere in the workspace."""

    async def do(
        self, command: BudgetCommand, origin: Origin, payer: Payer, *, can_post: bool
    ) -> BudgetView | BooksView | AuditView | NoticeView | None:
        """Run a command; return the private reply, None when it was posted in the channel.

        Raises:
            UserError: not allowed or not possible; nothing was changed.
        """
        match command:
            case said.ShowBudget():
                return await self._show(payer, can_post=can_post)
            case said.ShowReport(period=period, csv=csv):
                _check_place(can_post)
                name = f"report/{origin.delivery_key}"
                await self.post(payer, period, name, thread_ts=origin.thread_ts, csv=csv)
                return None
            case said.ShowAudit():
                if not await self._administers(payer):
                    raise AccessError(REFUSALS[Action.SEE_AUDIT])
                return await audit_view(payer, self.reports, self.profiles)
            case said.ShowAll():
                return await self.books(payer)
            case _:
                return await self.apply_changes([command], origin, payer, can_post=can_post)

    async def apply_changes(
        self, commands: Sequence[BudgetCommand], origin: Origin, payer: Payer, *, can_post: bool
    ) -> NoticeView | None:
        """Apply changes one after the other; post them where they concern the channel, return the rest privately."""
        _check_place(can_post)
        for command in commands:
            await self.changes.check(command, payer)
        public: list[str] = []
        private: list[str] = []
        try:
            for command in commands:
                changed = await self.changes.change(command, payer, key=origin.delivery_key)
                log.info("budget_changed", channel=payer.channel, command=type(command).__name__)
                (public if changed.is_public else private).append(changed.sentence)
        finally:
            # Also when a later one failed: what was changed is announced.
            if public:
                private += await self._post_sentences(public, origin, payer)
        if any(isinstance(command, _BRINGS_MONEY) for command in commands):
            await self.budget_raised(payer.workspace, payer.channel if public else "")
        return NoticeView(" ".join(private)) if private else None

    async def form(self, asked: said.EditBudget, payer: Payer, *, response_url: str | None) -> dict[str, Any]:
        """Return the form with everything that can be changed here; raise AccessError for others than its admins."""
        await self.changes.check(asked, payer)
        return budget_form(
            payer,
            await self.reports.settings(payer.workspace, payer_key(payer), payer.channel_kind),
            name=await self.profiles.place_name(payer),
            uncertain=await self._doubtful(payer),
            response_url=response_url,
            asked=asked,
        )

    async def _doubtful(self, payer: Payer) -> list[DoubtfulCall]:
        """Return the uncertain calls of a channel as its admins tell them apart; texts for those who may read there."""
        reads = await self.access.may(
            payer.user, Action.READ_RUN, workspace=payer.workspace, channel=payer.channel, is_own=False
        )
        models = self.changes.models()
        calls = []
        for row in (await self.reports.uncertain(payer.workspace, payer.channel))[:CALLS_SHOWN]:
            who = (await self.profiles.person(row["user_id"], payer.workspace)).name
            model = models[row["model"]].model if row["model"] in models else model_name(row["model"])
            label = f"{moment(row['opened_us'], 'UTC')} · {who[:20]} · {format_usd(row['actual_nusd'])} · {model}"
            calls.append(DoubtfulCall(row["id"], label, " ".join((row["request"] or "").split()) if reads else ""))
        return calls

    async def _post_sentences(self, sentences: list[str], origin: Origin, payer: Payer) -> list[str]:
        """Post sentences in the channel; return those that could not be posted."""
        message = self.renderer.message(NoticeView("\n".join(sentences)))
        try:
            await self.slack.of(payer.workspace).post(
                channel=payer.channel, message=message, thread_ts=origin.thread_ts
            )
        except SlackError as error:
            log.warning("channel_not_notified", channel=payer.channel, code=error.code)
            return [*sentences, "I could not tell the channel."]
        return []

    # ------------------------------------------------------------ months

    async def post(
        self, payer: Payer, period: str, name: str, *, thread_ts: str | None = None, csv: bool = False
    ) -> None:
        """Post a month's report in the channel, with its chart, in its own thread or the one asked in.

        The same `name` again finds the posted message and attaches what it lacks.
        """
        month, report = await self._report(payer, period, deep=True)
        attached = "The picture and the numbers are in the thread" if csv else "The picture is in the thread"
        view = BudgetView(report, price_note=self.price_note(), attached=attached)
        out = self.slack.of(payer.workspace)
        message = self.renderer.message(view)
        ts = await out.post_once(name, "report", channel=payer.channel, message=message, thread_ts=thread_ts)
        picture = await asyncio.to_thread(draw, report)
        files = [Upload(f"budget-{report.period}.png", f"{report.name}, {report.month}", picture, alt_text(report))]
        if csv:
            numbers = month_csv(month.spent, report.period).encode()
            files.append(Upload(f"budget-{report.period}.csv", f"{report.name}, {report.month}, as CSV", numbers))
        try:
            await upload(out, files, channel=payer.channel, thread_ts=thread_ts or ts)
        except SlackError as error:
            log.warning("report_files_not_uploaded", channel=payer.channel, code=error.code)
            notice = self.renderer.message(NoticeView(f"I could not attach the files. {error}", tone="warning"))
            await out.post(channel=payer.channel, message=notice, thread_ts=thread_ts or ts)

    async def _show(self, payer: Payer, *, can_post: bool) -> BudgetView:
        month, report = await self._report(payer, "", deep=False)
        administers = await self._administers(payer)
        balance = await self.balances.balance(payer)
        names = [(part.name, (await self.profiles.person(part.name, payer.workspace)).name) for part in report.people]
        return BudgetView(
            report,
            own_nusd=sum(one.nusd for one in month.spent if one.user == payer.user),
            names=tuple(names) if administers and payer.channel_kind == "channel" else (),
            can_change=administers,
            can_post=can_post and payer.channel_kind == "channel",
            price_note=self.price_note(),
            warning=_warning(balance),
        )

    async def _report(self, payer: Payer, period: str, *, deep: bool) -> tuple[Month, Report]:
        balance = await self.balances.balance(payer)
        wanted = period or balance.period
        if wanted > balance.period:
            raise UserError(f"{month_name(wanted)} has not begun here. The current month is {balance.period}.")
        names = {name: spec.model for name, spec in self.changes.models().items()}
        month = await month_with_models(self.reports, payer, wanted, names, deep=deep)
        settings = await self.reports.settings(payer.workspace, payer_key(payer), payer.channel_kind)
        if wanted == balance.period:
            limit_nusd = (balance.limit_nusd or 0) + balance.granted_nusd
        elif month.spent:
            limit_nusd = settings.limit_nusd if month.limit_nusd is None else month.limit_nusd
        else:
            known = ", ".join(row["period"] for row in month.history) or "no month yet"
            raise UserError(f"Nothing was spent here in {month_name(wanted)}. There are figures of: {known}.")
        report = build_report(
            month,
            name=await self.profiles.place_name(payer),
            channel=payer.channel,
            limit_nusd=limit_nusd,
            zone=settings.zone,
            now_us=self.clock.now_us(),
            links=await self._links(payer, month),
            play_money=self.profiles.is_play_money,
        )
        return month, report

    async def _links(self, payer: Payer, month: Month) -> dict[str, str]:
        out = self.slack.of(payer.workspace)
        roots = {run["run_id"]: run["root_ts"] or run["thread_ts"] for run in month.dearest}
        return {run: await permalink(out, channel=payer.channel, ts=ts) for run, ts in roots.items()}

    # ------------------------------------------------------------ the workspace

    async def books(self, payer: Payer) -> BooksView:
        """Return every account of the workspace, for its admins only: private channels are among them.

        Raises:
            AccessError: not a workspace admin.
        """
        if not await self.access.may_in_workspace(payer.user, Action.SEE_BOOKS, workspace=payer.workspace):
            raise AccessError(REFUSALS[Action.SEE_BOOKS])
        books = await self.reports.workspace_summary(payer.workspace)
        doubtful = await self.reports.uncertain(payer.workspace)
        out_of_use = await self.balances.quarantined(payer.workspace)
        shown = [line for line in books.payers if line.settled_nusd or line.held_nusd or _opening(line)]
        lines = [await self._book_line(payer, line) for line in shown]
        alarms = [
            f"{row['model']} is out of use: {row['reason']}. `/agents budget lift {row['model']} 150` puts it back."
            for row in out_of_use
        ]
        if doubtful:
            total = format_usd(sum(row["actual_nusd"] for row in doubtful))
            alarms.append(f"{count(len(doubtful), 'call')} counted in full without a bill, {total} in all")
        if books.paused:
            alarms.insert(0, f"The whole workspace is paused: {books.paused_reason}")
        total_line = BookLine("The workspace", books.limit_nusd, books.settled_nusd, books.held_nusd)
        return BooksView(
            month=month_name(books.period),
            total=total_line,
            lines=tuple(sorted(lines, key=lambda line: (-line.share_pct, line.name))),
            default_channel_nusd=books.default_channel_nusd,
            dm_user_nusd=books.dm_user_nusd,
            price_note=self.price_note(),
            alarms=tuple(alarms),
        )

    async def home(self, workspace: str, user: str) -> BooksView | None:
        """Return the accounts for the home tab; None for others than admins."""
        try:
            return await self.books(Payer(workspace, "", "dm", user))
        except AccessError:
            return None

    async def _book_line(self, payer: Payer, line: PayerMonth) -> BookLine:
        settings = line.settings
        if settings.kind == "dm":
            name = f"direct messages of {(await self.profiles.person(settings.id, payer.workspace)).name}"
        else:
            name = await self.profiles.place_name(Payer.of_channel(payer.workspace, settings.id))
        opening = _opening(line)
        note = {"trial": "on trial", "off": "not enabled yet"}[opening.state] if opening else ""
        note = f"🚫 frozen: {settings.frozen_reason}" if settings.frozen else note
        channel = "" if settings.kind == "dm" else settings.id
        return BookLine(name, line.limit_nusd, line.settled_nusd, line.held_nusd, note, channel, bool(opening))

    async def _administers(self, payer: Payer) -> bool:
        return await self.access.may_administer(payer.user, workspace=payer.workspace, channel=payer.channel)


def _opening(line: PayerMonth) -> ProvisionalLimit | None:
    return provisional_limit_of(line.settings.settings, line.settings.own_limit_nusd)


def _check_place(can_post: bool) -> None:  # noqa: FBT001 - private, and read at the call
    if not can_post:
        raise UserError(_NOT_HERE)


def _warning(balance: Balance) -> str:
    """Return why nothing starts in a channel now, in a sentence; empty where something can."""
    if balance.blocked is None:
        return ""
    why = f" ({balance.blocked_reason})" if balance.blocked_reason else ""
    return f"Nothing starts here: {balance.blocked.clause()}{why}. {balance.blocked.advice()}"
