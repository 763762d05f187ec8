"""Carry out one owned run: context, services, plan, price question, patterns. The same for Slack and the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import MappingProxyType

from bot.runs.budget_gate import BudgetGate, is_refusal, refusal_path
from bot.runs.context import context_of, follows_dry_run, payer_context
from bot.runs.first_look import look
from bot.runs.model_allowlist import restricted
from bot.runs.model_selection import ModelChoice
from bot.runs.roster_snapshots import RosterSnapshots
from bot.runs.told_price import PRICE_PATH, estimate_in
from bot.runs.tool_rules import RunTools
from bot.settings import Settings
from bot.telemetry.observers import NOBODY, Telemetry
from bot.telemetry.watched import runner_over, toolbox_over
from patterns.core.context import TaskContext
from patterns.core.errors import DriftError, RosterError, UserError
from patterns.core.events import Noted, PatternResult, RunEvent, StopReason
from patterns.core.holds import Fence, Payer
from patterns.core.money import PriceEstimate
from patterns.core.ports import Clock, EventSink, ModelClient
from patterns.core.questions import Question
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.core.tools import NO_TOOLS, NOTHING_ON, ToolBox, ToolRules
from patterns.estimate import estimate
from patterns.flow import PLAN, Choice, Plan, plan_of, resolve, run_flow
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import Roster
from patterns.router import ROUTE, RouteDecision
from patterns.services import Runner, Services, open_services
from patterns.tools.dry_run import OVER, noted
from patterns.tools.sources import with_known_links
from storage.channels import ChannelSettings
from storage.database.database import Database
from storage.execution.ownership import RunSessions
from storage.execution.session import RunSession
from storage.execution.texts import RunTexts
from storage.history import History
from storage.journal import SqlJournal
from storage.ledger.balances import Balance, Balances
from storage.ledger.ledger import SqlLedger
from storage.ledger.periods import ClockGuard
from storage.questions import Questions
from storage.run_rows import DRY, RunRow
from storage.runs import RunStore
from storage.stored_files import StoredFiles

CONFIRM_PATH = "confirm"
"""Path under which journal and questions keep whether a person accepted the price."""


DECLINED = PatternResult(output="", stop_reason=StopReason.CANCELLED, notes=(Reason.DECLINED.sentence(),))
"""The end of a run whose price a person did not accept."""


class NullEventSink:
    """An EventSink that discards events."""

    def emit(self, run_id: str, event: RunEvent) -> None:
        """Discard the event."""


@dataclass(frozen=True)
class Engine:
    """Everything one process needs for runs. `roster` has its models chosen and priced."""

    settings: Settings
    choice: ModelChoice | None
    clock: Clock
    guard: ClockGuard
    db: Database
    roster: Roster
    client: LiteLLMClient
    ledger: SqlLedger
    journal: SqlJournal
    balances: Balances
    questions: Questions
    store: RunStore
    older: RosterSnapshots
    tools: RunTools
    files: StoredFiles
    telemetry: Telemetry = NOBODY

    @property
    def model_note(self) -> str:
        """Return a sentence for the thread with the models that answer."""
        if self.choice is not None:
            return self.choice.note
        used = {self.roster.models[agent.model].model for agent in self.roster.agents.values()}
        return f"{', '.join(sorted(used))} answer"

    async def check_models(self) -> None:
        """Check, without importing litellm where its files suffice, that every model an agent may use has a price.

        Raises:
            RosterError: one has none, or litellm does not know it.
        """
        asked = [*(agent.model for agent in self.roster.agents.values()), self.roster.router.model]
        chains = (name for model in asked for name in (model, *self.client.fallbacks(model)))
        await self.client.check(dict.fromkeys(chains))

    @cached_property
    def sessions(self) -> RunSessions:
        """Return what claims and ends runs."""
        return RunSessions(
            self.db, store=self.store, ledger=self.ledger, journal=self.journal, questions=self.questions
        )

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
            seen = await look(self.db, self.store, self.clock, self.balances, run, is_planned=is_planned)
            ctx, services = await self._open(session, run, seen.texts, events, may_stream=may_stream)
            admitted = None if is_planned else await self._admit(run, ctx, services, gate, seen.balances)
            usual = partial(self.usual, services, known_nusd=seen.usual_nusd)
            plan = await resolve(ctx, services, choice_of(run), usual=usual, estimated=admitted)
            confirmed = await self.confirm(run, ctx, services, plan)
            if confirmed is None:
                return DECLINED
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
        self, session: RunSession, run: RunRow, texts: RunTexts, events: EventSink, *, may_stream: bool
    ) -> tuple[TaskContext, Services]:
        """Return the context and the services of a run, under the roster it was accepted with."""
        roster, client = await self.roster_of(run)
        services = self._services(
            run.payer,
            run.fence,
            roster,
            restricted(client, roster.models, texts.channel_settings),
            session.events_to(events),
            session,
            executed_s=run.executed_ms / 1000,
            may_stream=may_stream,
            tools=await self.tools.of(run, roster),
        )
        if follows_dry_run(run, texts):
            services.emit(Noted(DRY, OVER))
        return context_of(run, texts), services

    async def _admit(
        self, run: RunRow, ctx: TaskContext, services: Services, gate: BudgetGate, balances: Sequence[Balance] | None
    ) -> Plan:
        """Check, before anything is paid, that the estimate fits the budget, and return it."""
        plan = estimate(ctx, services, choice_of(run))
        await gate.admit(run, plan.needed_nusd, seen=balances)
        return plan

    @cached_property
    def _runner(self) -> Runner:
        """Return the runner of every run that may use all models: it keeps its price bounds from run to run."""
        return runner_over(self.client, self.roster.models, self.telemetry.observers)

    @property
    def zone(self) -> str:
        """Return the time zone of this deployment."""
        return self.settings.timezone or self.roster.budgets.timezone

    async def quote(self, payer: Payer, request: str, choice: Choice) -> Plan:
        """Return a request's plan with its price, without a run or a model call; the Router's default flow is assumed.

        Raises:
            UserError: the person named a flow or agents that do not exist, do not fit or may not be asked here.
        """
        ctx = payer_context(payer, run_id="quote", request=request)
        await self.client.warm()
        settings = await ChannelSettings(self.db, self.clock).find(workspace=payer.workspace, channel=payer.channel)
        ports = self.roster, restricted(self.client, self.roster.models, settings), NullEventSink(), None
        tools = await self.tools.at(payer, self.roster, dry=choice.dry)
        plan = estimate(ctx, self._services(payer, Fence("quote", 0), *ports, tools=tools), choice)
        return replace(plan, usual_nusd=await History(self.db).mean_cost_nusd(payer.workspace, plan.title))

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
        usual_nusd = known_nusd.get(plan.title)
        if plan.title not in known_nusd and await services.find_decision(PRICE_PATH) is None:
            usual_nusd = await History(self.db).mean_cost_nusd(services.payer.workspace, plan.title)
        told = {"expected_nusd": usual_nusd, "typical_nusd": plan.told.typical_nusd, "worst_nusd": plan.told.worst_nusd}
        kept: int | None = (await services.record_decision(PRICE_PATH, told)).data["expected_nusd"]
        return kept

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
        try:
            return await self.quote(payer, "", Choice(flow=flow))
        except (UserError, RosterError):
            return None

    async def confirm(self, run: RunRow, ctx: TaskContext, services: Services, plan: Plan) -> Plan | None:
        """Return the confirmed plan, at once when cheap; None when a person declined it."""
        # Typical lengths are a guess: before there is a history, the bound is what a person is asked about.
        price_nusd = plan.worst_nusd if plan.usual_nusd is None else plan.price.expected_nusd
        if price_nusd <= services.limits.confirm_above_nusd or run.options.get("confirmed"):
            return plan
        question = Question(kind="confirm", title=plan.title, amount_nusd=plan.told.worst_nusd)
        decision = await services.decisions.ask(run.fence, CONFIRM_PATH, question)
        if decision.verdict == "run":
            return plan
        if decision.verdict == "instead":
            cheap = RouteDecision(flow=services.roster.router.default, chosen_by="person", reason="You chose it.")
            return plan_of(ctx, services, cheap, took=plan.took)
        return None

    def _services(  # noqa: PLR0913 - the ports that differ from run to run
        self,
        payer: Payer,
        fence: Fence,
        roster: Roster,
        client: ModelClient,
        events: EventSink,
        session: RunSession | None,
        *,
        executed_s: float = 0.0,
        may_stream: bool = False,
        tools: tuple[ToolBox, ToolRules] = (NO_TOOLS, NOTHING_ON),
    ) -> Services:
        is_usual, (toolbox, rules) = client is self.client, tools
        return open_services(
            runner=self._runner if is_usual else runner_over(client, roster.models, self.telemetry.observers),
            ledger=session or self.ledger,
            journal=session or self.journal,
            decisions=session or self.questions,
            events=events,
            clock=self.clock,
            roster=roster,
            payer=payer,
            fence=fence,
            executed_s=executed_s,
            may_stream=may_stream,
            toolbox=toolbox_over(toolbox, self.telemetry.observers),
            tool_rules=rules,
        )

    async def roster_of(self, run: RunRow) -> tuple[Roster, LiteLLMClient]:
        """Return the roster the run was accepted under, which an update may have replaced since."""
        if run.roster_hash == self.roster.hash:
            return self.roster, self.client
        return await self.older.of(run.roster_hash)


def choice_of(run: RunRow) -> Choice:
    """Return what the person asked for explicitly."""
    return Choice(flow=run.options.get("flow"), agents=tuple(run.options.get("agents", ())), dry=run.is_dry)


def _is_work(step: StepRecord) -> bool:
    """Return True when the step is more than a decision of what to do."""
    return step.outcome != "decision" and not step.path.startswith(f"{ROUTE}/")


def paid_steps(journal: Sequence[StepRecord]) -> list[StepRecord]:
    """Return the steps that cost something or failed: no decisions, and not the turns and calls inside of steps."""
    return [step for step in journal if step.outcome != "decision" and "/turn/" not in step.path]
