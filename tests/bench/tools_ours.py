"""Steps of our tool loop for the bench of tools: a run each, over a ledger and a journal in a SQLite file."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from bot.clock import SystemClock
from bot.logs import configure_logs
from bot.runs.engine_parts import NullEventSink
from patterns.agent import AgentRunner
from patterns.core.tools import ToolRules
from patterns.roster.roster import load_roster
from patterns.services import open_services
from patterns.tools.mcp.servers import ToolServers
from storage.database.connect import connect
from storage.database.migrate import migrate
from storage.execution.ownership import RunSessions
from storage.journal import SqlJournal
from storage.ledger.ledger import SqlLedger
from storage.questions import Questions
from storage.runs import RunStore
from tests.crash.tool_worker import POLICY
from tests.fakes.model import ScriptedModel, asks
from tests.support.ledgers import NEW_RUN
from tests.support.pattern_runs import PROMPTS, ROSTER
from tests.support.tool_runs import step


@asynccontextmanager
async def steps(folder: Path, server: Path, turns: int) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """What makes one step of so many calls, and returns their number."""
    configure_logs("error", stream=sys.stderr)
    url = f"sqlite:///{folder / 'agents.db'}"
    await migrate(url)
    db, clock, numbers = await connect(url), SystemClock(), count()
    store, ledger = RunStore(db, clock), SqlLedger(db, clock, POLICY)
    sessions = RunSessions(
        db, store=store, ledger=ledger, journal=SqlJournal(db, clock), questions=Questions(db, clock)
    )
    moody = (
        f"moody: {{mcp: {{command: [{sys.executable}, {server}, {folder / 'did'}]}}, allow: [look], read_only: [look]}}"
    )
    agent = f"agent a, tools: [moody], turns_max: {turns + 1}, tool_calls_max: {turns},"
    roster = load_roster(
        f"{ROSTER.replace('agent a,', agent)}\ntools:\n  {moody}\n", file="roster.yml", env={}, prompts=PROMPTS
    )
    servers = ToolServers({}, folder)
    toolbox = servers.toolbox(roster.servers)

    def model(request: object) -> object:
        asked = sum(one.role == "assistant" for one in request.messages)  # type: ignore[attr-defined]
        return asks(("moody.look", {"q": str(asked)}), turn=asked + 1) if asked < turns else "Done."

    async def some() -> int:
        number = next(numbers)
        run_id, *_ = await store.accept(replace(NEW_RUN, thread_ts=f"{number}.1", delivery_key=f"k{number}"))
        session = await sessions.claim(run_id, owner="bench", lease_s=600)
        assert session is not None
        services = open_services(
            runner=AgentRunner(ScriptedModel(model)),  # type: ignore[arg-type]
            ledger=session, journal=session, decisions=session, events=NullEventSink(), clock=clock,
            roster=roster, payer=session.run.payer, fence=session.run.fence,
        )  # fmt: skip
        place = replace(services, toolbox=toolbox, tool_rules=ToolRules(enabled=None))
        record = await step(place)
        assert record.text == "Done.", record
        await session.flush()
        return turns

    try:
        yield some
    finally:
        await servers.close()
        await ledger.close()
        await db.close()
