"""`agents eval FILE`: run a dataset's cases as paid runs, check every answer, and compare rosters or models.

A case is a run like any other: priced, held, in the ledger and the journal. Its key is made of the batch, so a batch
that was interrupted goes on where it was, and nothing is paid twice.
"""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from bot.cli.eval_judge import Judge, judge_of
from bot.cli.eval_runs import CaseRuns, choice_of
from bot.cli.shell import interruptible, opened, payer_for
from bot.cli.terminal import print_line
from bot.evals.checks import LLMJudge
from bot.evals.dataset import Case, Dataset, read_dataset
from bot.evals.report import Result, as_junit, table, write_json
from bot.messages.price_text import price_told
from bot.runs.engine import Engine
from patterns.core.errors import RosterError, UserError
from patterns.core.holds import Payer
from patterns.core.quotes import PriceEstimate
from patterns.flow import Plan

PASSED, FAILED, NOT_RUN, STOPPED = 0, 1, 2, 130


@dataclass(frozen=True, slots=True)
class Batch:
    """The command line of `agents eval`. Several rosters or models make a variant each."""

    file: Path
    rosters: tuple[Path, ...] = ()
    models: tuple[str, ...] = ()
    flow: str = ""
    repeat: int = 1
    channel: str = "terminal"
    concurrency: int = 4
    judge: str = ""
    json_file: Path | None = None
    junit_file: Path | None = None
    yes: bool = False
    resume: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def key(self) -> str:
        """Return the id of the batch, also over interruptions."""
        return self.resume or self.id


@dataclass(frozen=True, slots=True)
class Variant:
    """One roster with one pair of models; None is the deployment's own."""

    name: str
    roster: Path | None
    model: str | None

    @asynccontextmanager
    async def opened(self, *, starts_model: bool = True) -> AsyncIterator[Engine]:
        """Open an engine of this variant."""
        async with opened(starts_model=starts_model, roster=self.roster, model=self.model) as engine:
            if self.model is not None and engine.choice is None:
                raise UserError(
                    f"The roster names its own models, so --model {self.model} would change nothing: write it into a"
                    " copy of the roster, and compare both with --roster."
                )
            yield engine


def variants_of(batch: Batch) -> list[Variant]:
    """Return every roster with every model."""
    rosters: Sequence[Path | None] = batch.rosters or (None,)
    models: Sequence[str | None] = batch.models or (None,)
    made = [
        Variant(
            " · ".join([*([roster.name] if roster else []), *([model] if model else [])]) or "roster", roster, model
        )
        for roster in rosters
        for model in models
    ]
    twice = len({one.name for one in made}) < len(made)
    return [replace(one, name=f"{one.name} ({at})") for at, one in enumerate(made, 1)] if twice else made


def _variant_name(roster: Path | None, model: str | None) -> str:
    return " · ".join([*([roster.name] if roster else []), *([model] if model else [])]) or "roster"


async def evaluate_cases(batch: Batch) -> int:
    """Run and check every case; return 0 when all passed, 1 when not, 2 when some could not be run, 130 when stopped.

    Raises:
        UserError: the file, a flow or a model cannot be used, or nobody agreed to the price.
    """
    dataset = _read(batch.file)
    stopped, results = asyncio.Event(), list[Result]()
    with interruptible(stopped):
        variants = variants_of(batch)
        await _agree(batch, dataset, variants)
        for variant in variants:
            async with variant.opened() as engine:
                payer = await payer_for(engine, batch.channel)
                parts = engine, payer, batch.key, variant.name, batch.flow, bool(batch.resume), stopped
                with _progress(len(dataset.cases) * batch.repeat, variant.name) as step:
                    results += await CaseRuns(*parts).all(
                        dataset, repeat=batch.repeat, concurrency=batch.concurrency, step=step
                    )
        if any(isinstance(check, LLMJudge) for case in dataset.cases for check in case.checks):
            results = await _judge(batch, dataset, variants[0], results, stopped)
    click.echo(table(results))
    _write(batch, dataset, results)
    unrun = [result for result in results if result.problem]
    if stopped.is_set() or unrun:
        print_line(f"agents: {len(unrun)} of {len(results)} were not run. Go on with --resume {batch.key}.")
    if stopped.is_set():
        return STOPPED
    return NOT_RUN if unrun else PASSED if all(result.passed for result in results) else FAILED


async def _judge(
    batch: Batch, dataset: Dataset, variant: Variant, results: Sequence[Result], stopped: asyncio.Event
) -> list[Result]:
    """Return the results with what the judge says; one variant's judge judges them all."""
    cases = {case.name: case for case in dataset.cases}
    found = []
    async with variant.opened() as engine:
        judge = Judge(engine, await payer_for(engine, batch.channel), judge_of(engine.roster, batch.judge), batch.key)
        with _progress(len(results), "judged") as step:
            for result in results:
                is_asked = not (stopped.is_set() or result.problem)
                own = await judge.verdicts(cases[result.case], result) if is_asked else []
                found.append(replace(result, verdicts=(*result.verdicts, *own)))
                step()
    return found


def _read(file: Path) -> Dataset:
    try:
        return read_dataset(file.read_text("utf-8"), file=file.name)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UserError(f"{file} is not UTF-8 text. Save it as UTF-8.") from None


def _write(batch: Batch, dataset: Dataset, results: Sequence[Result]) -> None:
    if batch.json_file is not None:
        batch.json_file.write_text(write_json(dataset.name, results), "utf-8")
    if batch.junit_file is not None:
        batch.junit_file.write_text(as_junit(dataset.name, results), "utf-8")


async def _agree(batch: Batch, dataset: Dataset, variants: Sequence[Variant]) -> None:
    """Say what all of it costs, and ask whether that is meant, unless that was said beforehand."""
    typical_nusd = worst_nusd = runs = 0
    limits_nusd = []
    for variant in variants:
        async with variant.opened(starts_model=False) as engine:
            payer = await payer_for(engine, batch.channel)
            limits_nusd.append(engine.roster.limits.confirm_above_nusd)
            for case in dataset.cases:
                plan = await _plan(engine, payer, batch, case)
                runs += batch.repeat
                typical_nusd += batch.repeat * plan.price.expected_nusd
                worst_nusd += batch.repeat * plan.price.worst_nusd
    price = PriceEstimate.of(typical_nusd=typical_nusd, worst_nusd=worst_nusd)
    print_line(f"{runs} run{'s' * (runs != 1)}, {price_told(price)}. This batch is {batch.key}.")
    if batch.yes or batch.resume or price.expected_nusd <= min(limits_nusd):
        return
    if not sys.stdin.isatty():
        raise UserError("Nobody is here to agree to that price. Agree beforehand with --yes.")
    if not click.confirm("Run them?", default=False, err=True):
        raise UserError("Nothing was run.")


async def _plan(engine: Engine, payer: Payer, batch: Batch, case: Case) -> Plan:
    try:
        return await engine.quote(payer, case.inputs.request, choice_of(case, batch.flow))
    except (UserError, RosterError) as error:
        raise UserError(f"{case.name}: {error}") from None


@contextmanager
def _progress(length: int, label: str) -> Iterator[Callable[[], None]]:
    """Show a bar on a terminal, and nothing where nobody looks."""
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield lambda: bar.update(1)
