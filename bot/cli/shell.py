"""What shell commands that run something share: an engine, an account that pays, and runs that only they own.

A shell owns its runs, no other process resumes them, and a later shell ends what a killed one left. Money of the demo's
tiny model is play money, so it has its own workspace and never touches a real budget.
"""

import asyncio
import getpass
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from bot.cli.terminal import print_line
from bot.demo.cache import tiny_model_is_here
from bot.demo.tiny_model import TinyModel, with_tiny_roster
from bot.logs import configure_logs
from bot.people.profiles import ProfileLookup
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.runs.engine import Engine
from bot.runs.model_selection import ModelChoice, tiny_choice
from bot.runs.orphaned_shell_runs import end_lost_runs
from bot.runs.tool_rules import EverythingOn
from bot.settings import Settings, read_settings
from patterns.core.errors import UserError
from patterns.core.holds import Payer
from storage.history import History
from storage.ledger.balances import Balances
from storage.run_rows import NewRun

LOCAL, PLAY = "local", "play"
"""The workspace of shells on a ledger without a Slack workspace, and that of play money."""


@asynccontextmanager
async def opened(
    *, starts_model: bool = True, roster: Path | None = None, model: str | None = None
) -> AsyncIterator[Engine]:
    """Open the engine of a shell; a `roster` file and a `model` stand in place of the deployment's."""
    settings = read_settings()
    instead: dict[str, Any] = {"roster_path": roster or settings.roster_path}
    if model is not None:
        instead |= {"model_fast": model, "model_strong": model}
    settings = settings.model_copy(update=instead)
    # Warnings are for the bot's operator; a shell says what matters in its own words.
    configure_logs(settings.log_level if settings.env.get("AGENTS_LOG_LEVEL") else "error")
    async with AsyncExitStack() as stack:
        choice = await _models(stack, settings, starts=starts_model)
        settings = with_tiny_roster(settings, choice)
        engine = await stack.enter_async_context(open_engine(settings, choice))
        engine.tools.source = EverythingOn()
        await end_lost_runs(engine, owner=owner())
        yield engine


async def _models(stack: AsyncExitStack, settings: Settings, *, starts: bool) -> ModelChoice | None:
    """Return the chosen models: as for the bot, else the tiny model if the demo has downloaded it."""
    try:
        return await choose_models(settings)
    except UserError:
        if not tiny_model_is_here(settings.env):
            raise
    if not starts:
        return tiny_choice("")
    print_line("No model is configured, so the demo's tiny one answers: readable, often wrong, and paid in play money.")
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="agents-ask-"))
    tiny = await stack.enter_async_context(TinyModel(env=settings.env, folder=Path(folder)))
    return tiny_choice(tiny.api_base)


async def models_of(settings: Settings) -> ModelChoice | None:
    """Return the models that would answer here, without starting any; None where none is configured."""
    try:
        return await choose_models(settings)
    except UserError:
        return tiny_choice("") if tiny_model_is_here(settings.env) else None


async def payer_for(engine: Engine, channel: str) -> Payer:
    """Return the account that pays: the channel, in the workspace this ledger serves.

    A ledger with one Slack workspace is that workspace's, so the shell shares its budgets; with several it is unclear
    which one is meant, and the shell has a workspace of its own.
    """
    real = await History(engine.db).sole_workspace(besides=(LOCAL, PLAY)) or LOCAL
    workspace = PLAY if _is_play(engine) else real
    return Payer(workspace=workspace, channel=channel, channel_kind="channel", user=_user())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in containers
        return f"uid-{os.getuid()}"


def owner() -> str:
    """Return the name of this process in leases."""
    return f"{socket.gethostname()}:{os.getpid()}"


async def accept(engine: Engine, payer: Payer, request: str, options: Mapping[str, Any], *, key: str = "") -> str:
    """Store a request of a shell, once for each `key` that is not empty; return the id of its run."""
    run_id, _ = await engine.store.accept(
        NewRun(
            workspace=payer.workspace,
            channel=payer.channel,
            channel_kind=payer.channel_kind,
            thread_ts="",
            user=payer.user,
            kind="terminal",
            request=request,
            flow=options.get("flow") or "",
            options=options,
            roster_hash=engine.roster.hash,
            roster_json=engine.roster.snapshot(),
            delivery_key=f"terminal:{key or secrets.token_hex(12)}",
            needs_code=engine.roster.needs_code,
        )
    )
    return run_id


class _CommandLineDirectory:
    """The directory of a shell: people and channels have the names of the command line."""

    async def user(
        self,
        user: str,
        *,
        workspace: str,  # noqa: ARG002 - the directory's shape
        anew: bool = False,  # noqa: ARG002 - the directory's shape
    ) -> Mapping[str, Any]:
        """Return the name as it is."""
        return {"name": user}

    async def channel(
        self,
        channel: str,  # noqa: ARG002 - the directory's shape
        *,
        workspace: str,  # noqa: ARG002 - the directory's shape
    ) -> Mapping[str, Any] | None:
        """Return None: there is no better name."""
        return None

    async def is_member(self, user: str, channel: str, *, workspace: str) -> bool:  # noqa: ARG002 - the directory's shape
        """Return True: whoever has the shell has its channels."""
        return True

    async def direct_messages(self, user: str, *, workspace: str) -> str:  # noqa: ARG002 - the directory's shape
        """Return an empty id: there are no direct messages."""
        raise UserError(f"A shell has no direct messages with {user}.")


def profiles_of(engine: Engine) -> ProfileLookup:
    """Return the lookup of people and balances for a shell."""
    return profiles_over(engine.balances, is_play_money=_is_play(engine))


def profiles_over(balances: Balances, *, is_play_money: bool = False) -> ProfileLookup:
    """Return the lookup of people and balances for a shell without an engine."""
    return ProfileLookup(balances, _CommandLineDirectory(), is_play_money=is_play_money)


def _is_play(engine: Engine) -> bool:
    return engine.choice is not None and engine.choice.is_play_money


@contextmanager
def interruptible(stopped: asyncio.Event) -> Iterator[None]:
    """Set the event at the first Ctrl-C or SIGTERM; the second interrupts."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    names = (signal.SIGINT, signal.SIGTERM)
    for name in names:
        loop.add_signal_handler(name, stop)
    try:
        yield
    finally:
        for name in names:
            loop.remove_signal_handler(name)
