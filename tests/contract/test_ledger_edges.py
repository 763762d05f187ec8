"""Reservations, owners that die, callers that go, months that turn: on both databases."""

import asyncio
from dataclasses import replace

import pytest

from patterns.core.errors import BudgetExceededError, CancelledRunError, RunLostError, StorageError
from patterns.core.holds import Charged, Fence, Payer
from patterns.core.limits import Cap
from patterns.core.step_record import StepRecord
from storage.database.database import Database
from storage.journal import SqlJournal
from storage.ledger.ledger import Recovered, SqlLedger
from storage.ledger.periods import ClockGuard
from tests.support.ledgers import CENT, POLICY, START_US, Asking, FakeClock, account, execute, rows, settled

CHANNEL = "T1/channel/C1/2026-11"
DECEMBER_US = 1_796_120_000_000_000


def step(path: str = "ask", text: str = "the answer") -> StepRecord:
    return StepRecord(path=path, input_hash="h", outcome="ok", agent="writer", text=text, data={"n": 1}, cost_nusd=CENT)


class TestReservations:
    async def test_are_all_or_nothing(self, database: Database, ledger: SqlLedger, run: Asking) -> None:
        with pytest.raises(BudgetExceededError) as refused:
            await ledger.reserve_many([run.reserve(30 * CENT) for _ in range(3)])
        assert (refused.value.kind, refused.value.needed_nusd) == ("run", 90 * CENT)
        assert await account(database, CHANNEL) == (0, 0)

    async def test_are_drawn_on_without_counting_twice(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        (kept,) = await ledger.reserve_many([run.reserve(75 * CENT)])
        hold = await ledger.hold(run.hold(50 * CENT, envelope=kept.call_id))
        drawn = await account(database, CHANNEL)
        await ledger.settle(hold, settled(20 * CENT), run.fence)
        await ledger.release([kept])
        assert drawn == (0, 75 * CENT)
        assert await account(database, CHANNEL) == (20 * CENT, 0)

    async def test_a_hold_above_its_envelope_needs_only_the_difference(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        (kept,) = await ledger.reserve_many([run.reserve(60 * CENT)])
        await ledger.hold(run.hold(80 * CENT, envelope=kept.call_id))
        with pytest.raises(BudgetExceededError):
            await ledger.hold(run.hold(CENT, envelope=kept.call_id))
        assert await account(database, CHANNEL) == (0, 80 * CENT)

    async def test_an_account_the_envelope_does_not_share_pays_in_full(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        (kept,) = await ledger.reserve_many([run.reserve(60 * CENT)])
        stage = (*run.caps, Cap("stage", "R1:draft", 20 * CENT))
        with pytest.raises(BudgetExceededError) as refused:
            await ledger.hold(run.hold(30 * CENT, caps=stage, envelope=kept.call_id))
        await ledger.hold(run.hold(15 * CENT, caps=stage, envelope=kept.call_id))
        assert refused.value.kind == "stage"
        assert await account(database, "T1/stage/R1:draft/") == (0, 15 * CENT)
        assert await account(database, CHANNEL) == (0, 60 * CENT)

    async def test_what_an_attempt_did_not_spend_is_kept_for_the_next(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        (kept,) = await ledger.reserve_many([run.reserve(60 * CENT)])
        hold = await ledger.hold(run.hold(50 * CENT, envelope=kept.call_id))
        await ledger.settle(hold, Charged("released", 0, reason="overloaded"), run.fence)
        unbilled = await account(database, CHANNEL)
        await ledger.settle(await ledger.hold(run.hold(60 * CENT, envelope=kept.call_id)), settled(5 * CENT), run.fence)
        assert (unbilled, await account(database, CHANNEL)) == ((0, 60 * CENT), (5 * CENT, 55 * CENT))
        await ledger.release([kept])
        assert await account(database, CHANNEL) == (5 * CENT, 0)

    async def test_nothing_goes_back_to_one_that_was_let_go(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        (kept,) = await ledger.reserve_many([run.reserve(60 * CENT)])
        hold = await ledger.hold(run.hold(50 * CENT, envelope=kept.call_id))
        await ledger.release([kept])
        await ledger.settle(hold, Charged("released", 0, reason="overloaded"), run.fence)
        assert await account(database, CHANNEL) == (0, 0)

    async def test_cannot_be_sent(self, ledger: SqlLedger, run: Asking) -> None:
        (kept,) = await ledger.reserve_many([run.reserve(CENT)])
        with pytest.raises(StorageError):
            await ledger.settle(kept, settled(CENT), run.fence)


class TestOwnership:
    async def test_an_older_epoch_may_not_hold(self, database: Database, ledger: SqlLedger, run: Asking) -> None:
        await execute(database, "UPDATE run SET epoch = 2 WHERE id = 'R1'")
        with pytest.raises(RunLostError):
            await ledger.hold(run.hold(CENT))
        with pytest.raises(RunLostError):
            await ledger.reserve_many([run.reserve(CENT)])

    async def test_a_stopped_run_may_not_hold(self, database: Database, ledger: SqlLedger, run: Asking) -> None:
        await execute(database, "UPDATE run SET cancel_requested_by = 'U2' WHERE id = 'R1'")
        with pytest.raises(CancelledRunError):
            await ledger.hold(run.hold(CENT))

    async def test_after_a_crash_reservations_are_free_and_open_calls_uncertain(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        await ledger.reserve_many([run.reserve(30 * CENT)])
        await ledger.hold(run.hold(20 * CENT))
        await execute(database, "UPDATE run SET epoch = 2 WHERE id = 'R1'")
        recovered = await ledger.recover_run(Fence("R1", 2))
        assert Recovered(released=1, uncertain=1, uncertain_nusd=20 * CENT) == recovered
        assert await account(database, CHANNEL) == (20 * CENT, 0)
        assert Recovered(0, 0, 0) == await ledger.recover_run(Fence("R1", 2))

    async def test_the_sweep_ends_what_finished_runs_left(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        await ledger.hold(run.hold(20 * CENT))
        running = await ledger.sweep()
        await execute(database, "UPDATE run SET status = 'done' WHERE id = 'R1'")
        assert (Recovered(0, 0, 0), Recovered(0, 1, 20 * CENT)) == (running, await ledger.sweep())

    async def test_a_new_owner_counts_attempts_from_one(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        await ledger.hold(run.hold(CENT, path="ask"))
        await execute(database, "UPDATE run SET epoch = 2 WHERE id = 'R1'")
        again = Asking(epoch=2)
        hold = await ledger.hold(again.hold(CENT, path="ask"))
        assert hold.amount_nusd == CENT


class TestCancelledCallers:
    async def test_a_hold_nobody_waits_for_is_released(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        waiting = asyncio.create_task(ledger.hold(run.hold(30 * CENT)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await ledger.close()
        calls = [row["state"] for row in await rows(database, "SELECT state FROM call")]
        assert calls == ["released"]
        assert await account(database, CHANNEL) == (0, 0)

    async def test_a_hold_not_yet_begun_never_is(self, database: Database, ledger: SqlLedger, run: Asking) -> None:
        waiting = asyncio.create_task(ledger.hold(run.hold(30 * CENT)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await ledger.close()
        assert await rows(database, "SELECT id FROM call") == []

    async def test_a_settlement_happens_all_the_same(self, database: Database, ledger: SqlLedger, run: Asking) -> None:
        hold = await ledger.hold(run.hold(30 * CENT))
        waiting = asyncio.create_task(ledger.settle(hold, settled(10 * CENT), run.fence, step()))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await ledger.close()
        assert await account(database, CHANNEL) == (10 * CENT, 0)
        assert step() == await SqlJournal(database, FakeClock()).find("R1", "ask")


class TestPeriods:
    async def test_a_clock_that_steps_back_stays_in_the_newer_month(
        self, database: Database, ledger: SqlLedger, run: Asking, clock: FakeClock
    ) -> None:
        clock.us = DECEMBER_US
        await ledger.hold(run.hold(CENT))
        clock.us = START_US
        await ledger.hold(run.hold(CENT))
        assert await account(database, "T1/channel/C1/2026-12") == (0, 2 * CENT)

    async def test_a_clock_far_from_slacks_opens_no_month(
        self, database: Database, run: Asking, clock: FakeClock
    ) -> None:
        guard = ClockGuard(clock)
        ledger = SqlLedger(database, clock, POLICY, guard=guard)
        await ledger.hold(run.hold(CENT))
        clock.us += 10 * 365 * 86_400 * 1_000_000
        guard.observe("1795000000.000100")
        await ledger.hold(run.hold(CENT))
        strange = replace(run, payer=Payer("T1", "C2", "channel", "U1"))
        with pytest.raises(BudgetExceededError) as refused:
            await ledger.hold(strange.hold(CENT))
        assert await account(database, CHANNEL) == (0, 2 * CENT)
        assert refused.value.blocked == "clock"

    async def test_a_new_zone_takes_effect_with_the_next_month(
        self, database: Database, ledger: SqlLedger, run: Asking, clock: FakeClock
    ) -> None:
        await ledger.hold(run.hold(CENT))
        await execute(database, "UPDATE channel SET next_zone = 'Pacific/Kiritimati' WHERE id = 'C1'")
        clock.us = 1_796_038_200_000_000  # 2026-11-30 10:30 UTC, already December in Kiritimati
        await ledger.hold(run.hold(CENT))
        (before,) = await rows(database, "SELECT zone, period FROM channel WHERE id = 'C1'")
        clock.us = DECEMBER_US
        await ledger.hold(run.hold(CENT))
        (after,) = await rows(database, "SELECT zone, period FROM channel WHERE id = 'C1'")
        assert (before["zone"], before["period"]) == (None, "2026-11")
        assert (after["zone"], after["period"]) == ("Pacific/Kiritimati", "2026-12")


class TestJournal:
    async def test_the_first_writer_of_a_decision_wins(self, database: Database, run: Asking) -> None:
        journal = SqlJournal(database, FakeClock())
        first = StepRecord(path="plan", input_hash="h", outcome="decision", data={"voices": 2})
        second = first.model_copy(update={"data": {"voices": 3}})
        assert await journal.record(run.fence, first) == first
        assert await journal.record(run.fence, second) == first
        assert await journal.steps("R1") == [first]

    async def test_a_lost_run_decides_nothing(self, database: Database, run: Asking) -> None:
        journal = SqlJournal(database, FakeClock())
        with pytest.raises(RunLostError):
            await journal.record(Fence(run.run_id, 7), StepRecord(path="plan", input_hash="h", outcome="decision"))
        assert await journal.find("R1", "plan") is None
