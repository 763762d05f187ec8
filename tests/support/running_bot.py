"""The whole bot in this process, over any Slack on loopback and a model double: `agents run` without a shell."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path

from bot.app import Bot, open_bot
from bot.demo.local_slack import DANA
from bot.runs.bootstrap import open_engine
from bot.runs.configuration import choose_models
from bot.serve import listen
from bot.settings import Settings, read_settings
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SIGNING_SECRET
from tests.fakes.slack_state import APP_TOKEN, BOT_TOKEN

KEY = "sk-of-a-double"
WAIT_S = 30.0
OVER = "SELECT COUNT(*) FROM run WHERE status = 'done'"
OWED = "SELECT COUNT(*) FROM slack_out WHERE state = 'intended'"


def bot_environment(*, api_url: str, provider_url: str, folder: Path) -> dict[str, str]:
    """The environment of a bot that talks to loopback only. The key's name chooses the shipped OpenAI models.

    Channels are enabled from the start: most tests are about what follows.
    """
    roster = folder.with_name(f"{folder.name}-enabled.yml")
    roster.write_text("extends: shipped\nbudgets: {new_channels: on}\n", encoding="utf-8")
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "AGENTS_DATA_DIR": str(folder),
        "AGENTS_ADMINS": DANA,
        "AGENTS_ROSTER": str(roster),
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "SLACK_API_URL": api_url,
        "OPENAI_API_KEY": KEY,
        "OPENAI_API_BASE": provider_url,
    }


@dataclass(frozen=True)
class House:
    """A running bot and its ledger."""

    bot: Bot
    settings: Settings

    def spent_nusd(self) -> int:
        """What the ledger's file says was paid, whatever the bot says."""
        return int(
            self.ledger("SELECT COALESCE(SUM(actual_nusd), 0) FROM call WHERE state IN ('settled', 'uncertain')")
        )

    def held_nusd(self) -> int:
        """What is still held."""
        return int(self.ledger("SELECT COALESCE(SUM(reserved_nusd), 0) FROM account WHERE kind = 'workspace'"))

    async def until_no_run_is_open(self) -> None:
        """Wait for the work in progress, deliveries included."""
        await self.bot.background.drain(WAIT_S)
        await self.bot.dispatcher.drain(WAIT_S)
        await self.bot.executor.drain(WAIT_S)

    async def until_told(self, *, runs: int) -> None:
        """Wait until so many runs are over and nothing more is owed to Slack; the bot takes further ones after it."""
        async with asyncio.timeout(WAIT_S):
            while self.ledger(OVER) < runs or self.ledger(OWED):  # noqa: ASYNC110 - another task writes it
                await asyncio.sleep(0.02)

    def ledger_text(self, question: str) -> str:
        """A text from the SQLite file."""
        with closing(sqlite3.connect(self.settings.database_url.removeprefix("sqlite:///"))) as db:
            return str(db.execute(question).fetchone()[0])

    def ledger(self, question: str) -> int:
        """A number from the SQLite file."""
        with closing(sqlite3.connect(self.settings.database_url.removeprefix("sqlite:///"))) as db:
            return int(db.execute(question).fetchone()[0])


Opened = Callable[[], AbstractAsyncContextManager[House]]
"""Starts a bot; again for the next process on the same ledger."""


@asynccontextmanager
async def open_house(
    *,
    api_url: str,
    provider: Provider,
    folder: Path,
    month_cap_nusd: int | None = None,
    roster: str | None = None,
    more: Mapping[str, str] | None = None,
) -> AsyncIterator[House]:
    """A bot with the shipped roster, or the YAML of another, over SQLite in `folder`, connected by Socket Mode."""
    env = bot_environment(api_url=api_url, provider_url=provider.api_base("openai"), folder=folder)
    env |= more or {}
    if roster is not None:
        if "new_channels" not in roster:
            roster = roster.replace("\nbudgets:\n", "\nbudgets:\n  new_channels: on\n")
        (folder / "roster.yml").write_text(roster, encoding="utf-8")
        env["AGENTS_ROSTER"] = str(folder / "roster.yml")
    settings = read_settings(env)
    async with AsyncExitStack() as stack:
        # The README's picture comes from here: it must not say that a provider wrote what a script says.
        choice = replace(await choose_models(settings), name="A scripted model")
        engine = await stack.enter_async_context(open_engine(settings, choice, month_cap_nusd=month_cap_nusd))
        bot = await stack.enter_async_context(open_bot(engine))
        await stack.enter_async_context(listen(bot, settings, port=None))
        yield House(bot, settings)
