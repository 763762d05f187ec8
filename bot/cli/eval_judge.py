"""The judge of `agents eval`: a reviewer of the roster, asked and paid for like every call, each time as a run."""

import itertools
from dataclasses import dataclass

from bot.cli.shell import accept, owner
from bot.evals.check import Verdict
from bot.evals.checks import LLMJudge
from bot.evals.dataset import Case
from bot.evals.report import Result
from bot.runs.by_hand import EVAL, by_hand
from bot.runs.context import payer_context
from bot.runs.engine import Engine
from bot.runs.engine_parts import NullEventSink
from bot.runs.orphaned_shell_runs import finish
from bot.runs.run_setup import Setup, keep_setup
from patterns import supervisor
from patterns.agent import AgentRunner
from patterns.core.errors import BudgetExceededError, UserError
from patterns.core.events import PatternResult, StopReason
from patterns.core.holds import Payer
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.core.tools import NOTHING_ON
from patterns.handoff import Handoff
from patterns.roster.roster import Roster
from patterns.services import open_services
from storage.run_rows import RunRow

LEASE_S = 600.0
PATH = "judge"


def judge_of(roster: Roster, wanted: str) -> str:
    """Return the agent that judges: the one named, else the first reviewer of the roster's flows.

    Raises:
        UserError: there is none, or no such agent.
    """
    if wanted:
        if wanted not in roster.agents:
            raise UserError(f"There is no agent {wanted[:40]!r}. The agents are {', '.join(sorted(roster.agents))}.")
        return wanted
    reviewers = [name for name in roster.agents if {"draft", "acceptance"} <= set(_slots(roster, name))]
    if not reviewers:
        raise UserError("LLMJudge needs a reviewer: name an agent whose prompt shows a draft, with --judge.")
    return reviewers[0]


def _slots(roster: Roster, agent: str) -> frozenset[str]:
    return frozenset(roster.prompts[roster.agents[agent].prompt].slots)


@dataclass(frozen=True, slots=True)
class Judge:
    """An agent that judges the answers of one batch."""

    engine: Engine
    payer: Payer
    agent: str
    batch: str

    async def verdicts(self, case: Case, result: Result) -> list[Verdict]:
        """Return what it says of a result, a verdict for each rubric of its case."""
        rubrics = [check for check in case.checks if isinstance(check, LLMJudge)]
        return [await self._verdict(case, result, check, number) for number, check in enumerate(rubrics)]

    async def _verdict(self, case: Case, result: Result, check: LLMJudge, number: int) -> Verdict:
        record = await self._record(case, result, check, number)
        if record is None or record.outcome != "ok":
            why = Reason(record.reason).clause() if record else Reason.BUDGET.clause()
            return Verdict(check.name, passed=False, reason=f"the judge did not answer: {why}")
        said = supervisor.Verdict.model_validate_json(record.text)
        return Verdict(check.name, said.is_accepted, "" if said.is_accepted else said.summary, said.score / 10)

    async def _record(self, case: Case, result: Result, check: LLMJudge, number: int) -> StepRecord | None:
        """Return the judge's step, the one there is or one that is paid now; None when there is no money for it."""
        for again in itertools.count():
            key = f"eval:{self.batch}:judge:{result.variant}:{result.case}:{result.number}:{number}:{again}"
            request = f"judge {result.case}: {check.rubric}"
            run_id = await accept(self.engine, self.payer, request, by_hand(EVAL), key=key)
            record = await self.engine.journal.find(run_id, PATH)
            if record is not None:
                return record
            run = await self.engine.store.claim(run_id, owner=owner(), lease_s=LEASE_S)
            if run is not None:  # else its judging was cut short
                return await self._ask(run, case, result, check)
        raise AssertionError

    async def _ask(self, run: RunRow, case: Case, result: Result, check: LLMJudge) -> StepRecord | None:
        """Ask the judge; None when the budget does not cover that."""
        request = case.inputs.request if check.include_input else check.rubric
        expected = case.expected if check.include_expected_output and case.expected else ""
        acceptance = f"{check.rubric}\n\nWhat was expected:\n{expected}" if expected else check.rubric
        services = open_services(
            runner=AgentRunner(self.engine.client),
            ledger=self.engine.ledger,
            journal=self.engine.journal,
            decisions=self.engine.questions,
            events=NullEventSink(),
            clock=self.engine.clock,
            roster=self.engine.roster,
            payer=run.payer,
            fence=run.fence,
        )
        ctx = payer_context(run.payer, run_id=run.id, request=request)
        handoff = Handoff(draft=result.output, acceptance=acceptance)
        text, ending = "", StopReason.FAILED
        try:
            client = self.engine.client
            await keep_setup(services, (), Setup.of(services.roster, client, client, NOTHING_ON))
            record = await services.runner.step(
                ctx, services, agent=self.agent, path=PATH, handoff=handoff, schema=supervisor.VERDICT_SCHEMA
            )
            text, ending = record.text, StopReason.COMPLETED
        except BudgetExceededError:
            ending = StopReason.BUDGET
            return None
        else:
            return record
        finally:
            await finish(self.engine, run, PatternResult(output=text, stop_reason=ending))
