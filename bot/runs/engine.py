"""Carry out one owned run: context, services, plan, price question, patterns. The same for Slack and the terminal."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from bot.runs.budget_gate import BudgetGate, is_refusal, refusal_path
from bot.runs.context import context_of, follows_dry_run, payer_context
from bot.runs.engine_parts import EngineParts, Equipment, NullEventSink
from bot.runs.first_look import look
from bot.runs.model_allowlist import restricted
from bot.runs.model_selection import TINY_WITHOUT_TOOLS
from bot.runs.resources import brings_private, check_came
from bot.runs.run_setup import Setup, keep_setup
from bot.runs.told_price import PRICE_PATH, estimate_in
from patterns.core.context import TaskContext
from patterns.core.errors import DriftError, RosterError, UserError
from patterns.core.events import Noted, PatternResult, StopReason
from patterns.core.holds import Fence, Payer
from patterns.core.ports import EventSink
from patterns.core.questions import Question
from patterns.core.quotes import PriceEstimate
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.estimate import estimate
from patterns.flow import PLAN, Choice, Plan, explicit_decision, plan_of, resolve, run_flow
from patterns.router import ROUTE, RouteDecision
from patterns.services import Services
from patterns.tools.able import can_work, workable
from patterns.tools.approvals import PRIVATE
from patterns.tools.dry_run import OVER, noted
from patterns.tools.sources import with_known_links
from patterns.trees import flow_tree
from storage.channels import ChannelSettings
from storage.execution.session import RunSession
from storage.execution.texts import RunTexts
from storage.history import History
from storage.ledger.balances import Balance
from storage.run_rows import DRY, RESOURCES, RunRow

CONFIRM_PATH = "confirm"
"""Path under which journal and questions keep whether a person accepted the price."""


class Engine(EngineParts):
    """Carries out runs and prices them."""

    async def execute(
        self, session: RunSession, run: RunRow, events: EventSink, *, may_stream: bool = False
    ) -> PatternResult:
        """Admit, plan, confirm, run and settle a run of this process, `run` with its place in Slack; return its result.

        Raises:
            InsufficientBudgetError: the channel cannot pay for the plan.
            ParkedError, RunLostError, CancelledRunError: the run waits, has another owner, or was stopped.
        """
        try:
            gate = BudgetGate(self.balances, session, self.clock, session.asked)
            is_planned = await session.find(run.id, PLAN) is not None
            # Asked together, they are one trip to the database.
            seen, equipped = await asyncio.gather(
                look(self.db, self.store, self.clock, self.balances, run, is_planned=is_planned), self.equipped(run)
            )
            check_came(run, seen.texts)
            ctx, services, setup = await self._open(session, run, seen.texts, events, equipped, may_stream=may_stream)
            admitted = None if is_planned else await self._admit(run, ctx, services, gate, seen.balances)
            await keep_setup(services, session.steps, setup)
            usual = partial(self.usual, services, known_nusd=seen.usual_nusd)
            plan = checked(services, await resolve(ctx, services, choice_of(run), usual=usual, estimated=admitted))
            confirmed = await self.confirm(run, ctx, services, plan)
            if isinstance(confirmed, PatternResult):
                return confirmed
            plan = confirmed
            session.choose_flow(plan.title, worst_nusd=plan.told.worst_nusd)
            # What was admitted just now, with nothing paid since, need not be looked at again.
            is_admitted = admitted is not None and plan.pattern is admitted.pattern
            if not is_admitted and not any(map(_is_work, session.steps)):
                await gate.admit(run, plan.needed_nusd)
            given_up = await gate.given_up(run)
            if given_up is not None:
                return given_up
            result = await run_flow(ctx, services, plan)
            result = result.model_copy(update={"output": with_known_links(result.output, ctx, session.steps)})
            result = noted(result, dry=run.is_dry)
            await self._keep_refusal(session, services, result)
            return await gate.settle(run, result, quote_nusd=plan.needed_nusd)
        except (UserError, DriftError, RosterError) as error:
            return PatternResult(output="", stop_reason=StopReason.FAILED, notes=(str(error),))
        finally:
            await session.flush()

    async def _keep_refusal(self, session: RunSession, services: Services, result: PatternResult) -> None:
        """Journal which monthly account refused, for the sentence about how the run ended."""
        refusal = result.refusal
        if result.stop_reason is StopReason.BUDGET and refusal is not None and refusal.is_monthly:
            number = 1 + sum(is_refusal(step) for step in session.steps)
            why = {"kind": refusal.kind, "blocked": refusal.blocked or ""}
            await services.record_decision(refusal_path(number), why)

    async def _open(
        self,
        session: RunSession,
        run: RunRow,
        texts: RunTexts,
        events: EventSink,
        equipped: Equipment,
        *,
        may_stream: bool,
    ) -> tuple[TaskContext, Services, Setup]:
        """Return the context and the services of a run, under the roster it was accepted with, and its setup."""
        roster, client, tools = equipped
        allowed = restricted(client, roster.models, texts.channel_settings)
        services = self._services(
            run.payer,
            run.fence,
            roster,
            allowed,
            session.events_to(events),
            session,
            executed_s=run.executed_ms / 1000,
            may_stream=may_stream,
            tools=tools,
        )
        if brings_private(run, services.tool_rules, roster):
            await services.record_decision(PRIVATE, {"tool": RESOURCES})
        if follows_dry_run(run, texts):
            services.emit(Noted(DRY, OVER))
        return context_of(run, texts), services, Setup.of(roster, client, allowed, tools[1])

    async def _admit(
        self, run: RunRow, ctx: TaskContext, services: Services, gate: BudgetGate, balances: Sequence[Balance] | None
    ) -> Plan:
        """Check, before anything is paid, that the estimate fits the budget, and return it."""
        plan = checked(services, estimate(ctx, services, choice_of(run)))
        await gate.admit(run, plan.needed_nusd, seen=balances)
        return plan

    async def quote(self, payer: Payer, request: str, choice: Choice) -> Plan:
        """Return a request's plan with its price, without a run or a model call; the Router's default flow is assumed.

        Raises:
            UserError: the person named a flow or agents that do not exist, do not fit or may not be asked here, or
                that have tools where the tiny model answers.
        """
        explicit_decision(self.roster, choice)  # a wrong name is told at once, not after the import of litellm

        def make(ctx: TaskContext, services: Services) -> Plan:
            return checked(services, estimate(ctx, services, choice))

        return await self._quoted(payer, request, make, dry=choice.dry)

    async def _quoted(
        self, payer: Payer, request: str, make: Callable[[TaskContext, Services], Plan], *, dry: bool
    ) -> Plan:
        """Return the plan that `make` makes for a request that is no run, with the usual price of its flow."""
        ctx, services = await self._at(payer, request, dry=dry)
        return await self._with_usual(services, make(ctx, services))

    async def _at(self, payer: Payer, request: str, *, dry: bool) -> tuple[TaskContext, Services]:
        """Return the context and the services of a request that is no run, with what may be used where it is paid."""
        await self.client.warm()
        settings = await ChannelSettings(self.db, self.clock).find(workspace=payer.workspace, channel=payer.channel)
        ports = self.roster, restricted(self.client, self.roster.models, settings), NullEventSink(), None
        tools = await self.tools.at(payer, self.roster, dry=dry)
        services = self._services(payer, Fence("quote", 0), *ports, tools=tools)
        return payer_context(payer, run_id="quote", request=request), services

    async def _with_usual(self, services: Services, plan: Plan) -> Plan:
        return replace(plan, usual_nusd=await self._usual_nusd(services, plan))

    def check_prices(self) -> None:
        """Price every flow of the roster; raise RosterError where that is not possible."""
        payer = Payer.of_channel("", "")
        ctx = payer_context(payer, run_id="quote", request="")
        place = self._services(payer, Fence("quote", 0), self.roster, self.client, NullEventSink(), None)
        for flow in self.roster.flows:
            estimate(ctx, place, Choice(flow=flow))

    async def usual(
        self, services: Services, plan: Plan, *, known_nusd: Mapping[str, int | None] = MappingProxyType({})
    ) -> int | None:
        """Return the usual price, journalled at the first call: other runs change the history meanwhile.

        `known_nusd` are usual prices by flow that have just been read.
        """
        is_told = plan.title not in known_nusd and await services.find_decision(PRICE_PATH) is not None
        usual_nusd = None if is_told else await self._usual_nusd(services, plan, known_nusd)
        told = {"expected_nusd": usual_nusd, "typical_nusd": plan.told.typical_nusd, "worst_nusd": plan.told.worst_nusd}
        kept: int | None = (await services.record_decision(PRICE_PATH, told)).data["expected_nusd"]
        return kept

    async def _usual_nusd(
        self, services: Services, plan: Plan, known_nusd: Mapping[str, int | None] = MappingProxyType({})
    ) -> int | None:
        """Return what a plan's flow has cost on average, read now unless it is known; None without a history."""
        if plan.title in known_nusd:
            return known_nusd[plan.title]
        return await History(self.db).mean_cost_nusd(services.payer.workspace, plan.title)

    async def price_of(self, run: RunRow) -> PriceEstimate | None:
        """Return the price a run was told with; before it has a plan, what it would be told with now."""
        told = await self.told_price(run)
        if told is not None:
            return told
        try:
            return (await self.quote(run.payer, "", choice_of(run))).price
        except (UserError, RosterError):
            return None

    async def told_price(self, run: RunRow) -> PriceEstimate | None:
        """Return the price that the plan of a run was told with; None before it has a plan."""
        kept = await self.journal.find(run.id, PRICE_PATH)
        if kept is None:
            return None
        return estimate_in(kept, run)

    async def quote_flow(self, payer: Payer, flow: str) -> Plan | None:
        """Return the plan of a roster's flow for a short request; None where it may not be used, or has no price."""
        (plan,) = await self.quote_flows(payer, [flow])
        return plan

    async def quote_flows(self, payer: Payer, flows: Sequence[str]) -> list[Plan | None]:
        """Return what `quote_flow` does for each, having looked once at what may be used there."""
        try:
            ctx, services = await self._at(payer, "", dry=False)
        except (UserError, RosterError):
            return [None] * len(flows)

        async def quoted(flow: str) -> Plan | None:
            try:
                plan = checked(services, estimate(ctx, services, Choice(flow=flow)))
            except (UserError, RosterError):
                return None
            return await self._with_usual(services, plan)

        return await asyncio.gather(*map(quoted, flows))

    async def confirm(self, run: RunRow, ctx: TaskContext, services: Services, plan: Plan) -> Plan | PatternResult:
        """Return the confirmed plan, at once when cheap; else the end of a run whose price nobody accepted."""
        # Typical lengths are a guess: before there is a history, the bound is what a person is asked about.
        price_nusd = plan.worst_nusd if plan.usual_nusd is None else plan.price.expected_nusd
        if price_nusd <= services.limits.confirm_above_nusd or run.options.get("confirmed"):
            return plan
        return await self.ask_about_price(run, ctx, services, plan)

    async def ask_about_price(
        self, run: RunRow, ctx: TaskContext, services: Services, plan: Plan
    ) -> Plan | PatternResult:
        """Ask whether a plan may cost that much; return what may run, or how the run ends when nothing may."""
        question = Question(kind="confirm", title=plan.title, amount_nusd=plan.told.worst_nusd)
        decision = await services.decisions.ask(run.fence, CONFIRM_PATH, question)
        if decision.verdict == "run":
            return plan
        if decision.verdict == "instead":
            cheap = RouteDecision(flow=workable(services).router.default, chosen_by="person", reason="You chose it.")
            return plan_of(ctx, services, cheap, took=plan.took)
        why = Reason.NOT_AGREED if decision.verdict == "expired" else Reason.DECLINED
        return PatternResult(output="", stop_reason=StopReason.CANCELLED, notes=(why.sentence(),))


def choice_of(run: RunRow) -> Choice:
    """Return what the person asked for explicitly."""
    return Choice(flow=run.options.get("flow"), agents=tuple(run.options.get("agents", ())), dry=run.is_dry)


def _is_work(step: StepRecord) -> bool:
    """Return True when the step is more than a decision of what to do."""
    return step.outcome != "decision" and not step.path.startswith(f"{ROUTE}/")


def paid_steps(journal: Sequence[StepRecord]) -> list[StepRecord]:
    """Return the steps that cost something or failed: no decisions, and not the turns and calls inside of steps."""
    return [step for step in journal if step.outcome != "decision" and "/turn/" not in step.path]


def checked(services: Services, plan: Plan) -> Plan:
    """Return a plan whose agents' models can use the tools they have.

    Raises:
        UserError: the tiny model stands for one that cannot.
    """
    if not can_work(services, flow_tree(services.roster, plan.decision)):
        raise UserError(TINY_WITHOUT_TOOLS)
    return plan
