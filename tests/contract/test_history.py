"""What both databases remember of earlier runs: prices of flows, workspaces, and runs whose shell is gone."""

from dataclasses import replace

from storage.database.database import Database
from storage.history import ACCEPTED_GRACE_US, RUNS_FEWEST, RUNS_MOST, History
from storage.runs import RunStore
from tests.support.ledgers import NEW_RUN, FakeClock, execute

REQUEST = replace(NEW_RUN, kind="terminal", flow="decide")
LEASE_S = 30.0


async def ended(store: RunStore, clock: FakeClock, *costs_nusd: int, stop_reason: str = "completed") -> None:
    """Runs of the flow, one after the other."""
    for cost_nusd in costs_nusd:
        clock.us += 1_000_000
        run_id, _ = await store.accept(replace(REQUEST, delivery_key=str(clock.us)))
        run = await store.claim(run_id, owner="A", lease_s=LEASE_S)
        assert run is not None
        await store.finish(
            run, stop_reason=stop_reason, result_json="{}", cost_nusd=cost_nusd, executed_ms=1, intents=()
        )


async def test_a_flow_has_a_usual_price_after_enough_runs(
    database: Database, store: RunStore, clock: FakeClock
) -> None:
    history = History(database)
    await ended(store, clock, *[100] * (RUNS_FEWEST - 1))
    assert await history.mean_cost_nusd("T1", "decide") is None
    await ended(store, clock, 201, stop_reason="partial")
    assert await history.mean_cost_nusd("T1", "decide") == 120
    assert await history.mean_cost_nusd("T1", "answer") is None
    assert await history.mean_cost_nusd("T2", "decide") is None


async def test_runs_without_an_answer_and_old_ones_do_not_count(
    database: Database, store: RunStore, clock: FakeClock
) -> None:
    await ended(store, clock, *[900] * 10)
    await ended(store, clock, *[100] * RUNS_MOST)
    for reason in ("failed", "cancelled", "budget"):
        await ended(store, clock, 0, stop_reason=reason)
    assert await History(database).mean_cost_nusd("T1", "decide") == 100


async def test_the_only_workspace_is_known_until_there_is_another(database: Database) -> None:
    history = History(database)
    await execute(database, "INSERT INTO workspace (id) VALUES ('local')")
    assert await history.sole_workspace(besides=("local", "play")) is None
    await execute(database, "INSERT INTO workspace (id) VALUES ('T1')")
    assert await history.sole_workspace(besides=("local", "play")) == "T1"
    await execute(database, "INSERT INTO workspace (id) VALUES ('T2')")
    assert await history.sole_workspace(besides=("local", "play")) is None


async def test_a_shell_is_lost_when_its_lease_ran_out_or_it_never_began(
    database: Database, store: RunStore, clock: FakeClock
) -> None:
    history = History(database)
    owned, _ = await store.accept(replace(REQUEST, delivery_key="owned"))
    begun, _ = await store.accept(replace(REQUEST, delivery_key="begun"))
    await store.accept(replace(REQUEST, delivery_key="slack", kind="slack"))
    await store.claim(owned, owner="A", lease_s=LEASE_S)
    assert await history.orphaned_shell_runs(clock.us) == []
    clock.us += int(LEASE_S * 1_000_000)
    assert await history.orphaned_shell_runs(clock.us) == [owned]
    clock.us += ACCEPTED_GRACE_US
    assert sorted(await history.orphaned_shell_runs(clock.us)) == sorted([owned, begun])
