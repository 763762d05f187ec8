"""Files that came with requests: their bytes, counted per person and channel, and what is kept of their contents."""

import secrets
from collections.abc import Sequence
from typing import BinaryIO

from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Work, load, single
from storage.file_bounds import FileBounds, FileBudgetError
from storage.file_contents import FileContents
from storage.run_rows import RunRow

q = load("stored_files")

MEGABYTE = 1_000_000


class StoredFiles:
    """Repository of files. Each has a row before it has contents, so that whatever has no row can be deleted."""

    def __init__(self, db: Database, clock: Clock, contents: FileContents, bounds: FileBounds | None = None) -> None:
        self._db = db
        self._clock = clock
        self._contents = contents
        self._bounds = bounds or FileBounds()

    async def count(self, run: RunRow, size: int) -> str:
        """Count so many bytes that came with a run and return the id of their file.

        Raises:
            FileBudgetError: its person or its channel has too many already.
        """
        file_id = f"f{secrets.token_hex(16)}"
        where = {"workspace": run.workspace, "channel": run.channel, "user_id": run.user}

        def work() -> Work[None]:
            yield q.insert_file(id=file_id, run_id=run.id, bytes=size, now_us=self._clock.now_us(), **where)
            (kept,) = yield q.count_bytes(**where)
            for bound, most_mb in (("person", self._bounds.person), ("channel", self._bounds.channel)):
                if kept[f"of_{bound}"] > most_mb * MEGABYTE:
                    raise FileBudgetError("person" if bound == "person" else "channel", most_mb)

        await self._db.write(work)
        return file_id

    async def store(self, run: RunRow, source: BinaryIO, size: int) -> str:
        """Store what an open file holds, from its beginning; return the id of the stored file.

        Raises:
            FileBudgetError: as for `count`.
            OSError: the disk refused it.
            StorageError: the database refused it.
        """
        file_id = await self.count(run, size)
        try:
            source.seek(0)
            await self._contents.write(file_id, source)
        except BaseException:
            await self._db.write(lambda: single(q.delete_file(id=file_id)))
            raise
        return file_id

    async def read(self, file_id: str) -> bytes | None:
        """Return the contents of a file; None when they are no longer kept."""
        return await self._contents.read(file_id)

    async def keep_only(self, run_id: str, file_ids: Sequence[str]) -> None:
        """Delete what other readings of a run's request stored: one that was interrupted, or came second."""
        await self._db.write(lambda: single(q.delete_others(run_id=run_id, ids=list(file_ids))))

    async def sweep(self) -> None:
        """Delete the files whose runs are over and whose attachments are gone, and contents without a row."""
        await self._db.write(lambda: single(q.delete_orphans()))
        # Looked at before the rows, because a file has its row first.
        found = await self._contents.ids()
        if found:
            kept = await self._db.read(lambda: single(q.kept_of(ids=list(found))))
            await self._contents.delete(found - {str(row["id"]) for row in kept})
