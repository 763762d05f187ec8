"""Runs as people use them in Slack: open, stop, inspect, rate. `bot.runs.executor` executes them."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from bot.budgets.new_channels import ChannelOpenings
from bot.commands.commands import Ask
from bot.commands.origin import AttachmentRefs, Origin, message_key
from bot.messages.card_views import Needs
from bot.messages.list_views import BalancesView, FlowLine, RunLine, RunsView
from bot.messages.notice_views import NoticeView
from bot.messages.price_text import estimate_words
from bot.messages.views import DetailsView, RunState
from bot.people.access import Access
from bot.people.profiles import ProfileLookup
from bot.runs.budget_gate import InsufficientBudgetError, require_budget
from bot.runs.catalog import priced_flows
from bot.runs.engine import Engine
from bot.runs.executor import Executor
from bot.runs.outcome import RunOutcome
from bot.runs.request import RepeatedRequest, RunRequest, StopOutcome
from bot.slack.notifier import SlackNotifier
from bot.threads.edits import ROOT
from bot.threads.opening_card import OpeningCards
from bot.threads.presenter import SlackThreadPresenter
from bot.threads.queue_places import QueuePlaces
from bot.threads.readable_runs import ReadableRuns
from bot.threads.run_views import RunViews
from patterns.core.errors import RosterError, UserError
from patterns.core.holds import Payer
from patterns.flow import Plan
from storage.personal_data import PersonalData
from storage.queue_bounds import QueueFullError
from storage.run_rows import Lane, NewRun, RunRow
from storage.threads import Threads

log = structlog.get_logger()

NOT_RUNNING = "Nothing of yours is running here."
RECENT = 10
FEEDBACK_VALUES = frozenset({"up", "down"})
LOOKED_AT = 200
"""Latest requests of a person among which those of one channel are looked for."""


@dataclass
class RunService:
    """The port `Runs` of the listeners."""

    engine: Engine
    presenter: SlackThreadPresenter
    access: Access
    notifier: SlackNotifier
    executor: Executor[SlackThreadPresenter]
    threads: Threads
    profiles: ProfileLookup
    views: RunViews
    personal_data: PersonalData
    readable: ReadableRuns
    openings: ChannelOpenings
    opening_cards: OpeningCards
    places: QueuePlaces

    # ------------------------------------------------------------ accepting

    async def open(self, request: RunRequest) -> None:
        """Store the run and submit it, or tell the person why not. The same idempotency key again changes nothing."""
        if self.engine.choice is not None and self.engine.choice.script is not None:
            self.engine.choice.script.check(request.text, flow=request.flow, agents=request.agents)
        payer = request.payer
        await self.openings.see(payer)
        try:
            plan = await self.engine.quote(payer, request.text, request.choice)
        except RosterError as error:  # a model without a price: only an admin can give it one
            key = "" if request.forced_here or request.again_of else request.origin.delivery_key
            notice = NoticeView(f"Not started, nothing spent. {error}", tone="warning", key=key)
            await self.notifier.private(request.origin, notice)
            return
        try:
            await require_budget(self.engine.balances, payer, plan.needed_nusd)
        except InsufficientBudgetError as error:
            may_queue = await self.engine.balances.is_only_held(payer, error.needed_nusd)
            if not (may_queue and request.may_queue):
                await self._refuse(request, error, plan, may_queue=may_queue)
                return
        try:
            run_id, is_new = await self.engine.store.accept(self._new(request), self.engine.settings.queue)
        except QueueFullError as error:
            await self.places.refuse(request, error)
            return
        if is_new:
            log.info("run_accepted", run=run_id, channel=request.origin.channel, flow=request.flow or "")
        elif request.again_of:
            raise UserError("That was asked again already; the thread has the new answer, or will.")
        await self.executor.submit(run_id, Lane(payer.workspace, payer.channel, payer.user))
        if is_new:
            await self.places.tell(run_id, request.origin)

    async def _refuse(
        self, request: RunRequest, error: InsufficientBudgetError, plan: Plan, *, may_queue: bool
    ) -> None:
        payer = request.payer
        # A request that its person moved to another place is kept for the first one only.
        key = "" if request.forced_here or request.again_of else request.origin.delivery_key
        refusal = await self.profiles.refusal(
            payer,
            error.balance,
            needs=Needs(plan.price, plan.needed_nusd),
            instead=await self.engine.quote_flow(payer, self.engine.roster.router.default),
            queue_key=key if may_queue else "",
            key=key,
            run_id=request.again_of,
            with_workspace=request.sees_workspace,
        )
        await self.notifier.private(request.origin, refusal)
        await self.opening_cards.show(payer, error.balance)

    def _new(self, request: RunRequest) -> NewRun:
        roster, origin = self.engine.roster, request.origin
        return NewRun(
            workspace=origin.workspace,
            channel=origin.channel,
            channel_kind=request.kind,
            thread_ts=origin.thread_ts or origin.message_ts or "",
            user=origin.user,
            kind="slack",
            request=request.text,
            flow=request.flow or "",
            options=request.options,
            roster_hash=roster.hash,
            roster_json=roster.snapshot(),
            delivery_key=request.key,
            needs_code=roster.needs_code,
        )

    # ------------------------------------------------------------ what people do

    async def stop(self, origin: Origin, *, run_id: str | None) -> StopOutcome:
        """Stop the named run, else those of the thread, else this person's in the channel; check permission.

        Raises:
            UserError: no single run that is theirs to see and not over is named like that.
        """
        stopped, refused, have_begun = [], 0, False
        for run in await self._meant(origin, run_id):
            if await self._may_stop(run, origin.user):
                await self.executor.stop(run, by=origin.user)
                stopped.append(run.id)
                have_begun = have_begun or not run.is_queued
            elif run_id and not await self.readable.may_read(run, origin):
                raise UserError(NOT_RUNNING)
            else:
                refused += 1
        if stopped:
            count = "it" if len(stopped) == 1 else f"{len(stopped)} requests"
            if not have_begun:
                return StopOutcome(tuple(stopped), f"Stopped {count} before I began. Nothing was spent.")
            return StopOutcome(tuple(stopped), f"Stopping {count}. The thread will say what was done and paid.")
        if refused:
            return StopOutcome((), "Only the person who asked and admins can stop that.")
        return StopOutcome((), NOT_RUNNING)

    async def _meant(self, origin: Origin, run_id: str | None) -> list[RunRow]:
        if run_id:
            run = await self.readable.named(run_id, origin, unknown=NOT_RUNNING)
            if run.status == "done":
                raise UserError(NOT_RUNNING)
            return [run]
        live = await self.engine.store.unfinished(origin.workspace, origin.channel)
        if origin.thread_ts:
            return [run for run in live if run.thread_ts == origin.thread_ts]
        return [run for run in live if run.user == origin.user]

    async def _may_stop(self, run: RunRow, user: str) -> bool:
        return await self.access.may_stop(user, asker=run.user, workspace=run.workspace, channel=run.channel)

    async def message_deleted(self, origin: Origin, message_ts: str) -> None:
        """Stop the run that this deleted message asked for, deliver nothing of it, and have its words forgotten."""
        store, place = self.engine.store, (origin.workspace, origin.channel, message_ts)
        owed = [run for id_ in await store.undelivered_ids() if (run := await store.get(id_)) is not None]
        found = [*await store.unfinished(origin.workspace, origin.channel), *owed]
        meant = [run for run in found if (run.workspace, run.channel, run.options.get("message_ts")) == place]
        for run in meant:
            await self.presenter.withdraw(run)
        key = message_key(origin.workspace, origin.channel, message_ts)
        if await self.threads.run_of_delivery(origin.workspace, key) is not None:
            where = {"workspace": origin.workspace, "channel": origin.channel}
            await self.personal_data.request_message_erasure(**where, ts=message_ts)
        for run in meant:
            if run.status != "done":
                await self.executor.stop(run, by=run.user)

    async def stop_reaction(self, origin: Origin) -> None:
        """Stop the run that this message shows or asked for, if the person may; else it is only a reaction."""
        for run in await self.engine.store.unfinished(origin.workspace, origin.channel):
            is_meant = origin.message_ts == run.options.get("message_ts") or await self.presenter.is_message_of(
                run, origin.message_ts or ""
            )
            if is_meant and await self._may_stop(run, origin.user):
                await self.executor.stop(run, by=origin.user)

    async def feedback(self, run_id: str, by: Origin, *, value: str) -> None:
        """Store a person's rating, `up` or `down`, of an answer that they may read."""
        if value not in FEEDBACK_VALUES:
            raise UserError("I only take whether an answer helped or not.")
        run = await self.readable.find(run_id, by, reads=False)
        await self.engine.store.record_feedback(run.id, user=by.user, value=value)

    # ------------------------------------------------------------ what people look at

    async def asked(self, run_id: str, by: Origin) -> Ask:
        """Return the request and flow of a run this person may see."""
        run = await self.readable.find(run_id, by)
        request = await self.engine.store.text(run.id, "request")
        if request is None:
            raise UserError("The text of that request has been deleted. Please write it again.")
        return Ask(request, run.flow or None, dry=run.is_dry)

    async def repeated(self, run_id: str, by: Origin) -> RepeatedRequest:
        """Return the request of a finished run this person may see, to be asked again where it stands.

        Raises:
            UserError: it is still open, or its text is gone.
        """
        ask = await self.asked(run_id, by)
        run = await self.readable.find(run_id, by, reads=False)
        if run.status != "done":
            raise UserError("That request is still open. Its thread says what it waits for.")
        origin = Origin(
            delivery_key=run.options.get("delivery_key") or run.id,
            workspace=run.workspace,
            channel=run.channel,
            user=by.user,
            thread_ts=run.thread_ts or None,
            message_ts=run.options.get("message_ts"),
            response_url=by.response_url,
            trigger_id=by.trigger_id,
            attached=AttachmentRefs(**run.options.get("attached", {})),
            is_claimed=True,
        )
        ask = replace(ask, flow=run.options.get("flow"), agents=tuple(run.options.get("agents", ())))
        return RepeatedRequest(ask, origin, run.id, await self.presenter.outbox.find(run.id, ROOT) or "")

    async def details(self, run_id: str, by: Origin) -> DetailsView:
        """Return models, tokens and steps of a run this person may see."""
        run = await self.readable.find(run_id, by)
        return await self.views.details(run)

    async def balance(self, payer: Payer, *, with_workspace: bool) -> BalancesView:
        """Return what is left in the accounts this person may see here."""
        await self.openings.see(payer)
        return await self.profiles.all(payer, with_workspace=with_workspace)

    async def recent(self, *, workspace: str, user: str, channel: str) -> RunsView:
        """Return this person's latest runs. An empty `channel` means everywhere."""
        runs = await self.engine.store.recent(workspace, user, most=RECENT if not channel else LOOKED_AT)
        shown = [run for run in runs if channel in ("", run.channel)][:RECENT]
        return RunsView(tuple(await asyncio.gather(*map(self._line, shown))))

    async def estimate(self, request: RunRequest) -> NoticeView:
        """Return a request's price in a sentence. Nothing is started or held."""
        return NoticeView(estimate_words(await self.engine.quote(request.payer, request.text, request.choice)))

    async def flows(self, payer: Payer) -> tuple[FlowLine, ...]:
        """Return the flows with what each costs there."""
        return await priced_flows(self.engine, payer)

    async def _line(self, run: RunRow) -> RunLine:
        state = {"accepted": RunState.QUEUED, "running": RunState.RUNNING, "parked": RunState.WAITING}.get(run.status)
        kept = await self.engine.store.text(run.id, "result") if state is None else None
        if state is None:
            state = RunOutcome.model_validate_json(kept).state if kept else RunState.DONE
        created = datetime.fromtimestamp(run.created_us / 1_000_000, UTC)
        return RunLine(
            run_id=run.id,
            request=await self.engine.store.text(run.id, "request") or "(deleted)",
            state=state,
            cost_nusd=run.cost_nusd if run.status == "done" else await self._spent_nusd(run),
            when=f"{created.day} {created:%b %H:%M} UTC",
            link=await self.presenter.link(run),
            dry=run.is_dry,
        )

    async def _spent_nusd(self, run: RunRow) -> int:
        """Return what a run that is not over has cost so far; its row says so only at its end."""
        return sum(row["cost_nusd"] for row in await self.engine.store.cost_by_model(run.id))
