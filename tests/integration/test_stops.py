"""Runs that are stopped at any of their doors leave nothing held: it is free at once, not with the next sweep."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from patterns.agent import AgentRunner
from patterns.flow import Choice, resolve, run_flow
from patterns.services import open_services
from storage.database.database import Database
from storage.journal import SqlJournal
from storage.ledger.ledger import SqlLedger
from tests.fakes.memory import Memory
from tests.fakes.model import ScriptedModel
from tests.support.ledgers import POLICY, USD, Asking, FakeClock, open_run, rows
from tests.support.pattern_runs import CTX, roster
from tests.unit.patterns.test_broadcast import price_of
from tests.unit.patterns.test_resume import sensible

DOORS = ("hold", "reserve_many", "find", "record", "complete", "settle", "release")


@dataclass
class Tripwire:
    """Stops the run when it goes through its doors for the n-th time, before or after what is behind them."""

    at: int
    before: bool
    passed: int = 0
    run: asyncio.Task[None] | None = None

    async def walk(self, step: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        self.passed += 1
        is_here = self.passed == self.at
        if is_here and self.before:
            self._stop()
        try:
            return await step(*args, **named)
        finally:
            if is_here and not self.before:
                self._stop()

    def _stop(self) -> None:
        assert self.run is not None
        self.run.cancel()


class Door:
    """A port with the tripwire in front of it."""

    def __init__(self, inner: Any, wire: Tripwire) -> None:
        self._inner, self._wire = inner, wire

    def __getattr__(self, name: str) -> Any:
        step = getattr(self._inner, name)
        return (lambda *args, **named: self._wire.walk(step, args, named)) if name in DOORS else step


async def stopped(database: Database, flow: str, wire: Tripwire, *, run_nusd: int) -> None:
    """The run of a flow with a tripwire at its doors; how it ends does not matter here."""
    asking = Asking(f"run{wire.at}")
    await open_run(database, asking)
    clock, people = FakeClock(), Memory()
    ledger = SqlLedger(database, clock, POLICY)
    services = open_services(
        runner=AgentRunner(Door(ScriptedModel(sensible), wire)),  # type: ignore[arg-type]
        ledger=Door(ledger, wire),  # type: ignore[arg-type]
        journal=Door(SqlJournal(database, clock), wire),  # type: ignore[arg-type]
        decisions=people,
        events=people,
        clock=clock,
        roster=roster(run_nusd=run_nusd),
        payer=asking.payer,
        fence=asking.fence,
    )

    async def work() -> None:
        await run_flow(CTX, services, await resolve(CTX, services, Choice(flow)))

    wire.run = asyncio.create_task(work())
    with contextlib.suppress(asyncio.CancelledError):
        await wire.run
    await ledger.close()


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("flow", "run_nusd"), [("fan", USD), ("fan", price_of(2)), ("strict", USD)])
async def test_nothing_stays_held_wherever_a_run_is_stopped(
    database: Database, flow: str, run_nusd: int, *, before: bool
) -> None:
    for at in itertools.count(1):
        wire = Tripwire(at, before)
        await stopped(database, flow, wire, run_nusd=run_nusd)
        held = await rows(database, "SELECT id, state FROM call WHERE state IN ('reserved', 'open')")
        assert (at, held) == (at, [])
        if wire.passed < at:
            break
    assert at > len(DOORS)
    assert await rows(database, "SELECT id FROM account WHERE reserved_nusd <> 0") == []
