"""What a run reserves and releases is written with its next hold, and refused like it."""

import asyncio

import pytest
from structlog.testing import capture_logs

from patterns.core.errors import ReservationRefusedError, StorageError
from patterns.core.events import Noted
from storage.database.database import Database
from storage.execution.ownership import RunSessions
from storage.execution.session import RunSession
from storage.ledger.verify import verify
from tests.contract.test_run_sessions import DECIDED, Seen, asking, ended, failed
from tests.support.ledgers import CENT, USD, rows


async def test_a_joined_reservation_is_written_with_the_first_holds_that_draw_on_it(
    session: RunSession, database: Database, batches: list[list[str]]
) -> None:
    ask = asking(session)
    await session.record(session.run.fence, DECIDED)
    kept = await session.reserve_many([ask.reserve(30 * CENT), ask.reserve(20 * CENT)], joined=True)
    before = (await verify(database)).held_nusd
    await asyncio.gather(*(session.hold(ask.hold(10 * CENT, envelope=one.call_id)) for one in kept))
    assert (before, (await verify(database)).held_nusd) == (0, 50 * CENT)
    assert batches == [["Decide", "Reserve", "HoldRequest", "HoldRequest"]]
    assert not session.is_refused(kept[0])


async def test_a_refused_reservation_refuses_the_holds_that_draw_on_it_and_no_other(
    sessions: RunSessions, session: RunSession, database: Database
) -> None:
    ask, seen = asking(session), Seen()
    events = session.events_to(seen)
    kept = await session.reserve_many([ask.reserve(60 * CENT), ask.reserve(60 * CENT)], joined=True)
    events.emit(session.run.id, Noted("", "a voice began"))
    drawing = (session.hold(ask.hold(CENT, envelope=one.call_id)) for one in kept)
    refused = await asyncio.gather(*drawing, return_exceptions=True)
    assert [type(one) for one in refused] == [ReservationRefusedError] * 2
    assert session.is_refused(kept[0])
    assert (seen.events, session.holds_money, (await verify(database)).held_nusd) == ([], False, 0)
    await session.release(kept)
    events.emit(session.run.id, again := Noted("", "fewer voices began"))
    assert seen.events == [again], "what was begun on the strength of it begins again"
    (narrower,) = await session.reserve_many([ask.reserve(60 * CENT)])
    await session.hold(ask.hold(CENT, envelope=narrower.call_id))
    assert (await verify(database)).held_nusd == 60 * CENT
    await ended(sessions, session)
    assert await rows(database, "SELECT state FROM call WHERE state = 'reserved'") == []


async def test_work_that_draws_on_something_else_goes_on_and_is_shown(
    session: RunSession, database: Database, batches: list[list[str]]
) -> None:
    ask, seen = asking(session), Seen()
    closing, plan = await session.reserve_many([ask.reserve(60 * CENT), ask.reserve(60 * CENT)], joined=True)
    await session.release([plan])
    session.events_to(seen).emit(session.run.id, Noted("", "a stage began"))
    await session.hold(ask.hold(CENT))
    assert (session.is_refused(closing), len(seen.events), (await verify(database)).held_nusd) == (True, 1, CENT)
    assert batches == [["Reserve", "Release", "HoldRequest"]]


async def test_a_part_may_be_released_in_the_transaction_that_reserves_it(
    session: RunSession, database: Database, batches: list[list[str]]
) -> None:
    ask = asking(session)
    closing, plan = await session.reserve_many([ask.reserve(2 * CENT), ask.reserve(3 * CENT)], joined=True)
    await session.release([plan])
    with capture_logs() as said:
        await session.hold(ask.hold(CENT))
    assert batches == [["Reserve", "Release", "HoldRequest"]]
    assert [line["event"] for line in said if line["event"] == "batch_replayed"] == []
    found = await rows(database, "SELECT id, state FROM call ORDER BY hold_nusd DESC LIMIT 2")
    assert [tuple(row.values()) for row in found] == [(plan.call_id, "released"), (closing.call_id, "reserved")]
    assert (await verify(database)).held_nusd == 3 * CENT


