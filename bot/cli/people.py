"""`agents forget`, `agents export person` and `agents audit export`: people's words, and the log of who did what."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bot.cli.command import Commands, run_command, workspace_option


def register(main: click.Group) -> None:
    """Add the commands to `agents`."""
    export = main.commands["export"]
    if isinstance(export, click.Group):
        export.add_command(person)
    main.add_command(forget)
    main.add_command(audit)


@click.command()
@click.argument("user")
@workspace_option
def forget(user: str, workspace: str) -> None:
    """Erase everything USER (a Slack id, U…) wrote that is stored here; what it cost stays, without text."""
    run_command(_forget(user, workspace))


@click.command()
@click.argument("user")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A new file for it, for you alone.")
@workspace_option
def person(user: str, output: Path | None, workspace: str) -> None:
    """Everything that is stored about USER (a Slack id, U…), as JSON. It stands in the audit log."""
    run_command(_export(user, output, workspace))


@click.group(cls=Commands)
def audit() -> None:
    """Look at who did what."""


@audit.command(name="export")
@click.option("--since", required=True, metavar="YYYY-MM-DD", help="The first day, in UTC.")
@click.option("--jsonl", is_flag=True, help="One JSON object a line; there is no other format.")
@workspace_option
def export_audit(*, since: str, jsonl: bool, workspace: str) -> None:  # noqa: ARG001 - the one format there is, said
    """Every line of the audit log since a day: money, limits, access, decisions, reading, forgetting, exports."""
    run_command(_audit(since, workspace))


@dataclass(frozen=True, slots=True)
class _Stored:
    """The ledger as these commands open it."""

    db: Any
    clock: Any
    files: Any
    workspace: str


@asynccontextmanager
async def _opened(workspace: str, *, needs_one: bool = True) -> AsyncIterator[_Stored]:
    from bot.cli.shell import LOCAL, PLAY
    from bot.clock import SystemClock
    from bot.settings import read_settings
    from patterns.core.errors import UserError
    from storage.database.connect import connect
    from storage.file_contents import contents_of
    from storage.history import History
    from storage.stored_files import StoredFiles

    clock = SystemClock()
    url = read_settings().database_url
    db = await connect(url)
    try:
        await clock.synchronize(db)
        only = workspace or await History(db).sole_workspace(besides=(LOCAL, PLAY))
        if not only and needs_one:
            raise UserError("Name a workspace with --workspace. This ledger has none yet, or several.")
        yield _Stored(db, clock, StoredFiles(db, clock, contents_of(db, url)), only or "")
    finally:
        await db.close()


async def _forget(user: str, workspace: str) -> int:
    from storage.personal_data import PersonalData

    async with _opened(workspace) as stored:
        data = PersonalData(stored.db, stored.clock, stored.files)
        await data.request_person_erasure(workspace=stored.workspace, user=user, actor="shell")
        held_up = [one for one in await data.erase_requested() if one.subject == user]
        left = await data.export_person(workspace=stored.workspace, user=user)
    runs = len(left["runs"])
    click.echo(f"What {user} wrote is erased. {runs} of their requests stay as figures, without text.")
    if held_up:
        click.echo("A request of theirs is not over yet; its texts go within a minute of its end, while the bot runs.")
    click.echo("Backups made before today still hold it: docs/privacy.md says what to do with them.")
    return 0


async def _export(user: str, output: Path | None, workspace: str) -> int:
    from bot.messages.printable_json import printable_json
    from patterns.core.errors import UserError
    from storage.database.private_files import create_private
    from storage.personal_data import PersonalData

    async with _opened(workspace) as stored:
        data = PersonalData(stored.db, stored.clock, stored.files)
        found = await data.export_person(workspace=stored.workspace, user=user)
        found["files"] = await data.export_files(workspace=stored.workspace, user=user)
        if output is not None:
            try:
                create_private(output, is_new=True)
            except FileExistsError:
                raise UserError(f"{output} exists. Name a new file; exports overwrite nothing.") from None
        await data.record_export(workspace=stored.workspace, user=user, actor="shell")
    text = printable_json(found, indent=1) + os.linesep
    if output is None:
        click.echo(text, nl=False)
    else:
        await asyncio.to_thread(output.write_text, text, "utf-8")
        click.echo(f"{output} holds what is stored about {user}.")
    return 0


async def _audit(since: str, workspace: str) -> int:
    import json

    from bot.messages.printable_json import printable_json
    from patterns.core.errors import UserError
    from storage.audit import AuditLog

    try:
        first = datetime.strptime(since, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise UserError(f"{since[:40]} is not a day. Write it like 2026-11-01.") from None
    async with _opened(workspace, needs_one=False) as stored:
        log = AuditLog(stored.db, stored.clock)
        rows = await log.entries_since(int(first.timestamp() * 1_000_000), workspace=workspace)
    for row in rows:
        at = datetime.fromtimestamp(row["at_us"] / 1_000_000, UTC)
        before, after = json.loads(row["before_json"]), json.loads(row["after_json"])
        line = {"id": row["id"], "at": at.isoformat(timespec="microseconds"), "workspace": row["workspace"]}
        line |= {"actor": row["actor"], "action": row["action"], "subject": row["account"]}
        click.echo(printable_json({**line, "before": before, "after": after, "reason": row["reason"]}))
    return 0
