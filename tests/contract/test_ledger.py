"""What the ledger promises, on both databases."""

import asyncio

import pytest

from patterns.core.errors import BudgetExceededError, RunLostError, StorageError
from patterns.core.holds import Charged, Payer, Settlement
from patterns.core.money import Usage
from patterns.core.step_record import StepRecord
from storage.database.database import ConstraintError, Database
from storage.journal import SqlJournal
from storage.ledger.budgets import Budgets
from storage.ledger.ledger import SqlLedger
from tests.support.ledgers import CENT, POLICY, USD, Asking, FakeClock, account, execute, open_run, rows, settled

WORKSPACE = "T1/workspace/T1/2026-11"
CHANNEL = "T1/channel/C1/2026-11"
USER = "T1/user/C1:U1/2026-11"
DECEMBER_US = 1_796_120_000_000_000


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
    from storage.database.connect import connect  # noqa: PLC0415 - the second process of this test

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
    assert str(error) == (
        "The limit of this run is $0.80: $0.20 spent, $0.15 held. This needs $0.50. Ask an admin for more."
    )


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

    async def test_a_bill_for_a_released_call_counts_in_full_and_is_written_down(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        hold = await ledger.hold(run.hold(30 * CENT))
        await ledger.settle(hold, Charged("uncertain", 0, reason="timeout"), run.fence)
        budgets = Budgets(database, FakeClock(), POLICY)
        await budgets.release_uncertain("T1", hold.call_id, actor="U9", reason="not on the bill")
        for _ in range(2):
            settlement = await ledger.settle(hold, settled(10 * CENT), run.fence)
        audits = await rows(database, "SELECT actor, action, reason, after_json FROM audit ORDER BY action")
        spent = await rows(database, "SELECT calls, settled_nusd, uncertain_nusd FROM spend")
        assert settlement == Settlement(10 * CENT, 0)
        assert await account(database, CHANNEL) == (10 * CENT, 0)
        assert spent == [{"calls": 1, "settled_nusd": 10 * CENT, "uncertain_nusd": 0}]
        assert [row["action"] for row in audits] == ["release_uncertain", "settle_released"]
        assert audits[1] == {
            "actor": "ledger",
            "action": "settle_released",
            "reason": "small billed $0.10 for a call that had been released",
            "after_json": '{"state": "settled", "actual_nusd": 100000000}',
        }

    async def test_a_bill_for_a_released_call_past_the_limit_freezes_the_channel(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        hold = await ledger.hold(run.hold(80 * CENT))
        await ledger.settle(hold, Charged("released", 0, reason="refused"), run.fence)
        await Budgets(database, FakeClock(), POLICY).set_limit(run.payer, 70 * CENT, actor="U9")
        await ledger.hold(run.hold(0))
        await ledger.settle(hold, settled(80 * CENT), run.fence)
        assert await account(database, CHANNEL) == (80 * CENT, 0)
        with pytest.raises(BudgetExceededError, match="for a call that had been released"):
            await ledger.hold(run.hold(0))

    async def test_a_reservation_that_was_released_is_never_billed(
        self, database: Database, ledger: SqlLedger, run: Asking
    ) -> None:
        (kept,) = await ledger.reserve_many([run.reserve(30 * CENT)])
        await ledger.release([kept])
        assert await ledger.settle(kept, settled(10 * CENT), run.fence) == Settlement(0, 0)
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
        from patterns.core.holds import Hold  # noqa: PLC0415 - made up, as nobody should

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


async def test_a_direct_message_is_paid_from_the_persons_own_month(database: Database, ledger: SqlLedger) -> None:
    run = Asking("R1", payer=Payer("T1", "D9", "dm", "U7"))
    await open_run(database, run)
    await ledger.hold(run.hold(40 * CENT))
    assert await account(database, "T1/dm/U7/2026-11") == (0, 40 * CENT)
    assert await rows(database, "SELECT id FROM account WHERE kind IN ('channel', 'user')") == []