async def test_a_joined_reservation_that_no_hold_follows_is_written_soon(
    session: RunSession, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.execution.session.FLUSH_S", 0.001)
    await session.reserve_many([asking(session).reserve(CENT)], joined=True)
    async with asyncio.timeout(10):
        while not (await verify(database)).held_nusd:  # noqa: ASYNC110 - a timer commits it
            await asyncio.sleep(0.001)


async def test_a_reservation_that_is_released_before_it_was_written_never_is(
    session: RunSession, batches: list[list[str]]
) -> None:
    first, second = await session.reserve_many([asking(session).reserve(CENT) for _ in range(2)], joined=True)
    await session.release([first])
    await session.release([second])
    await session.hold(asking(session).hold(CENT))
    assert "Reserve" not in batches[0]


async def test_a_branch_that_is_stopped_takes_no_reservation_of_others_along(
    sessions: RunSessions, session: RunSession, database: Database
) -> None:
    ask = asking(session)
    one, two = await session.reserve_many([ask.reserve(CENT), ask.reserve(CENT)], joined=True)
    stopped = asyncio.create_task(session.hold(ask.hold(CENT, envelope=one.call_id)))
    going_on = asyncio.create_task(session.hold(ask.hold(CENT, envelope=two.call_id)))
    await asyncio.sleep(0)
    stopped.cancel()
    await going_on
    await sessions.ledger.close()
    assert (stopped.cancelled(), (await verify(database)).held_nusd) == (True, 2 * CENT)


async def test_a_reservation_that_the_database_could_not_take_is_written_with_the_next_hold(
    sessions: RunSessions, session: RunSession, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = asking(session)
    (kept,) = await session.reserve_many([ask.reserve(5 * CENT)], joined=True)
    with monkeypatch.context() as broken:
        broken.setattr(sessions.ledger, "queue", failed)
        with pytest.raises(StorageError):
            await session._after_waiting(None)
    await session.hold(ask.hold(CENT, envelope=kept.call_id))
    assert (await verify(database)).held_nusd == 5 * CENT


async def test_what_is_released_rides_with_the_next_hold(
    session: RunSession, database: Database, batches: list[list[str]]
) -> None:
    ask = asking(session)
    kept = await session.reserve_many([ask.reserve(USD - CENT)])  # nearly all that the channel has
    await session.release(kept)
    assert (await verify(database)).held_nusd == USD - CENT
    assert not session.holds_money
    await session.hold(ask.hold(2 * CENT))  # needs what was released
    assert batches == [["Reserve"], ["Release", "HoldRequest"]]
    assert (await verify(database)).held_nusd == 2 * CENT


async def test_what_is_released_without_another_hold_is_free_soon_or_with_the_end(
    sessions: RunSessions, session: RunSession, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = asking(session)
    monkeypatch.setattr("storage.execution.session.FLUSH_S", 0.001)
    await session.release(await session.reserve_many([ask.reserve(CENT)]))
    async with asyncio.timeout(20):
        while (await verify(database)).held_nusd:  # noqa: ASYNC110 - it is written in the background
            await asyncio.sleep(0.01)
    monkeypatch.setattr("storage.execution.session.FLUSH_S", 3600)
    await session.release(await session.reserve_many([ask.reserve(CENT)]))
    await session.flush()
    assert (await verify(database)).held_nusd == CENT
    await ended(sessions, session)
    session.close()
    assert (await verify(database)).held_nusd == 0


async def test_what_could_not_be_released_is_released_with_the_next_write(
    sessions: RunSessions, session: RunSession, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session.release(await session.reserve_many([asking(session).reserve(CENT)]))
    with monkeypatch.context() as broken:
        broken.setattr(sessions.ledger, "queue", failed)
        with pytest.raises(StorageError):
            await session._after_waiting(None)
    await session.hold(asking(session).hold(2 * CENT))
    assert (await verify(database)).held_nusd == 2 * CENT
