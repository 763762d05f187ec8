"""Contents of stored files: a folder beside the SQLite file, a table of chunks on PostgreSQL; never base64.

On SQLite megabytes in rows would pass through the write-ahead log while everybody's commits wait. On PostgreSQL any
worker needs them, whichever wrote them.
"""

import asyncio
import os
import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from storage.database.database import Database
from storage.database.private_files import FILE_MODE, private_folder
from storage.database.statements import load, single

q = load("file_chunks")

CHUNK_BYTES = 512 * 1024


class FileContents(Protocol):
    """Where the contents of stored files are. A file has a row before it has contents."""

    async def write(self, file_id: str, source: BinaryIO) -> None:
        """Store what follows in an open file.

        Raises:
            OSError: the disk refused it.
            StorageError: the database refused it.
        """
        ...

    async def read(self, file_id: str) -> bytes | None:
        """Return the contents of a file; None when there are none."""
        ...

    async def ids(self) -> set[str]:
        """Return the files that have contents which do not go with their rows."""
        ...

    async def delete(self, file_ids: Iterable[str]) -> None:
        """Delete the contents of these files."""
        ...


class FolderContents:
    """One file for each, for their owner alone, in a folder that is created with the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, file_id: str, source: BinaryIO) -> None:
        """Store what follows in an open file, and have it reach the disk."""
        await asyncio.to_thread(self._write, file_id, source)

    async def read(self, file_id: str) -> bytes | None:
        """Return the contents of a file; None when there are none."""
        return await asyncio.to_thread(self._read, file_id)

    async def ids(self) -> set[str]:
        """Return the names in the folder."""
        return await asyncio.to_thread(self._ids)

    async def delete(self, file_ids: Iterable[str]) -> None:
        """Delete these files."""
        await asyncio.to_thread(self._delete, file_ids)

    def _write(self, file_id: str, source: BinaryIO) -> None:
        private_folder(self._folder)
        place = self._folder / file_id
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as out:  # noqa: PTH123 - a descriptor
            shutil.copyfileobj(source, out, CHUNK_BYTES)
            out.flush()
            os.fsync(out.fileno())

    def _read(self, file_id: str) -> bytes | None:
        try:
            return (self._folder / file_id).read_bytes()
        except FileNotFoundError:
            return None

    def _ids(self) -> set[str]:
        return {place.name for place in self._folder.iterdir()} if self._folder.exists() else set()

    def _delete(self, file_ids: Iterable[str]) -> None:
        for file_id in file_ids:
            (self._folder / file_id).unlink(missing_ok=True)


class TableContents:
    """Chunks in a table; they go with the row of their file."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def write(self, file_id: str, source: BinaryIO) -> None:
        """Store what follows in an open file, a transaction for each chunk."""
        number = 0
        while data := await asyncio.to_thread(source.read, CHUNK_BYTES):
            await self._db.write(partial(single, q.insert_chunk(file_id=file_id, number=number, data=data)))
            number += 1

    async def read(self, file_id: str) -> bytes | None:
        """Return the contents of a file; None when there are none."""
        rows = await self._db.read(lambda: single(q.chunks_of(file_id=file_id)))
        return b"".join(bytes(row["data"]) for row in rows) if rows else None

    async def ids(self) -> set[str]:
        """Return nothing: chunks go with the rows."""
        return set()

    async def delete(self, file_ids: Iterable[str]) -> None:
        """Do nothing: the rows took their chunks with them."""


def contents_of(db: Database, url: str) -> FileContents:
    """Return where the contents of files are for a database."""
    if db.dialect == "postgresql":
        return TableContents(db)
    from storage.database.sqlite import path_of  # noqa: PLC0415 - one driver is enough for a process

    path = path_of(url)
    return FolderContents(path.with_name(f"{path.name}-files"))
