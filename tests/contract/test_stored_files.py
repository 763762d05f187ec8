"""Stored files on both databases: counted, kept apart from what runs read, and gone with what they belong to."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from storage.database.connect import connect
from storage.database.database import Database
from storage.database.sqlite import path_of
from storage.execution.ownership import RunSessions
from storage.execution.texts import read_texts
from storage.file_bounds import FileBounds, FileBudgetError
from storage.file_contents import CHUNK_BYTES, contents_of
from storage.journal import SqlJournal
from storage.ledger.ledger import SqlLedger
from storage.personal_data import PersonalData
from storage.questions import Questions
from storage.run_rows import RunRow
from storage.runs import RunStore
from storage.stored_files import MEGABYTE, StoredFiles
from storage.threads import Threads
from tests.support.ledgers import NEW_RUN, POLICY, Asking, FakeClock, rows, settled

DAY_US = 86_400_000_000
DATA = os.urandom(CHUNK_BYTES + 5)


@dataclass
class House:
    url: str
    db: Database
    clock: FakeClock
    files: StoredFiles
    data: PersonalData
    store: RunStore
    sessions: RunSessions
    threads: Threads

    async def run(self, key: str = "k", **more: str) -> RunRow:
        run_id, _ = await self.store.accept(replace(NEW_RUN, delivery_key=key, **more))
        session = await self.sessions.claim(run_id, owner="A", lease_s=60)
        assert session is not None
        return session.run

    async def with_picture(self, key: str = "k", data: bytes = DATA) -> tuple[RunRow, str]:
        """A run whose attachments name a stored picture."""
        run = await self.run(key)
        file_id = await self.files.store(run, io.BytesIO(data), len(data))
        await self.threads.store_attachments(run, f'{{"artifacts":[{{"name":"a","file":"{file_id}"}}]}}')
        return run, file_id

    async def pay(self, run: RunRow) -> None:
        ledger = self.sessions.ledger
        asking = Asking(run.id, epoch=run.epoch)
        await ledger.settle(await ledger.hold(asking.hold(1)), settled(1), run.fence)

    async def finish(self, run: RunRow) -> None:
        await self.sessions.finish(run, stop_reason="completed", result_json="{}", executed_ms=1, intents=())

    async def counted(self) -> list[object]:
        return await rows(self.db, "SELECT id FROM stored_file")

    def folder(self) -> list[Path]:
        """The files of the folder; none on PostgreSQL."""
        if not self.url.startswith("sqlite"):
            return []
        folder = path_of(self.url).with_name(f"{path_of(self.url).name}-files")
        return sorted(folder.iterdir()) if folder.exists() else []


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    db, clock = await connect(database_url), FakeClock()
    files = StoredFiles(db, clock, contents_of(db, database_url), FileBounds(person=2, channel=3))
    ledger, store = SqlLedger(db, clock, POLICY), RunStore(db, clock)
    sessions = RunSessions(
        db, store=store, ledger=ledger, journal=SqlJournal(db, clock), questions=Questions(db, clock)
    )
    data = PersonalData(db, clock, files)
    yield House(database_url, db, clock, files, data, store, sessions, Threads(db, clock))
    await ledger.close()
    await db.close()


async def test_contents_come_back_byte_for_byte_and_no_hot_table_holds_them(house: House) -> None:
    run, file_id = await house.with_picture()
    assert await house.files.read(file_id) == DATA
    assert [place.stat().st_mode & 0o777 for place in house.folder()] in ([], [0o600])
    kept = await rows(house.db, "SELECT text FROM content WHERE run_id = :id", id=run.id)
    assert sum(len(row["text"]) for row in kept) < 200
    texts = await read_texts(house.db, house.store, house.threads, run, exchanges=1, attachments=1)
    assert texts.files == {file_id}


async def test_bytes_are_bounded_for_a_person_and_for_a_channel(house: House) -> None:
    mine = await house.run("mine")
    await house.files.count(mine, 2 * MEGABYTE)
    with pytest.raises(FileBudgetError) as full:
        await house.files.store(mine, io.BytesIO(DATA), len(DATA))
    assert (full.value.bound, full.value.most_mb) == ("person", 2)
    with pytest.raises(FileBudgetError):
        await house.files.count(await house.run("elsewhere", channel="C2"), 1)
    other = await house.run("other", user="U2")
    await house.files.count(other, MEGABYTE)
    with pytest.raises(FileBudgetError) as full:
        await house.files.count(other, 1)
    assert (full.value.bound, full.value.most_mb) == ("channel", 3)
    await house.files.count(await house.run("quiet", user="U3", channel="C3"), MEGABYTE)
    assert len(await house.counted()) == 3


async def test_of_two_readings_of_a_request_one_is_kept(house: House) -> None:
    run, kept = await house.with_picture()
    left = await house.files.store(run, io.BytesIO(DATA), len(DATA))
    await house.files.keep_only(run.id, [kept])
    await house.files.sweep()
    assert [await house.files.read(file_id) for file_id in (kept, left)] == [DATA, None]
    assert len(house.folder()) in (0, 1)


async def test_what_came_with_a_run_that_started_nothing_goes_at_its_end(house: House) -> None:
    refused, gone = await house.with_picture("refused")
    worked, kept = await house.with_picture("worked")
    await house.pay(worked)
    for run in (refused, worked):
        await house.finish(run)
    await house.files.sweep()
    assert [await house.files.read(file_id) for file_id in (gone, kept)] == [None, DATA]
    texts = await read_texts(house.db, house.store, house.threads, refused, exchanges=1, attachments=1)
    assert texts.files == frozenset()


async def test_files_go_with_their_retention_and_not_before(house: House) -> None:
    run, file_id = await house.with_picture()
    await house.pay(run)
    await house.finish(run)
    now_us = house.clock.us
    await house.data.delete_expired(texts_us=now_us + DAY_US, attachments_us=now_us, ratings_us=now_us)
    assert await house.files.read(file_id) == DATA
    await house.data.delete_expired(texts_us=now_us, attachments_us=now_us + DAY_US, ratings_us=now_us)
    assert await house.files.read(file_id) is None
    assert (await house.counted(), house.folder()) == ([], [])


async def test_files_are_handed_over_and_forgotten_with_their_person(house: House) -> None:
    run, file_id = await house.with_picture(data=b"a picture")
    await house.pay(run)
    (found,) = await house.data.export_files(workspace="T1", user=run.user)
    assert (found["id"], found["run_id"], found["data_base64"]) == (file_id, run.id, "YSBwaWN0dXJl")
    await house.finish(run)
    await house.data.request_person_erasure(workspace="T1", user=run.user, actor="shell")
    assert await house.data.erase_requested() == []
    assert (await house.files.read(file_id), await house.counted(), house.folder()) == (None, [], [])


async def test_a_sweep_leaves_alone_what_is_being_stored(house: House) -> None:
    run = await house.run()
    stored, *_ = await asyncio.gather(
        house.files.store(run, io.BytesIO(DATA), len(DATA)), *(house.files.sweep() for _ in range(5))
    )
    assert await house.files.read(stored) == DATA


async def test_a_file_that_cannot_be_stored_is_not_counted(house: House) -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise OSError(28, "No space left on device")

    run = await house.run()
    with pytest.raises(OSError, match="No space"):
        await house.files.store(run, Broken(), 5)
    await house.files.sweep()
    assert (await house.counted(), house.folder()) == ([], [])
