"""Open the database that a URL names, provided that this code understands its schema."""

from patterns.core.errors import StorageError
from storage.database.database import Database
from storage.database.statements import Query, single

CODE_VERSION = 19
"""The schema this code knows, and its version among programs on one database: it works with a database whose `min_code`
is not above this, and on the runs whose `needs_code` is not."""

_SCHEMA = Query("schema", "SELECT version, min_code FROM schema")


async def connect(url: str) -> Database:
    """Open `sqlite:////path/file.db` or `postgresql://…` with a schema this code understands.

    Raises:
        StorageError: missing, broken, unreachable, behind (run `agents migrate`) or too new.
    """
    database = await _open(url)
    try:
        await check_schema(database)
    except BaseException:
        await database.close()
        raise
    return database


async def _open(url: str) -> Database:
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from storage.database.sqlite import SqliteDatabase  # noqa: PLC0415 - one driver is enough for a process

        return await SqliteDatabase.open(url)
    if scheme in {"postgresql", "postgres"}:
        from storage.database.postgresql import PostgresqlDatabase  # noqa: PLC0415 - same

        return await PostgresqlDatabase.open(url)
    raise StorageError(f"{scheme}: is not a database I know. Write sqlite:////path/file.db or postgresql://host/name.")


async def check_schema(database: Database) -> None:
    """Refuse a database whose schema is older than this code, or whose `min_code` is above it.

    Raises:
        StorageError: with the version found and what to do.
    """
    schema = (await database.read(lambda: single(_SCHEMA())))[0]
    if schema["min_code"] > CODE_VERSION:
        raise StorageError(
            f"The database is newer than this program: it asks for {schema['min_code']}, this is {CODE_VERSION}."
            " Install the newer Agents for Slack."
        )
    if schema["version"] < CODE_VERSION:
        raise StorageError(f"The database has schema {schema['version']} of {CODE_VERSION}. Run `agents migrate`.")
