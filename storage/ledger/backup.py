"""Online backup of a SQLite ledger, verified before it is reported as a backup."""

import asyncio
import sqlite3
from pathlib import Path
from urllib.parse import quote

from patterns.core.errors import StorageError, UserError
from storage.database import sqlite
from storage.database.connect import connect
from storage.database.private_files import create_private
from storage.ledger.verify import Verification, verify


async def backup(url: str, target: Path) -> Verification:
    """Copy the database to a new file, check its integrity, verify its sums, and return the verification.

    Raises:
        UserError: the file exists, or the database is PostgreSQL, which has its own tool.
        StorageError: the copy is not sound; it is removed.
    """
    if not url.startswith("sqlite"):
        raise UserError(
            "PostgreSQL makes its own backups: run pg_dump --format=custom --file=FILE with your database's address."
        )
    source = sqlite.path_of(url)
    await asyncio.to_thread(_copy, source, target)
    copy = await connect(f"sqlite:///{quote(str(target))}")
    try:
        found = await verify(copy)
    finally:
        await copy.close()
    if not found.ok:
        raise StorageError(f"The sums of the backup {target} do not add up. Keep it, and run `agents doctor`.")
    return found


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        raise StorageError(f"There is no database at {source}. Check DATABASE_URL.")
    try:
        create_private(target, is_new=True)
    except FileExistsError:
        raise UserError(f"{target} exists. Name a new file; backups are never overwritten.") from None
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror}. Name another file.") from None
    origin, copy = sqlite3.connect(source), sqlite3.connect(target)
    try:
        origin.backup(copy)
        (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    except sqlite3.Error as error:
        target.unlink()
        raise sqlite.to_storage_error(error) from error
    finally:
        origin.close()
        copy.close()
