"""Deliveries are kept once, and what nobody dealt with is replayed by one process at a time."""

from storage.database.database import Database
from storage.inbox import Inbox
from tests.support.ledgers import FakeClock

PAYLOAD = {"command": "/agents", "text": "Why?"}


async def test_a_delivery_that_comes_twice_is_kept_once(database: Database) -> None:
    inbox = Inbox(database, FakeClock())
    assert [await inbox.store("trigger:1", "T1", "command", PAYLOAD) for _ in range(2)] == [True, False]
    assert [delivery.payload for delivery in await inbox.unprocessed()] == [PAYLOAD]


async def test_of_several_processes_one_replays_a_delivery_and_another_when_that_fails_too(database: Database) -> None:
    clock = FakeClock()
    inbox = Inbox(database, clock)
    await inbox.store("trigger:1", "T1", "command", PAYLOAD)
    clock.us += 60_000_000
    (seen,) = await inbox.unprocessed(older_than_s=30)
    assert [await inbox.claim(seen), await inbox.claim(seen)] == [True, False]
    assert await inbox.unprocessed(older_than_s=30) == []
    clock.us += 60_000_000
    (again,) = await inbox.unprocessed(older_than_s=30)
    assert await inbox.claim(again)
    await inbox.mark_processed("trigger:1")
    assert not await inbox.claim(again)
    assert await inbox.unprocessed() == []
