"""Whoever tells a run looks at its messages once, and marks together what it has posted and edited."""

from typing import Any

import pytest

from storage.database.database import Database
from storage.database.statements import Work
from storage.outbox import Outbox
from storage.runs import RunStore
from tests.contract.test_runs_store import owned
from tests.support.ledgers import FakeClock


async def test_messages_that_are_recalled_are_read_once_and_marked_together(
    store: RunStore, database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await owned(store)
    outbox = Outbox(database, clock)
    await outbox.add_intent(run.id, "root", "C1")
    await outbox.mark_posted(run.id, "root", "1.1")
    writes: list[int] = []
    write = database.write

    async def counted(*args: Any, **named: Any) -> Any:
        writes.append(1)
        return await write(*args, **named)

    async with outbox.recalled(run.id):
        assert await outbox.find(run.id, "root") == "1.1"
        with monkeypatch.context() as closed:
            closed.setattr(database, "read", None)  # nothing more is asked for
            closed.setattr(database, "write", counted)
            assert await outbox.last_shown(run.id, "root") == ("1.1", "")
            await outbox.mark_shown(run.id, "root", "ended")
            assert await outbox.last_shown(run.id, "root") == ("1.1", "ended")
            assert await outbox.add_intent(run.id, "answer/0", "C1") == ("new", None)
            assert await outbox.unposted_names(run.id) == ["answer/0"]
            await outbox.mark_posted(run.id, "answer/0", "1.2")
            assert (await outbox.posted_names(run.id), len(writes)) == (["answer/0", "root"], 2)
        await outbox.mark_shown(run.id, "answer/0", "folded")
        also = outbox.closed(run.id, "closed", "1.1")
    assert len(also) == 2
    assert [await outbox.last_shown(run.id, name) for name in ("root", "answer/0")] == [("1.1", "ended"), ("1.2", "")]
    await store.release(run.fence, executed_ms=1, also=also)
    assert await outbox.last_shown(run.id, "answer/0") == ("1.2", "folded")


async def test_what_a_message_shows_is_written_when_its_run_is_forgotten(
    store: RunStore, database: Database, clock: FakeClock
) -> None:
    run = await owned(store)
    outbox = Outbox(database, clock)
    await outbox.alias(run.id, "root", "C1", "1.1")
    async with outbox.recalled(run.id), outbox.recalled(run.id):
        await outbox.mark_shown(run.id, "root", "ended")
        await Outbox(database, clock).add_intent(run.id, "withdrawn", "C1")
        assert await outbox.exists_by_now(run.id, "withdrawn")
    assert await outbox.last_shown(run.id, "root") == ("1.1", "ended")


async def test_the_slots_of_a_post_are_taken_with_its_intent(
    store: RunStore, database: Database, clock: FakeClock
) -> None:
    run, taken = await owned(store), list[int]()
    outbox = Outbox(database, clock)

    def taking() -> Work[None]:
        yield from ()
        taken.append(1)

    assert await outbox.add_intent(run.id, "root", "C1", also=taking) == ("new", None)
    assert await outbox.add_intent(run.id, "root", "C1", also=taking) == ("intended", None)
    assert taken == [1, 1]  # a slot that nobody uses costs a pause
