"""Open what every process needs, with or without Slack: database, ledger and models."""

import contextlib
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from bot.clock import SystemClock
from bot.runs.configuration import policy_of, read_roster
from bot.runs.engine import Engine
from bot.runs.model_selection import ModelChoice
from bot.runs.roster_snapshots import RosterSnapshots
from bot.runs.tool_rules import NothingOn, RunTools
from bot.settings import Settings
from bot.telemetry.observers import open_telemetry
from patterns.core.errors import StorageError
from patterns.models.client import LiteLLMClient
from patterns.tools.mcp.servers import ToolServers
from storage.database.connect import connect
from storage.database.database import Database
from storage.database.private_files import private_folder
from storage.file_contents import contents_of
from storage.journal import SqlJournal
from storage.ledger.balances import Balances
from storage.ledger.ledger import SqlLedger
from storage.ledger.periods import ClockGuard
from storage.questions import Questions
from storage.runs import RunStore
from storage.stored_files import StoredFiles

GARBAGE_AFTER = 10_000
"""Objects in use more than at the last look, after which the collector looks for those that only hold each other. At
Python's 700 it looked through the requests in flight again and again, for a tenth of a run's CPU (measured)."""


@asynccontextmanager
async def open_engine(
    settings: Settings, choice: ModelChoice | None, *, month_cap_nusd: int | None = None
) -> AsyncIterator[Engine]:
    """Open an engine: database, ledger, models. `month_cap_nusd` lowers the default budgets (for the demo)."""
    gc.set_threshold(GARBAGE_AFTER)
    roster = read_roster(settings, choice)
    policy = policy_of(settings, roster)
    if month_cap_nusd is not None:
        # Whoever caps a month has decided what a channel may spend.
        roster = replace(roster, budgets=roster.budgets.model_copy(update={"new_channels": "on"}))
        policy = replace(policy, channel_nusd=month_cap_nusd, dm_user_nusd=month_cap_nusd)
    if settings.is_sqlite:
        private_folder(settings.data_dir, tighten=True)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        db = await _migrated(settings)
        stack.push_async_callback(db.close)
        await stack.enter_async_context(clock.synchronized(db))
        guard = ClockGuard(clock)
        ledger = SqlLedger(db, clock, policy, guard=guard)
        stack.push_async_callback(ledger.close)
        telemetry = await stack.enter_async_context(open_telemetry(settings))
        files = StoredFiles(db, clock, contents_of(db, settings.database_url), settings.files)
        client = LiteLLMClient(roster.models, settings.env, files)
        stack.push_async_callback(client.aclose)
        store = RunStore(db, clock)
        older = RosterSnapshots(store, choice, settings.env, files)
        stack.push_async_callback(older.close)
        servers = ToolServers(settings.env, settings.roster_path.parent)
        stack.push_async_callback(servers.close)
        yield Engine(
            settings=settings,
            choice=choice,
            clock=clock,
            guard=guard,
            db=db,
            roster=roster,
            client=client,
            ledger=ledger,
            journal=SqlJournal(db, clock),
            balances=Balances(db, clock, policy),
            questions=Questions(db, clock),
            store=store,
            older=older,
            tools=RunTools(servers, store, NothingOn()),
            telemetry=telemetry,
            files=files,
        )


async def _migrated(settings: Settings) -> Database:
    """Open the database, its schema brought up to date first; the migrations bring both drivers, so only when due."""
    if settings.is_sqlite:
        with contextlib.suppress(StorageError):
            return await connect(settings.database_url)
    from storage.database.migrate import migrate  # noqa: PLC0415 - see above

    await migrate(settings.database_url)
    return await connect(settings.database_url)
