"""`agents mcp`: the MCP server over standard input and output, paid by a channel, with or without a running bot."""

import asyncio
import contextlib

from bot.cli.shell import accept, opened, owner, payer_for, profiles_of
from bot.cli.terminal import ProgressPrinter, Terminal, plain
from bot.mcp_server.desk import NO_RUN, Balance, Estimate, Flow, Request, Status, usd
from bot.mcp_server.price import check_price, flow_of
from bot.mcp_server.run_status import StatusReader
from bot.messages.card_views import Needs
from bot.messages.outcome_text import refusal
from bot.runs.budget_gate import InsufficientBudgetError, require_budget
from bot.runs.catalog import priced_flows
from bot.runs.engine import Engine
from bot.runs.executor import Executor
from bot.runs.named_run import named_run
from patterns.core.errors import UserError
from patterns.core.events import RunEvent
from patterns.core.holds import Payer
from patterns.flow import Choice, Plan
from storage.outbox import Outbox
from storage.run_rows import DRY, RunRow


async def serve_stdio(*, channel: str) -> int:
    """Serve until the client hangs up; what is under way then is stopped and settled."""
    from bot.mcp_server.server import build_server

    async with opened() as engine:
        desk = ShellDesk(engine, await payer_for(engine, channel))
        try:
            await build_server(lambda _: desk).run_stdio_async()
        finally:
            await desk.close()
    return 0


class _Silent(ProgressPrinter):
    """Shows nothing: a client asks."""

    def emit(self, run_id: str, event: RunEvent) -> None:
        """Do nothing."""


class ShellDesk:
    """The desk of a shell: its runs are its own, nobody is asked, and the price that was agreed to is the bound."""

    def __init__(self, engine: Engine, payer: Payer) -> None:
        self._engine = engine
        self._payer = payer
        outbox = Outbox(engine.db, engine.clock)
        terminal = Terminal(engine, stopped=asyncio.Event(), is_manned=False, outbox=outbox, progress=_Silent())
        self._executor = Executor(engine, terminal, terminal, owner=owner())
        self._status = StatusReader(engine, "in a terminal")
        self._working: dict[str, asyncio.Task[None]] = {}

    async def flows(self) -> list[Flow]:
        """Return the flows with their prices."""
        await self._engine.client.warm()
        lines = await priced_flows(self._engine, self._payer)
        return [flow_of(line) for line in lines]

    async def estimate(self, request: Request) -> Estimate:
        """Return what a request would cost."""
        plan = await self._plan(request)
        try:
            await require_budget(self._engine.balances, self._payer, plan.needed_nusd)
        except InsufficientBudgetError:
            fits = False
        else:
            fits = True
        price = plan.price
        return Estimate(
            flow=plan.title,
            about_usd=usd(price.expected_nusd),
            at_most_usd=usd(price.worst_nusd),
            fits_the_budget=fits,
        )

    async def ask(self, request: Request) -> Status:
        """Accept a request and work on it beside whatever else is asked."""
        plan = await self._plan(request)
        check_price(plan, request)
        try:
            await require_budget(self._engine.balances, self._payer, plan.needed_nusd)
        except InsufficientBudgetError as error:
            needs = Needs(plan.price, error.needed_nusd)
            view = await profiles_of(self._engine).refusal(self._payer, error.balance, needs=needs)
            raise UserError(plain(refusal(view))) from None
        dry = {DRY: True} if request.dry else {}
        options = {"flow": request.flow or None, "agents": list(request.agents), "confirmed": True, **dry}
        run_id = await accept(self._engine, self._payer, request.text, options, key=f"mcp:{request.key}")
        if run_id not in self._working:
            self._working[run_id] = asyncio.create_task(self._work(run_id), name=f"mcp {run_id}")
        return await self.status(run_id)

    async def status(self, run_id: str) -> Status:
        """Return how far a request of a shell is."""
        return await self._status.status(await self._run(run_id))

    async def stop(self, run_id: str) -> Status:
        """Stop a request that this process works on."""
        run = await self._run(run_id)
        if run.status != "done":
            await self._executor.stop(run, by=run.user)
            task = self._working.get(run.id)
            if task is not None:
                await asyncio.wait({task})
        return await self.status(run.id)

    async def balance(self) -> Balance:
        """Return the month of the channel that pays."""
        view = await profiles_of(self._engine).balance(self._payer)
        return Balance(
            account=view.name,
            limit_usd=usd(view.limit_nusd),
            spent_usd=usd(view.settled_nusd),
            held_usd=usd(view.held_nusd),
            free_usd=usd(view.free_nusd),
            resets_on=view.resets_on,
        )

    async def close(self) -> None:
        """Stop what is under way; nobody would read its answer, and a shell's runs are no other process's."""
        for run_id, task in self._working.items():
            if not task.done():
                with contextlib.suppress(UserError):
                    await self._executor.stop(await self._run(run_id), by=self._payer.user)
        if self._working:
            await asyncio.wait(set(self._working.values()))

    async def _work(self, run_id: str) -> None:
        run = await self._run(run_id)
        while run.status in ("accepted", "parked"):
            await self._engine.store.unpark(run_id)
            await self._executor.execute(run_id)
            run = await self._run(run_id)

    async def _run(self, run_id: str) -> RunRow:
        workspace, channel = self._place
        run = await named_run(self._engine.store, run_id, workspace=workspace, channel=channel, unknown=NO_RUN)
        if (run.kind, run.workspace, run.channel) != ("terminal", workspace, channel):
            raise UserError(NO_RUN)
        return run

    @property
    def _place(self) -> tuple[str, str]:
        return self._payer.workspace, self._payer.channel

    async def _plan(self, request: Request) -> Plan:
        if not request.text.strip():
            raise UserError("Say what the agents should do.")
        choice = Choice(flow=request.flow or None, agents=request.agents, dry=request.dry)
        return await self._engine.quote(self._payer, request.text, choice)
