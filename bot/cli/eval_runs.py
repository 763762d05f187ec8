"""The runs of `agents eval`: each case as often as it is wanted, some at a time, each under a key of its own."""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.cli.shell import accept, owner
from bot.cli.terminal import ProgressPrinter, Terminal
from bot.evals.check import Observed, ToolUse
from bot.evals.dataset import Case, Dataset
from bot.evals.report import Result
from bot.runs.engine import Engine
from bot.runs.executor import Executor
from bot.runs.outcome import RunOutcome
from patterns.core.errors import RunLostError, UserError
from patterns.core.events import RunEvent, StopReason
from patterns.core.holds import Payer
from patterns.core.reasons import Reason
from patterns.core.tools import TOOL_MODEL
from patterns.flow import Choice
from storage.outbox import Outbox
from storage.run_rows import RunRow


class _Silent(ProgressPrinter):
    """Shows no events: many runs work at once."""

    def emit(self, run_id: str, event: RunEvent) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class CaseRuns:
    """The runs of one variant, some at a time."""

    engine: Engine
    payer: Payer
    batch: str
    variant: str
    flow: str
    is_resumed: bool
    stopped: asyncio.Event

    async def all(self, dataset: Dataset, *, repeat: int, concurrency: int, step: Callable[[], None]) -> list[Result]:
        """Run every case `repeat` times and call `step` after each; return the results in the order of the file."""
        terminal = Terminal(
            self.engine,
            stopped=self.stopped,
            is_manned=False,
            outbox=Outbox(self.engine.db, self.engine.clock),
            progress=_Silent(),
        )
        executor = Executor(self.engine, terminal, terminal, owner=owner())
        turns = asyncio.Semaphore(concurrency)

        async def one(case: Case, number: int) -> Result:
            async with turns:
                result = await self._one(executor, case, number)
            step()
            return result

        jobs = [(case, number) for case in dataset.cases for number in range(1, repeat + 1)]
        return list(await asyncio.gather(*(one(case, number) for case, number in jobs)))

    async def _one(self, executor: Executor[Terminal], case: Case, number: int) -> Result:
        empty = Result(self.variant, case.name, number, "", "", 0, 0.0)
        if self.stopped.is_set():
            return replace(empty, problem="stopped before it began")
        choice = choice_of(case, self.flow)
        options = {"flow": choice.flow, "agents": list(choice.agents), "confirmed": True}
        key = f"eval:{self.batch}:{self.variant}:{case.name}:{number}"
        try:
            run = await self._until_done(executor, case, options, key)
        except UserError as error:
            return replace(empty, problem=str(error))
        return await self._result(run, case, empty)

    async def _until_done(
        self, executor: Executor[Terminal], case: Case, options: Mapping[str, Any], key: str
    ) -> RunRow:
        """Return the finished run of a key: the one there is, unless it was cut short, else a new one."""
        for again in itertools.count():
            own = f"{key}:{again}"
            run = await self._fresh(await accept(self.engine, self.payer, case.inputs.request, options, key=own))
            outcome = await self._outcome(run)
            if outcome is None or not (self.is_resumed and _was_cut_short(run, outcome)):
                break
        stopping = asyncio.create_task(self._stop(executor, run), name=f"stop {run.id}")
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

    async def _stop(self, executor: Executor[Terminal], run: RunRow) -> None:
        await self.stopped.wait()
        await executor.stop(run, by=run.user)

    async def _fresh(self, run_id: str) -> RunRow:
        run = await self.engine.store.get(run_id)
        if run is None:
            raise RunLostError
        return run

    async def _outcome(self, run: RunRow) -> RunOutcome | None:
        """Return how a run ended; None while it has not, and when its words are gone."""
        kept = await self.engine.store.text(run.id, "result") if run.status == "done" else None
        return RunOutcome.model_validate_json(kept) if kept else None

    async def _result(self, run: RunRow, case: Case, empty: Result) -> Result:
        outcome = await self._outcome(run)
        if outcome is None:
            return replace(empty, run_id=run.id, problem="its answer is not kept any more")
        money = await self.engine.store.cost_by_model(run.id)
        seen = Observed(
            output=outcome.result.output,
            cost_nusd=sum(int(row["cost_nusd"]) for row in money),
            seconds=run.executed_ms / 1000,
            model_calls=sum(int(row["calls"]) for row in money if not str(row["model"]).startswith(TOOL_MODEL)),
            tools=tuple(ToolUse(*use) for use in await self.engine.store.tool_uses(run.id)),
            expected=case.expected,
        )
        result = replace(empty, run_id=run.id, output=seen.output, cost_nusd=seen.cost_nusd, seconds=seen.seconds)
        if outcome.needed_nusd or outcome.result.stop_reason in (StopReason.BUDGET, StopReason.CANCELLED):
            why = "stopped" if outcome.result.stop_reason is StopReason.CANCELLED else "the budget does not cover it"
            return replace(result, problem=why)
        verdicts = tuple(verdict for check in case.checks if (verdict := check.judge(seen)) is not None)
        return replace(result, verdicts=verdicts)


def _was_cut_short(run: RunRow, outcome: RunOutcome) -> bool:
    """Return whether a run ended because its batch did, or its money."""
    ended_with_its_shell = Reason.SHELL_ENDED.sentence() in outcome.result.notes
    return ended_with_its_shell or run.stop_reason in (StopReason.CANCELLED.value, StopReason.BUDGET.value)


def choice_of(case: Case, flow: str) -> Choice:
    """Return what a case fixes; `flow` is for those that name none."""
    return Choice(flow=case.inputs.flow or flow or None, agents=case.inputs.agents)
