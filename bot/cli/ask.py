"""`agents ask`: the same run as in Slack, in a shell: same patterns, same ledger, beside a running bot."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import click

from bot.cli.ask_json import amounts, print_json, told_estimate, told_result
from bot.cli.shell import accept, interruptible, opened, owner, payer_for, profiles_of
from bot.cli.terminal import Terminal, plain, print_line, shown_ending
from bot.cli.typed_words import check_typed
from bot.commands.dry_run import read_dry_run
from bot.messages.card_views import Needs
from bot.messages.dry_run_text import under_answer
from bot.messages.outcome_text import refusal
from bot.messages.price_text import estimate_words
from bot.messages.views import AnswerView, Person, RunView
from bot.people.profiles import ProfileLookup
from bot.runs.budget_gate import InsufficientBudgetError, refusal_of, require_budget
from bot.runs.engine import Engine, paid_steps
from bot.runs.executor import Executor
from bot.runs.outcome import RunOutcome
from bot.runs.resources import NOBODY_HAS_IT, servers_on
from bot.runs.tool_lines import would_call
from patterns.core.errors import RunLostError, UserError
from patterns.core.events import PatternResult, StopReason
from patterns.core.holds import Payer
from patterns.core.money import format_usd
from patterns.core.quotes import PriceEstimate
from patterns.core.tools import ToolRules
from patterns.flow import Choice, Plan
from patterns.roster.consistency import ROUTER
from patterns.roster.suggestions import nearest
from patterns.tools.resources import NAMED_MAX, resources_named
from storage.ledger.balances import Balance
from storage.outbox import Outbox
from storage.run_rows import DRY, RESOURCES, RunRow

STOPPED = 130


@dataclass(frozen=True, slots=True)
class Request:
    """The command line of `agents ask`."""

    request: str
    flow: str = ""
    agents: str = ""
    channel: str = "terminal"
    estimate: bool = False
    yes: bool = False
    as_json: bool = False
    approve: tuple[str, ...] = ()
    dry_run: bool = False
    with_: tuple[str, ...] = ()

    @property
    def choice(self) -> Choice:
        """Return what the person fixed."""
        agents = tuple(name.strip() for name in self.agents.split(",") if name.strip())
        return Choice(flow=self.flow or None, agents=agents, dry=self.dry_run)

    def read(self) -> "Request":
        """Return it as it was meant: text that begins with `dry run` is a dry run, as in Slack."""
        text, is_dry = read_dry_run(self.request, dry=self.dry_run)
        return replace(self, request=text, dry_run=is_dry)


async def ask(asked: Request) -> int:
    """Run the request; return 0 when an answer came, in part at least; 1 when not; 130 when it was stopped.

    Raises:
        UserError: no request, no model, no such flow or agent, or words for which a shell has options.
    """
    if not asked.request.strip():
        raise UserError('Say what the agents should do, like: agents ask "compare SQLite and PostgreSQL".')
    asked = asked.read()
    async with opened(starts_model=not asked.estimate) as engine:
        check_typed(asked.request, engine.roster.flows, flow=asked.flow, estimate=asked.estimate, dry_run=asked.dry_run)
        shell = Shell(engine, asked, await payer_for(engine, asked.channel))
        return await (shell.estimate() if asked.estimate else shell.run())


@dataclass(frozen=True)
class Shell:
    """One request of a shell."""

    engine: Engine
    asked: Request
    payer: Payer

    async def estimate(self) -> int:
        """Print what it would cost; nothing is stored, held or sent."""
        plan = await self._plan()
        if self.asked.as_json:
            print_json(told_estimate(plan))
            return 0
        click.echo(estimate_words(plan))
        return 0

    async def run(self) -> int:
        """Run it to its end and print the answer; return the exit code."""
        is_manned = sys.stdin.isatty() and sys.stderr.isatty()
        self._check_approved()
        self._check_attached()
        plan = await self._plan()
        try:
            await require_budget(self.engine.balances, self.payer, plan.needed_nusd)
        except InsufficientBudgetError as error:
            if not (is_manned and await self.engine.balances.is_only_held(self.payer, error.needed_nusd)):
                return await self._refused(error.balance, error.needed_nusd, plan.price)
        terminal = Terminal(
            self.engine,
            stopped=asyncio.Event(),
            is_manned=is_manned,
            outbox=Outbox(self.engine.db, self.engine.clock),
            approved=frozenset(self.asked.approve),
            attached=frozenset(self.asked.with_),
        )
        if self.asked.dry_run:
            print_line("Dry run: tools that act are not called, only listed.")
        run = await self._until_done(terminal)
        kept = await self.engine.store.text(run.id, "result")
        outcome = RunOutcome.model_validate_json(kept or "")
        if outcome.needed_nusd:
            balance = await self.engine.balances.tightest(self.payer, outcome.needed_nusd)
            return await self._refused(balance, outcome.needed_nusd, await self.engine.price_of(run), run=run)
        return await self._answered(run, outcome, terminal)

    def _check_attached(self) -> None:
        """Refuse addresses where no server could have them, before anything is stored."""
        if self.asked.with_ and not servers_on(ToolRules(enabled=None), self.engine.roster):
            raise UserError(f"--with {self.asked.with_[0]}: {NOBODY_HAS_IT}. `agents tools list` shows what there is.")

    def _check_approved(self) -> None:
        tools = self.engine.roster.tools
        known = {*tools, *(spec.server for spec in tools.values())}
        for name in self.asked.approve:
            if name not in known:
                near = nearest(name, known)
                instead = f"Did you mean {near}?" if near else f"The tools are {', '.join(tools)}."
                raise UserError(f"--approve {name}: there is no such tool. {instead}")

    async def _until_done(self, terminal: Terminal) -> RunRow:
        """Own the run until it is over and return its last row; Ctrl-C ends it promptly, a second one exits at once."""
        executor = Executor(self.engine, terminal, terminal, owner=owner())
        choice = self.asked.choice
        dry = {DRY: True} if choice.dry else {}
        named = (*self.asked.with_, *resources_named(self.asked.request))
        brought = {RESOURCES: list(dict.fromkeys(named))[:NAMED_MAX]} if named else {}
        options = {"flow": choice.flow, "agents": list(choice.agents), "confirmed": self.asked.yes, **dry, **brought}
        with interruptible(terminal.stopped):
            run = await self._fresh(await self.accept(options))
            stopping = asyncio.create_task(_stop_when(terminal.stopped, executor, run), name="ctrl-c")
            try:
                while run.status in ("accepted", "parked"):
                    await self.engine.store.unpark(run.id)
                    await executor.execute(run.id)
                    run = await self._fresh(run.id)
            finally:
                stopping.cancel()
        if run.status != "done":
            raise RunLostError
        return run

    async def accept(self, options: Mapping[str, Any]) -> str:
        """Store the request; return the id of its run."""
        return await accept(self.engine, self.payer, self.asked.request.strip(), options)

    async def _fresh(self, run_id: str) -> RunRow:
        run = await self.engine.store.get(run_id)
        if run is None:
            raise RunLostError
        return run

    async def _plan(self) -> Plan:
        return await self.engine.quote(self.payer, self.asked.request.strip(), self.asked.choice)

    # ------------------------------------------------------------ what it came to

    async def _refused(
        self, balance: Balance, needed_nusd: int, price: PriceEstimate | None, *, run: RunRow | None = None
    ) -> int:
        sentence = plain(refusal(await self._profiles.refusal(self.payer, balance, needs=Needs(price, needed_nusd))))
        if self.asked.as_json:
            result = PatternResult(output="", stop_reason=StopReason.BUDGET, notes=(sentence,))
            print_json({"run_id": run.id if run else None, **told_result(result), **amounts({"needed": needed_nusd})})
        print_line(f"agents: {sentence}")
        return 1

    async def _answered(self, run: RunRow, outcome: RunOutcome, terminal: Terminal) -> int:
        view = await self._view(run, outcome, terminal)
        before, answer, after = shown_ending(view)
        if self.asked.as_json:
            print_json(await self._json(run, view))
        elif answer:
            click.echo(f"{before}\n\n{answer}" if before else answer)
        else:
            print_line(before or "No answer came.")
        if run.is_dry and not self.asked.as_json:
            print_line(plain(under_answer(view)))
        was_stopped = outcome.result.stop_reason is StopReason.CANCELLED
        lost_nusd = view.uncertain_nusd
        if was_stopped and lost_nusd:
            print_line(
                f"{format_usd(lost_nusd)} of it is the call that was under way: its provider may bill it, so it counts."
            )
        print_line(click.style(after, dim=True))
        if terminal.stopped.is_set() and was_stopped:
            return STOPPED
        return 0 if answer else 1

    async def _view(self, run: RunRow, outcome: RunOutcome, terminal: Terminal) -> AnswerView:
        journal = await self.engine.journal.steps(run.id)
        steps = paid_steps(journal)
        refused_by, closed = refusal_of(journal)
        money = await self.engine.store.cost_by_model(run.id)
        done = sum(step.outcome == "ok" for step in steps)
        shown = RunView(
            run_id=run.id,
            channel=run.channel,
            asker=Person(run.user, run.user),
            request=self.asked.request,
            state=outcome.state,
            flow=run.flow,
            agents=tuple(dict.fromkeys(step.agent for step in steps if step.agent)),
            balance=await self._profiles.balance(self.payer),
            play_money=self._profiles.is_play_money,
            dry=run.is_dry,
        )
        return AnswerView(
            run=shown,
            result=outcome.result.model_copy(update={"cost_nusd": sum(row["cost_nusd"] for row in money)}),
            seconds=run.executed_ms / 1000,
            agents_count=len(set(shown.agents) - {ROUTER}),
            steps_done=done,
            steps_total=max(done, len(steps), terminal.progress.steps_planned),
            uncertain_nusd=sum(row["uncertain_nusd"] for row in money),
            refused_by=refused_by,
            closed=closed,
            would_call=would_call(journal) if run.is_dry else (),
        )

    async def _json(self, run: RunRow, view: AnswerView) -> dict[str, Any]:
        balance = await self.engine.balances.balance(self.payer)
        paid = {"cost": view.result.cost_nusd, "uncertain": view.uncertain_nusd, "worst": run.worst_nusd}
        return {
            "run_id": run.id,
            "flow": run.flow,
            "agents": list(view.run.agents),
            **told_result(view.result),
            **amounts(paid),
            "seconds": view.seconds,
            "steps": {"done": view.steps_done, "total": view.steps_total},
            "balance": {
                "workspace": run.workspace,
                "channel": run.channel,
                "period": balance.period,
                **amounts({"limit": (balance.limit_nusd or 0) + balance.granted_nusd, "free": balance.free_nusd}),
            },
            "play_money": view.run.play_money,
            "dry_run": run.is_dry,
            "would_call": [
                {
                    "agent": one.agent,
                    "tool": one.tool,
                    "arguments": one.arguments,
                    **amounts({"price": one.price_nusd}),
                }
                for one in view.would_call
            ],
        }

    @cached_property
    def _profiles(self) -> ProfileLookup:
        return profiles_of(self.engine)


async def _stop_when(stopped: asyncio.Event, executor: Executor[Terminal], run: RunRow) -> None:
    await stopped.wait()
    print_line("Stopping …")
    await executor.stop(run, by=run.user)
