"""What the ledger promises, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from patterns.errors import BudgetExceededError, CancelledRunError, RunLostError, StorageError
from patterns.limits import Cap
from patterns.money import Usage
from patterns.ports import Charged, Fence, Payer, StepRecord
from storage.database import ConstraintError, Database
from storage.journal import SqlJournal
from storage.ledger import Recovered, SqlLedger
from storage.periods import ClockGuard
from tests.ledgers import CENT, POLICY, START_US, USD, Asking, FakeClock, account, execute, open_run, rows, settled

WORKSPACE = "T1/workspace/T1/2026-11"
CHANNEL = "T1/channel/C1/2026-11"
USER = "T1/user/C1:U1/2026-11"
DECEMBER_US = 1_796_120_000_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def ledger(database: Database, clock: FakeClock) -> AsyncIterator[SqlLedger]:
    made = SqlLedger(database, clock, POLICY)
    yield made
    await made.close()


@pytest.fixture
async def run(database: Database) -> Asking:
    asking = Asking(caps=(Cap("run", "R1", 80 * CENT),))
    await open_run(database, asking)
    return asking


def step(path: str = "ask", text: str = "the answer") -> StepRecord:
    return StepRecord(path=path, input_hash="h", outcome="ok", agent="writer", text=text, data={"n": 1}, cost_nusd=CENT)


async def test_a_hold_counts_against_every_account_and_its_settlement_replaces_it(
    database: Database, ledger: SqlLedger, run: Asking
) -> None:
    hold = await ledger.hold(run.hold(30 * CENT))
    held = [await account(database, id_) for id_ in (WORKSPACE, CHANNEL, USER, "T1/run/R1/")]
    await ledger.settle(hold, settled(10 * CENT), run.fence)
    after = [await account(database, id_) for id_ in (WORKSPACE, CHANNEL, USER, "T1/run/R1/")]
    assert held == [(0, 30 * CENT)] * 4
    assert after == [(10 * CENT, 0)] * 4


@pytest.mark.parametrize(("amount", "admitted"), [(30 * CENT, 3), (10 * CENT, 10), (100 * CENT, 1), (101 * CENT, 0)])
async def test_of_fifty_at_once_exactly_those_that_fit_are_held(
    database: Database, ledger: SqlLedger, amount: int, admitted: int
) -> None:
    run = Asking()
    await open_run(database, run)
    answers = await asyncio.gather(*(ledger.hold(run.hold(amount)) for _ in range(50)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BudgetExceededError)]
    assert (admitted, 50 - admitted) == (50 - len(refused), len(refused))
    assert (0, admitted * amount) == await account(database, CHANNEL)


async def test_two_ledgers_on_one_database_share_one_limit(database_url: str, database: Database) -> None:
    from storage.database import connect  # noqa: PLC0415 - the second process of this test

    other_db = await connect(database_url)
    runs = [Asking("R1"), Asking("R2")]
    for run in runs:
        await open_run(database, run)
    ledgers = [SqlLedger(database, FakeClock(), POLICY), SqlLedger(other_db, FakeClock(), POLICY)]
    answers = await asyncio.gather(
        *(ledgers[n % 2].hold(runs[n % 2].hold(30 * CENT)) for n in range(40)), return_exceptions=True
    )
    for ledger in ledgers:
        await ledger.close()
    await other_db.close()
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 3
    assert await account(database, CHANNEL) == (0, 90 * CENT)


async def test_a_refusal_carries_the_numbers_and_names_the_account(ledger: SqlLedger, run: Asking) -> None:
    await ledger.settle(await ledger.hold(run.hold(30 * CENT)), settled(20 * CENT), run.fence)
    await ledger.hold(run.hold(15 * CENT))
    with pytest.raises(BudgetExceededError) as refused:
        await ledger.hold(run.hold(50 * CENT))
    error = refused.value
    assert (error.kind, error.key, error.needed_nusd, error.limit_nusd) == ("run", "R1", 50 * CENT, 80 * CENT)
    assert (error.settled_nusd, error.reserved_nusd, error.free_nusd) == (20 * CENT, 15 * CENT, 45 * CENT)
    assert str(error) == "The run budget is $0.80: $0.20 spent, $0.15 held. This needs $0.50. Ask an admin for more."


async def test_a_refused_hold_changes_nothing(database: Database, ledger: SqlLedger, run: Asking) -> None:
    with pytest.raises(BudgetExceededError):
        await ledger.hold(run.hold(90 * CENT))
    assert await account(database, CHANNEL) == (0, 0)
    assert await rows(database, "SELECT id FROM call") == []


async def test_asking_twice_for_one_call_holds_once(database: Database, ledger: SqlLedger, run: Asking) -> None:
    request = run.hold(30 * CENT)
    first, second = await ledger.hold(request), await ledger.hold(request)
    assert first == second
    assert await account(database, CHANNEL) == (0, 30 * CENT)


async def test_a_closed_hold_is_not_handed_out_again(ledger: SqlLedger, run: Asking) -> None:
    request = run.hold(30 * CENT)
    await ledger.release([await ledger.hold(request)])
    with pytest.raises(RunLostError):
        await ledger.hold(request)


async def test_a_second_attempt_of_the_same_number_is_refused_by_the_schema(ledger: SqlLedger, run: Asking) -> None:
    await ledger.hold(run.hold(CENT, path="ask"))
    with pytest.raises(ConstraintError):
        await ledger.hold(run.hold(CENT, path="ask"))


async def test_one_bad_operation_does_not_spoil_its_batch(database: Database, ledger: SqlLedger, run: Asking) -> None:
    bad = run.hold(CENT, path="same")
    await ledger.hold(run.hold(CENT, path="same"))
    answers = await asyncio.gather(
        ledger.hold(run.hold(2 * CENT)), ledger.hold(bad), ledger.hold(run.hold(3 * CENT)), return_exceptions=True
    )
    assert [isinstance(answer, ConstraintError) for answer in answers] == [False, True, False]
    assert await account(database, CHANNEL) == (0, 6 * CENT)


@pytest.mark.parametrize("amount", [-1, 2_000_000 * USD])
async def test_a_negative_or_absurd_amount_is_refused(ledger: SqlLedger, run: Asking, amount: int) -> None:
    with pytest.raises(StorageError, match="is not an amount the ledger takes"):
        await ledger.hold(run.hold(amount))


async def test_a_free_call_needs_no_balance(ledger: SqlLedger, run: Asking) -> None:
    await ledger.hold(run.hold(80 * CENT))
    free = await ledger.hold(run.hold(0))
    assert free.amount_nusd == 0


class TestSettling:
    async def test_twice_is_once(self, database: Database, ledger: SqlLedger, run: Asking) -> None:
        hold = await ledger.hold(run.hold(30 * CENT))
        first = await ledger.settle(hold, settled(10 * CENT), run.fence)
        second = await ledger.settle(hold, settled(25 * CENT), run.fence)
        assert first == second
        assert await account(database, CHANNEL) == (10 * CENT, 0)

    async def test_uncertain_counts_the_whole_hold_until_the_truth_arrives(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        hold = await ledger.hold(run.hold(30 * CENT))
        await ledger.settle(hold, Charged("uncertain", 0, reason="timeout"), run.fence)
        uncertain = await account(database, CHANNEL)
        await ledger.settle(hold, settled(10 * CENT), run.fence)
        assert (uncertain, await account(database, CHANNEL)) == ((30 * CENT, 0), (10 * CENT, 0))
        assert [row["action"] for row in await rows(database, "SELECT action FROM audit")] == ["settle_late"]

    async def test_nothing_sent_costs_nothing(self, database: Database, ledger: SqlLedger, run: Asking) -> None:
        hold = await ledger.hold(run.hold(30 * CENT))
        await ledger.settle(hold, Charged("released", 0, reason="refused with 401"), run.fence)
        assert await account(database, CHANNEL) == (0, 0)

    async def test_money_and_result_are_one(self, database: Database, ledger: SqlLedger, run: Asking) -> None:
        hold = await ledger.hold(run.hold(30 * CENT))
        await ledger.settle(hold, settled(10 * CENT), run.fence, step())
        assert step() == await SqlJournal(database, FakeClock()).find("R1", "ask")

    async def test_a_lost_run_still_pays_and_publishes_nothing(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        hold = await ledger.hold(run.hold(30 * CENT))
        await execute(database, "UPDATE run SET epoch = 2 WHERE id = 'R1'")
        with pytest.raises(RunLostError):
            await ledger.settle(hold, settled(10 * CENT), run.fence, step())
        assert await account(database, CHANNEL) == (10 * CENT, 0)
        assert await SqlJournal(database, FakeClock()).find("R1", "ask") is None

    async def test_next_month_pays_from_the_month_of_the_hold(
        self, database: Database, ledger: SqlLedger, run: Asking, clock: FakeClock
    ) -> None:
        hold = await ledger.hold(run.hold(30 * CENT))
        clock.us = DECEMBER_US
        await ledger.hold(run.hold(5 * CENT))
        await ledger.settle(hold, settled(10 * CENT), run.fence)
        assert await account(database, CHANNEL) == (10 * CENT, 0)
        assert await account(database, "T1/channel/C1/2026-12") == (0, 5 * CENT)

    async def test_an_unknown_hold_is_an_error(self, ledger: SqlLedger, run: Asking) -> None:
        from patterns.ports import Hold  # noqa: PLC0415 - made up, as nobody should

        with pytest.raises(StorageError, match="no open hold"):
            await ledger.settle(Hold("never", CENT), settled(CENT), run.fence)

    async def test_spend_is_summed_for_reports(self, database: Database, ledger: SqlLedger, run: Asking) -> None:
        for charged in (
            Charged("settled", 10 * CENT, Usage(100, 20)),
            Charged("uncertain", 0),
            Charged("released", 0),
        ):
            await ledger.settle(await ledger.hold(run.hold(20 * CENT)), charged, run.fence)
        (row,) = await rows(database, "SELECT * FROM spend")
        assert (row["calls"], row["settled_nusd"], row["uncertain_nusd"]) == (2, 30 * CENT, 20 * CENT)
        assert (row["input_tokens"], row["output_tokens"], row["user_id"]) == (100, 20, "U1")


class TestOverrun:
    async def test_is_settled_in_full_and_stops_the_model(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        hold = await ledger.hold(run.hold(10 * CENT))
        settlement = await ledger.settle(hold, settled(25 * CENT), run.fence)
        with pytest.raises(BudgetExceededError) as refused:
            await ledger.hold(run.hold(CENT))
        other = await ledger.hold(run.hold(CENT, model="another"))
        assert (settlement.actual_nusd, settlement.overrun_nusd) == (25 * CENT, 15 * CENT)
        assert refused.value.blocked == "quarantined"
        assert other.amount_nusd == CENT
        assert await account(database, CHANNEL) == (25 * CENT, CENT)

    async def test_past_the_limit_freezes_the_channel(self, ledger: SqlLedger, run: Asking) -> None:
        await ledger.settle(await ledger.hold(run.hold(70 * CENT)), settled(120 * CENT), run.fence)
        with pytest.raises(BudgetExceededError) as refused:
            await ledger.hold(run.hold(0, model="another"))
        assert refused.value.blocked == "frozen"

    async def test_a_raised_allowance_holds_more_of_that_model(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        await ledger.settle(await ledger.hold(run.hold(10 * CENT)), settled(15 * CENT), run.fence)
        await execute(database, "UPDATE model_quarantine SET lifted_us = 1, allowance_pct = 150")
        again = await ledger.hold(run.hold(10 * CENT))
        assert again.amount_nusd == 15 * CENT


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


async def test_a_direct_message_is_paid_from_the_persons_own_month(database: Database, ledger: SqlLedger) -> None:
    run = Asking("R1", payer=Payer("T1", "D9", "dm", "U7"))
    await open_run(database, run)
    await ledger.hold(run.hold(40 * CENT))
    assert await account(database, "T1/dm/U7/2026-11") == (0, 40 * CENT)
    assert await rows(database, "SELECT id FROM account WHERE kind IN ('channel', 'user')") == []
