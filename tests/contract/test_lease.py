"""An owner that misses the database keeps working, a run that misses it is resumed, and neither ends for it."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bot.runs import lease
from bot.runs.executor import Executor
from bot.runs.lease import LEASE_S, Lease
from bot.telemetry.observers import NOBODY
from patterns.core.errors import RunLostError, StorageError
from patterns.core.events import PatternResult, StopReason
from storage.database.database import ConstraintError
from storage.execution.ownership import RunSessions
from storage.journal import SqlJournal
from storage.ledger.ledger import SqlLedger
from storage.questions import Questions
from storage.run_rows import RunRow
from storage.runs import RunStore
from tests.contract.test_runs_store import REQUEST
from tests.support.ledgers import POLICY, FakeClock

AWAY = StorageError("PostgreSQL does not answer.")
LET_GO: list[RunRow] = []
"""Runs of which nothing more may be shown."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.001)


async def owned(store: RunStore) -> RunRow:
    run_id, _ = await store.accept(replace(REQUEST, thread_ts="", delivery_key="one"))
    run = await store.claim(run_id, owner="A", lease_s=LEASE_S)
    assert run is not None
    return run


async def test_a_renewal_that_fails_is_tried_again(
    store: RunStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, renew, answers = await owned(store), store.renew_all, [AWAY, AWAY]
    lease, seen = Lease(store, clock), list[bool]()

    async def sometimes(*arguments: Any, **named: Any) -> list[tuple[bool, str | None]]:
        if answers:
            seen.append(lease.is_renewed)
            raise answers.pop()
        seen.append(lease.is_renewed)
        await store.request_cancel(run.id, by="U2")
        return await renew(*arguments, **named)

    monkeypatch.setattr(store, "renew_all", sometimes)
    async with asyncio.timeout(10):
        with lease.renewed(run, lambda: 5) as over:
            await over
    assert (answers, seen, lease.is_renewed) == ([], [True, False, False], True)


async def test_a_lease_that_was_given_up_is_not_renewed_by_a_heartbeat_that_comes_late(store: RunStore) -> None:
    run = await owned(store)
    await store.release(run.fence, executed_ms=1)
    assert await store.renew_all([(run.fence, 2)], lease_s=LEASE_S) == [(False, None)]
    freed = await store.claim(run.id, owner="B", lease_s=LEASE_S)
    assert freed is not None


async def test_an_owner_hears_that_it_is_one_no_more(store: RunStore, clock: FakeClock) -> None:
    run = await owned(store)
    clock.us += int(LEASE_S * 1e6)
    assert await store.claim(run.id, owner="B", lease_s=LEASE_S) is not None
    with Lease(store, clock).renewed(run, lambda: 5) as over, pytest.raises(RunLostError):
        await over


async def test_words_that_still_wait_are_dropped_when_the_run_goes_on_elsewhere(
    store: RunStore, clock: FakeClock
) -> None:
    run = await owned(store)
    clock.us += int(LEASE_S * 1e6)
    assert await store.claim(run.id, owner="B", lease_s=LEASE_S) is not None

    async def tell() -> None:
        async with Lease(store, clock).delivering(run):
            await asyncio.Event().wait()

    with pytest.raises(RunLostError):
        await asyncio.wait_for(tell(), 10)


def executor(store: RunStore, clock: FakeClock, outcome: Any) -> Executor[Any]:
    """One whose work ends in that way."""

    async def begin(run: RunRow) -> RunRow:
        return run

    async def execute(*_arguments: Any, **_named: Any) -> PatternResult:
        if isinstance(outcome, Exception):
            raise outcome
        return PatternResult(output=outcome, stop_reason=StopReason.COMPLETED)

    async def nothing(*_arguments: Any) -> None:
        """Nothing is imported."""

    async def is_shown(_run: RunRow) -> bool:
        return False

    database = store._db
    ledger = SqlLedger(database, clock, POLICY)
    journal, questions = SqlJournal(database, clock), Questions(database, clock)
    sessions = RunSessions(database, store=store, ledger=ledger, journal=journal, questions=questions)
    client = SimpleNamespace(warm=nothing)
    engine: Any = SimpleNamespace(
        store=store,
        clock=clock,
        execute=execute,
        ledger=ledger,
        client=client,
        sessions=sessions,
        telemetry=NOBODY,
    )
    delivery = SimpleNamespace(
        begin=begin,
        may_stream=lambda _run: False,
        progress=None,
        outbox=None,
        is_shown=is_shown,
        release=LET_GO.append,
    )
    return Executor(engine, delivery, SimpleNamespace(), owner="A")  # type: ignore[arg-type]


async def accepted(store: RunStore) -> str:
    run_id, _ = await store.accept(replace(REQUEST, thread_ts="", delivery_key="one"))
    return run_id


async def test_a_run_that_misses_the_database_is_left_and_resumed(store: RunStore, clock: FakeClock) -> None:
    LET_GO.clear()
    run_id = await accepted(store)
    await executor(store, clock, AWAY).execute(run_id)
    assert [run.id for run in LET_GO] == [run_id]
    left = await store.get(run_id)
    assert left is not None
    assert (left.status, left.stop_reason) == ("running", "")
    clock.us += int(LEASE_S * 1e6)
    await executor(store, clock, "Yes.").execute(run_id)
    ended = await store.get(run_id)
    assert ended is not None
    assert (ended.status, ended.stop_reason, ended.epoch) == ("done", "completed", 2)


async def test_an_owner_that_has_worked_on_its_run_ends_it_without_reading_it_again(
    store: RunStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, get = await accepted(store), store.get
    monkeypatch.setattr(store, "get", None)
    await executor(store, clock, "Yes.").execute(run_id)
    ended = await get(run_id)
    assert ended is not None
    assert (ended.status, ended.stop_reason) == ("done", "completed")


async def test_a_broken_rule_of_the_schema_is_a_defect_and_ends_the_run(store: RunStore, clock: FakeClock) -> None:
    run_id = await accepted(store)
    await executor(store, clock, ConstraintError("no")).execute(run_id)
    ended = await store.get(run_id)
    assert ended is not None
    assert (ended.status, ended.stop_reason) == ("done", "failed")


async def test_what_is_being_delivered_is_known_to_be_ours_whatever_the_clock_says(
    store: RunStore, clock: FakeClock
) -> None:
    run, lease = await owned(store), Lease(store, clock)
    async with lease.delivering(run):
        assert (lease.is_kept(run.id), lease.is_kept("another")) == (True, False)
    assert not lease.is_kept(run.id)
