"""`agents eval routes`: measure the Router on a team's own requests, held and paid for like every other call."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from bot.cli.shell import accept, opened, owner, payer_for, profiles_of
from bot.cli.terminal import plain, print_line
from bot.messages.card_views import Needs
from bot.messages.outcome_text import refusal
from bot.messages.price_text import price_told
from bot.runs.budget_gate import InsufficientBudgetError, require_budget
from bot.runs.by_hand import EVAL, by_hand
from bot.runs.context import payer_context
from bot.runs.engine import Engine
from bot.runs.orphaned_shell_runs import finish
from bot.runs.run_setup import Setup, keep_setup
from patterns import evaluate
from patterns.agent import AgentRunner
from patterns.core.errors import RunLostError, UserError
from patterns.core.events import PatternResult, RunEvent, StepFinished, StopReason
from patterns.core.limits import RunLimits
from patterns.core.quotes import PriceEstimate
from patterns.core.reasons import Reason
from patterns.core.tools import NOTHING_ON
from patterns.flow import routing_quote
from patterns.services import Services, open_services
from storage.run_rows import RunRow

LEASE_MARGIN_S = 60.0
_NOT_ASKED = frozenset({Reason.BUDGET, Reason.PAUSED, Reason.FROZEN, Reason.QUARANTINED, Reason.CLOCK, Reason.RUN_S})


class UnaskedCounter:
    """An `EventSink` that counts examples the Router was never asked, whose results would mean nothing."""

    def __init__(self) -> None:
        self.count = 0

    def emit(self, run_id: str, event: RunEvent) -> None:  # noqa: ARG002 - a shell has one run
        """Count a step that failed."""
        if isinstance(event, StepFinished) and event.reason in _NOT_ASKED:
            self.count += 1


async def evaluate_routes(file: Path, *, channel: str) -> int:
    """Ask the Router about every line of the file and print the scores; return 1 when some could not be asked.

    Raises:
        UserError: the file holds no examples, or the channel cannot pay for one.
    """
    examples = _examples(file)
    async with opened() as engine:
        evaluate.check_examples(engine.roster, examples)
        payer = await payer_for(engine, channel)
        run_id = await accept(engine, payer, f"eval routes: {len(examples)} examples of {file.name}", by_hand(EVAL))
        # One after the other, each with every retry: no other process may take the run for dead before that.
        run_s = engine.roster.router.timeout_s * 4 * len(examples)
        run = await engine.store.claim(run_id, owner=owner(), lease_s=run_s + LEASE_MARGIN_S)
        if run is None:
            raise RunLostError
        text, ending = "", StopReason.CANCELLED
        try:
            text, unasked = await _scores(engine, run, examples, run_s=run_s)
            ending = StopReason.PARTIAL if unasked else StopReason.COMPLETED
        except UserError:
            ending = StopReason.BUDGET
            raise
        finally:
            await finish(engine, run, PatternResult(output=text, stop_reason=ending))
    click.echo(text)
    if unasked:
        print_line(
            f"agents: {unasked} of {len(examples)} could not be asked for want of money or time; they count as wrong."
        )
    return 1 if unasked else 0


def _examples(file: Path) -> list[evaluate.Example]:
    try:
        return evaluate.read_examples(file.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UserError(f"{file} is not UTF-8 text. Save it as UTF-8, one JSON object a line.") from None


async def _scores(
    engine: Engine, run: RunRow, examples: Sequence[evaluate.Example], *, run_s: float
) -> tuple[str, int]:
    """Return the report, and the number of examples that could not be asked."""
    payer = run.payer
    ctx = payer_context(payer, run_id=run.id)
    unasked = UnaskedCounter()
    one = _services(engine, run, unasked, engine.roster.limits)
    each = routing_quote(ctx, one)
    whole = each.times(len(examples))
    price = PriceEstimate.of(typical_nusd=whole.typical_nusd, worst_nusd=whole.worst_nusd)
    try:
        await require_budget(engine.balances, payer, each.once_nusd)
    except InsufficientBudgetError as error:
        view = await profiles_of(engine).refusal(payer, error.balance, needs=Needs(price, error.needed_nusd))
        raise UserError(plain(refusal(view))) from None
    print_line(f"{len(examples)} examples, {price_told(price)}.")
    # The roster's limits are those of one request; a file of them is bounded by the month's budget.
    roomy = _services(engine, run, unasked, replace(one.limits, run_nusd=whole.worst_nusd, run_s=run_s))
    await keep_setup(roomy, (), Setup.of(engine.roster, engine.client, engine.client, NOTHING_ON))
    return evaluate.report(await evaluate.evaluate_routes(ctx, roomy, examples)), unasked.count


def _services(engine: Engine, run: RunRow, events: UnaskedCounter, limits: RunLimits) -> Services:
    return open_services(
        runner=AgentRunner(engine.client),
        ledger=engine.ledger,
        journal=engine.journal,
        decisions=engine.questions,
        events=events,
        clock=engine.clock,
        roster=replace(engine.roster, limits=limits),
        payer=run.payer,
        fence=run.fence,
    )
