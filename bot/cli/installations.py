"""`agents installations`: where the app is installed, and the keys that encrypt its tokens. No token is ever shown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from bot.cli.command import Commands
from bot.messages.mrkdwn import literal

if TYPE_CHECKING:
    from storage.installations import Installations


@click.group(cls=Commands)
def installations() -> None:
    """List and manage the workspaces that installed the app."""


@installations.command()
def key() -> None:
    """Print a new key for AGENTS_TOKEN_KEYS. Put it first and keep the old ones behind it until `rotate` is done."""
    from cryptography.fernet import Fernet

    click.echo(Fernet.generate_key().decode())


@installations.command(name="list")
def list_all() -> None:
    """List every workspace and organisation, without its token."""
    asyncio.run(_list())


@installations.command()
def rotate() -> None:
    """Encrypt every token again under the first of AGENTS_TOKEN_KEYS; then the other keys can go. The bot may run."""
    asyncio.run(_rotate())


@installations.command()
@click.argument("installation", metavar="ID")
def remove(installation: str) -> None:
    """Remove the app from a workspace (T…) or an organisation (E…): its token is revoked and deleted."""
    asyncio.run(_remove(installation))


async def _list() -> None:
    async with _opened() as found:
        for one in await found.list_all():
            since = datetime.fromtimestamp(one.installed_us / 1_000_000, UTC)
            what = "" if one.team_id else ", the whole organisation"
            click.echo(
                f"{one.id} {literal(one.name)}{what}: by {one.installer} on {since:%Y-%m-%d %H:%M} UTC, {one.scopes}"
            )


async def _rotate() -> None:
    async with _opened() as found:
        count = await found.reencrypt_tokens()
    tokens = "1 token is" if count == 1 else f"{count} tokens are"
    click.echo(f"{tokens} encrypted under the first key.")


async def _remove(installation: str) -> None:
    from bot.settings import read_settings
    from bot.slack.oauth import revoke
    from patterns.core.errors import StorageError, UserError

    async with _opened() as found:
        if installation not in {one.id for one in await found.list_all()}:
            raise UserError(f"Nothing is installed under {installation}. `agents installations list` shows what is.")
        try:
            made = await found.find(installation)
        except StorageError:  # its key is lost, and so is the token
            made = None
        is_revoked = made is not None and await revoke(made.token, read_settings())
        await found.remove(installation, actor="shell")
    click.echo(f"{installation} is taken out; its open requests end within half a minute, its figures stay.")
    if not is_revoked:
        click.echo("Slack did not take the token back: an admin there should remove the app in Slack.", err=True)


@asynccontextmanager
async def _opened() -> "AsyncIterator[Installations]":
    from bot.clock import SystemClock
    from bot.settings import read_settings
    from storage.database.connect import connect
    from storage.installations import Installations

    settings = read_settings()
    db = await connect(settings.database_url)
    try:
        yield Installations(db, SystemClock(), settings.fernet_keys)
    finally:
        await db.close()
