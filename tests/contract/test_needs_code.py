"""A run that needs newer code than a process has is neither claimed, delivered nor ended by it, on one database."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from patterns.roster.schema import SNAPSHOT_CODE
from storage.database.connect import CODE_VERSION, connect
from storage.database.database import Database
from storage.database.statements import Query, Row, Work, single
from storage.fair_queue import FairQueue
from storage.history import ACCEPTED_GRACE_US, History
from storage.run_rows import NewRun, RunRow
from storage.runs import RunStore
from tests.support.ledgers import NEW_RUN, FakeClock, park, rows

LEASE_S = 30.0
DAY_US = 86_400_000_000
REQUEST = replace(NEW_RUN, thread_ts="1.1", flow="answer", delivery_key="k1")
FUTURE = CODE_VERSION + 1


def _statements() -> Mapping[str, Query]:
    blocks = re.split(r"^-- name: (\w+)\n", Path(__file__).with_name("version_7.sql").read_text(), flags=re.MULTILINE)
    return {name: Query(name, sql.strip().rstrip(";")) for name, sql in zip(blocks[1::2], blocks[2::2], strict=True)}


OLD = _statements()


class OldCode:
    """A process of code version 7, which knows nothing of `needs_code`: its statements in its order."""

    def __init__(self, db: Database, clock: FakeClock) -> None:
        self._db = db
        self._clock = clock

    async def run(self, name: str, **params: object) -> list[Row]:
        return await self._db.write(lambda: single(OLD[name](**params)))

    async def claim(self, run: RunRow) -> bool:
        now_us = self._clock.now_us()
        thread = {"workspace": run.workspace, "channel": run.channel, "thread_ts": run.thread_ts}

        def work() -> Work[bool]:
            occupied = yield OLD["occupy_thread"](**thread, run_id=run.id, user_id=run.user)
            if not occupied:
                return False
            rows = yield OLD["claim_run"](id=run.id, owner="old", lease_until_us=now_us + 1, now_us=now_us)
            return bool(rows)

        return await self._db.write(work)

    async def claim_telling(self, run: RunRow) -> bool:
        now_us = self._clock.now_us()
        return bool(await self.run("claim_telling", id=run.id, owner="old", lease_until_us=now_us + 1, now_us=now_us))


@pytest.fixture
def old(database: Database, clock: FakeClock) -> OldCode:
    return OldCode(database, clock)


async def accepted(store: RunStore, new: NewRun = REQUEST) -> RunRow:
    run = await store.get((await store.accept(new))[0])
    assert run is not None
    return run


async def claimed(store: RunStore, run: RunRow) -> RunRow:
    found = await store.claim(run.id, owner="new", lease_s=LEASE_S)
    assert found is not None
    return found


async def ended(store: RunStore, run: RunRow) -> None:
    await store.finish(run, stop_reason="completed", result_json="{}", cost_nusd=0, executed_ms=1, intents=["answer/0"])
    await store.release(run.fence, executed_ms=1)


def test_what_runs_store_can_be_read_by_the_program_that_stores_it() -> None:
    assert 0 <= SNAPSHOT_CODE <= CODE_VERSION


# ---------------------------------------------------------------- code before needs_code


async def test_older_code_neither_claims_a_new_run_nor_keeps_its_thread(
    store: RunStore, old: OldCode, database: Database
) -> None:
    run = await accepted(store)
    assert await old.claim(run) is False
    assert await store.get(run.id) == run
    assert await rows(database, "SELECT active_run FROM thread") == []
    own = await accepted(store, replace(REQUEST, delivery_key="k2", needs_code=0))
    assert await old.claim(own) is True


async def test_older_code_does_not_take_over_a_new_run_whose_owner_died(
    store: RunStore, old: OldCode, clock: FakeClock
) -> None:
    run = await claimed(store, await accepted(store))
    clock.us += DAY_US
    await old.run("break_leases")
    assert await old.claim(run) is False
    again = await claimed(store, run)
    assert (again.status, again.epoch) == ("running", 2)


@pytest.mark.parametrize("status", ["parked", "done"])
async def test_older_code_delivers_neither_question_nor_answer_of_a_new_run(
    store: RunStore, old: OldCode, status: str
) -> None:
    run = await claimed(store, await accepted(store))
    if status == "done":
        await ended(store, run)
    else:
        await park(store, run.fence, executed_ms=1)
        await store.release(run.fence, executed_ms=1)
    assert await old.claim_telling(run) is False
    told = await store.claim_redelivery(run.id, owner="new", lease_s=LEASE_S)
    assert told is not None
    assert (told.status, told.epoch) == (status, 2)


async def test_a_stop_or_a_decision_in_older_code_is_carried_out_by_newer_code(store: RunStore, old: OldCode) -> None:
    run = await claimed(store, await accepted(store))
    await park(store, run.fence, executed_ms=1)
    assert len(await old.run("cancel_run", id=run.id, user_id="U9")) == 1
    assert len(await old.run("wake_run", id=run.id)) == 1
    assert await old.claim(run) is False
    assert (await claimed(store, run)).cancel_requested_by == "U9"


async def test_older_code_goes_on_with_the_runs_it_can_read(store: RunStore, old: OldCode, clock: FakeClock) -> None:
    run = await accepted(store, replace(REQUEST, needs_code=0))
    mine = await claimed(store, run)
    clock.us += DAY_US
    assert await old.claim(run) is True
    again = await store.get(run.id)
    assert again is not None
    assert again.epoch == mine.epoch + 1


async def test_what_older_code_accepts_any_code_executes(store: RunStore, database: Database) -> None:
    await accepted(store, replace(REQUEST, needs_code=0))
    assert await rows(database, "SELECT needs_code, claim_epoch FROM run") == [{"needs_code": 0, "claim_epoch": 0}]


# ---------------------------------------------------------------- this code beside newer code


async def test_a_run_of_newer_code_is_no_work_of_ours(database: Database, clock: FakeClock) -> None:
    ours, newer = RunStore(database, clock), RunStore(database, clock, code=FUTURE)
    run = await accepted(ours, replace(REQUEST, needs_code=FUTURE))
    assert await ours.claimable() == {}
    assert await ours.claim(run.id, owner="A", lease_s=LEASE_S) is None
    assert await newer.claimable() == {run.id: run.lane}
    owned = await claimed(newer, run)
    await park(newer, owned.fence, executed_ms=1)
    await newer.release(owned.fence, executed_ms=1)
    assert (await ours.unposted_question_ids(), await newer.unposted_question_ids()) == ([], [run.id])
    assert await ours.claim_redelivery(run.id, owner="A", lease_s=LEASE_S) is None
    await newer.unpark(run.id)
    await ended(newer, await claimed(newer, run))
    assert (await ours.undelivered_ids(), await newer.undelivered_ids()) == ([], [run.id])


async def test_a_lost_shell_run_of_newer_code_is_not_ended(database: Database, clock: FakeClock) -> None:
    store = RunStore(database, clock)
    shell = replace(REQUEST, kind="terminal", thread_ts="")
    own = await accepted(store, shell)
    await accepted(store, replace(shell, delivery_key="k2", needs_code=FUTURE))
    later_us = clock.now_us() + ACCEPTED_GRACE_US
    assert await History(database).orphaned_shell_runs(later_us) == [own.id]


async def test_the_queue_of_many_machines_waits_with_a_run_for_newer_code(
    postgresql_url: str, clock: FakeClock
) -> None:
    database = await connect(postgresql_url)
    handed: list[str] = []

    async def defer(_connection: object, run_id: str) -> None:
        handed.append(run_id)

    store = RunStore(database, clock)
    await accepted(store, replace(REQUEST, needs_code=FUTURE))
    own = await accepted(store, replace(REQUEST, thread_ts="2.2", delivery_key="k2"))
    await FairQueue(database, clock, defer, share=1).enqueue_all()
    await database.close()
    assert handed == [own.id]
