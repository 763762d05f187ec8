"""`agents doctor`: check everything a deployment depends on, each with what to do. No secret is shown."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import aiohttp
import click

from bot.cli.doctor_models import model_findings
from bot.cli.doctor_process import process_findings
from bot.cli.doctor_slack import CHECKED_WITH_SLACK, slack_findings
from bot.cli.doctor_tools import tool_findings
from bot.cli.findings import Finding, fail, ok, warn
from bot.cli.maintenance import sums
from bot.clock import SystemClock
from bot.logs import configure_logs
from bot.manifest import INSTALL_PATH
from bot.settings import VARIABLES, Settings, environment, read_settings
from patterns.core.errors import AgentsError, StorageError, UserError
from storage.database import sqlite
from storage.database.connect import connect
from storage.database.database import Database
from storage.installations import Installations
from storage.ledger.verify import verify

DATABASE_WAIT_S = 5.0
DISK_FREE_BYTES = 200 * 2**20
MOUNTS = Path("/proc/mounts")
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
_VANISHING = frozenset({"tmpfs", "ramfs", "overlay", "aufs"})
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"})
_PLATFORMS = {
    "DYNO": "Heroku",
    "FLY_APP_NAME": "Fly.io",
    "K_SERVICE": "Cloud Run",
    "RAILWAY_PROJECT_ID": "Railway",
    "RENDER": "Render",
}
"""Variables set by hosts whose disks do not survive a deploy unless a volume is mounted."""

_TOLD_WITH_CHECKS = frozenset(
    {
        *(f"{provider}_API_{what}" for provider in ("OPENAI", "ANTHROPIC", "GEMINI") for what in ("KEY", "BASE")),
        *("OLLAMA_API_BASE", "AGENTS_MODEL_FAST", "AGENTS_MODEL_STRONG", "AGENTS_ROSTER"),
        *("AGENTS_DATA_DIR", "DATABASE_URL"),
    }
)
"""Variables of models, roster and database: the lines on those say what is used."""


async def doctor(*, calls: bool = False) -> int:
    """Print a line for every check; return 1 when any fails. With `calls`, each model is asked for one token."""
    configure_logs("error")
    env, levels = environment(), []
    async for finding in findings(env, calls=calls):
        level = click.style(finding.level.ljust(5), fg=_COLOURS[finding.level])
        click.echo(f"{level} {finding.subject}: {finding.masked(env).text}")
        levels.append(finding.level)
    if unset := _unset_words(env):
        click.echo(unset)
    click.echo(f"{levels.count('ok')} ok, {levels.count('warn')} to look at, {levels.count('fail')} to fix.")
    return 1 if "fail" in levels else 0


async def findings(env: Mapping[str, str], *, calls: bool = False) -> AsyncIterator[Finding]:
    """Yield every check, in the order a deployment is set up; with `calls`, models are asked for a token each."""
    mistakes = _environment_mistakes(env)
    for finding in _variables(env, mistakes):
        yield finding
    settings = read_settings({name: value for name, value in env.items() if name not in mistakes})
    timeout = aiohttp.ClientTimeout(total=DATABASE_WAIT_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        async for finding in model_findings(settings, session, calls=calls):
            yield finding
        async for finding in tool_findings(settings):
            yield finding
        async for finding in _database(settings):
            yield finding
        async for finding in slack_findings(settings, session):
            yield finding
        async for finding in process_findings(settings, session):
            yield finding


# ---------------------------------------------------------------- environment


def _environment_mistakes(env: Mapping[str, str]) -> dict[str, Finding]:
    """Return what is wrong with each variable alone, so that one mistake does not hide the others."""
    mistakes = {}
    for variable in VARIABLES:
        try:
            read_settings({name: env[name] for name in (variable.name,) if name in env})
        except UserError as error:
            mistakes[variable.name] = fail(variable.name, str(error))
    return mistakes


def _variables(env: Mapping[str, str], mistakes: Mapping[str, Finding]) -> Iterator[Finding]:
    """Yield a line for each variable that is set.

    What Slack has to say about its tokens is said with the check of Slack.
    """
    for variable in VARIABLES:
        if variable.name in mistakes:
            yield mistakes[variable.name]
        elif env.get(variable.name) and variable.name not in CHECKED_WITH_SLACK:
            yield ok(variable.name, "set, not shown." if variable.secret else env[variable.name])


def _unset_words(env: Mapping[str, str]) -> str:
    """Return which variables are not set, but for those that a check of its own has told about; empty for none."""
    told = CHECKED_WITH_SLACK | _TOLD_WITH_CHECKS
    unset = [one.name for one in VARIABLES if not env.get(one.name) and one.name not in told]
    return f"Not set, and needed only in special cases (.env.example): {', '.join(unset)}." if unset else ""


# ---------------------------------------------------------------- database


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    if settings.is_sqlite:
        path = sqlite.path_of(settings.database_url)
        for finding in await asyncio.to_thread(lambda: list(_disk(path, settings.env))):
            yield finding
        if not path.exists():
            yield warn("database", f"{path} is not there yet. `agents run` or `agents migrate` creates it.")
            return
    try:
        async with asyncio.timeout(DATABASE_WAIT_S):
            db = await connect(settings.database_url)
        try:
            found = await verify(db)
            installs = await _installs(settings, db) if settings.is_multi_workspace else None
        finally:
            await db.close()
    except (AgentsError, TimeoutError) as error:
        yield fail("database", str(error) or f"It did not answer within {DATABASE_WAIT_S:.0f} s. Check DATABASE_URL.")
        return
    verdict = sums(found)
    yield ok("database", verdict) if found.ok else fail("database", f"{verdict} Stop the bot and tell its maintainers.")
    if installs is not None:
        yield installs


async def _installs(settings: Settings, db: Database) -> Finding:
    """Return how many workspaces installed the app by its link, and whether their tokens can be read."""
    try:
        installations = Installations(db, SystemClock(), settings.fernet_keys)
        count = await installations.check_tokens()
        strange = [one.id for one in await installations.list_all() if not settings.admits(one.id, one.enterprise_id)]
    except StorageError as error:
        return fail("installations", str(error))
    if not count:
        return warn("installations", f"none yet. Open {INSTALL_PATH} at this deployment's address to make the first.")
    if strange:
        return warn(
            "installations",
            f"{', '.join(strange)} installed it and AGENTS_WORKSPACES does not name them."
            f" `agents installations remove {strange[0]}` takes it out.",
        )
    if not settings.workspaces:
        return warn(
            "installations",
            f"{count}. Whoever has the link can install it, and your providers bill you: name who may in"
            " AGENTS_WORKSPACES.",
        )
    return ok("installations", f"{count}, and every token can be decrypted.")


def _disk(path: Path, env: Mapping[str, str]) -> Iterator[Finding]:
    """Yield whether the disk under a SQLite file is durable and local."""
    folder = next(parent for parent in path.parents if parent.exists())
    mount, kind = _filesystem(folder)
    platform = next((name for variable, name in _PLATFORMS.items() if variable in env), "")
    if kind in _VANISHING:
        yield warn("disk", f"{folder} is on {kind}, which may vanish with the container. Mount a volume there.")
    elif platform and mount in ("", "/"):
        yield warn(
            "disk",
            f"{platform} gives the app a new disk with each deploy, and {folder} is on it. Mount a volume and set"
            " AGENTS_DATA_DIR to it, or use PostgreSQL.",
        )
    if kind in _REMOTE:
        yield warn("disk", f"{folder} is on {kind}, where SQLite's locks are not safe. Use a local disk or PostgreSQL.")
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < DISK_FREE_BYTES:
        yield fail("disk", f"{free_bytes // 2**20} MB are free on {folder}. Free some space before the ledger stops.")


def _filesystem(folder: Path) -> tuple[str, str]:
    """Return the mount point of a folder's file system and its kind; both empty where the system does not say."""
    if not MOUNTS.exists():
        return "", ""
    mounts = [line.split()[1:3] for line in MOUNTS.read_text("utf-8").splitlines()]
    above = [(point, kind) for point, kind in mounts if folder.resolve().is_relative_to(point)]
    point, kind = max(above, key=lambda mount: len(mount[0]), default=("", ""))
    return point, kind
