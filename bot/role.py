"""One bot on one SQLite folder: the lock guards the bot's role, not the database, so shell commands work beside it."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from bot.settings import Settings
from patterns.errors import StorageError


@contextmanager
def bot_role(settings: Settings) -> Iterator[None]:
    """Hold the role of the bot while the block runs.

    Raises:
        StorageError: another bot holds it.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.data_dir / "bot.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StorageError(
            f"Another bot already runs on the ledger in {settings.data_dir}. Stop it first, or set AGENTS_DATA_DIR to "
            "another folder."
        ) from None
    try:
        yield
    finally:
        lock.release()
