"""One bot per SQLite file. The lock guards the bot role, not the database, so shell commands work beside it."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from bot.settings import Settings
from patterns.core.errors import StorageError
from storage.database import sqlite
from storage.database.private_files import FILE_MODE, private_folder


@contextmanager
def single_instance_lock(settings: Settings) -> Iterator[None]:
    """Hold the bot role while the block runs.

    Raises:
        StorageError: another bot holds it.
    """
    file = sqlite.path_of(settings.database_url).resolve()
    lock = FileLock(file.with_name(f"{file.name}.bot"), mode=FILE_MODE)
    try:
        private_folder(file.parent)
        lock.acquire(timeout=0)
    except Timeout:
        raise StorageError(
            f"Another bot already runs on the ledger {file}. Stop it first, or set AGENTS_DATA_DIR to another folder."
        ) from None
    except OSError as error:
        raise StorageError(
            f"{file.parent} cannot be written to ({error.strerror}). Mend that, or set AGENTS_DATA_DIR to another one."
        ) from None
    try:
        yield
    finally:
        lock.release()
