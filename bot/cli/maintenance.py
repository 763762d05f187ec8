"""Maintenance of the ledger: verify its sums, migrate its schema, copy it while it runs."""

from pathlib import Path

import click

from bot.clock import SystemClock
from bot.settings import read_settings
from patterns.core.money import format_usd
from storage.chores import BACKUP, Chores
from storage.database.connect import connect
from storage.database.migrate import migrate as bring_up_to_date
from storage.ledger.backup import backup as copy
from storage.ledger.verify import Verification
from storage.ledger.verify import verify as derive


async def verify() -> int:
    """Recompute every sum; return 1 when any differs.

    Raises:
        StorageError: there is no database, or it cannot be read.
    """
    db = await connect(read_settings().database_url)
    try:
        found = await derive(db)
    finally:
        await db.close()
    for row in found.differences:
        says = f"{format_usd(row['settled_nusd'])} settled and {format_usd(row['reserved_nusd'])} held"
        truth = f"{format_usd(row['true_settled_nusd'])} and {format_usd(row['true_reserved_nusd'])}"
        click.echo(f"{row['id']} says {says}; its calls say {truth}.", err=True)
    click.echo(sums(found))
    return 0 if found.ok else 1


def sums(found: Verification) -> str:
    """Return the result in one line, with counts and dollars."""
    of_tools = f", {found.tool_calls:,} of them of tools" if found.tool_calls else ""
    counts = (
        f"{found.accounts:,} accounts, {found.calls:,} calls{of_tools}: {format_usd(found.settled_nusd)} settled, "
        f"{format_usd(found.held_nusd)} held"
    )
    left = f"; {found.stale} calls of dead processes wait for the sweep" if found.stale else ""
    if found.ok:
        return f"{counts}; every sum is that of its calls{left}."
    wrong = [f"{len(found.differences)} accounts differ from their calls"] if found.differences else []
    if found.spend_nusd != found.settled_nusd:
        wrong.append(f"reports add up to {format_usd(found.spend_nusd)}")
    return f"{counts}; {' and '.join(wrong)}{left}."


async def migrate() -> int:
    """Create the database, or bring its schema up to date; return the exit code."""
    settings = read_settings()
    await bring_up_to_date(settings.database_url)
    db = await connect(settings.database_url)
    await db.close()
    if not settings.is_sqlite:
        from storage.database.queue_schema import install_queue

        await install_queue(settings.database_url)
    click.echo("The database is up to date.")
    return 0


async def backup(file: Path) -> int:
    """Copy the ledger to a new file and check the copy; return the exit code."""
    url = read_settings().database_url
    found = await copy(url, file)
    click.echo(f"{file} is a sound copy. {sums(found)}")
    db = await connect(url)
    try:
        # Admins read in the app's home when the last one was made.
        await Chores(db, SystemClock()).finish([BACKUP], by="shell")
    finally:
        await db.close()
    return 0
