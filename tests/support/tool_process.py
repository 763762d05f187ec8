"""A process that owns a run and has its agent act, for tests that stop and kill it between two of its steps.

`python -m tests.support.tool_process URL RUN FILE`: what the tool does is a line in FILE. It says `held` when the money
of the call is held, `sent` when it was made, waits a moment at each, and at last `done`, `lost`, or where it asks.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.clock import SystemClock
from bot.logs import configure_logs
from bot.runs.engine_parts import NullEventSink
from bot.runs.lease import LEASE_S, Lease
from patterns.agent import AgentRunner
from patterns.core.errors import ParkedError, RunLostError
from patterns.core.holds import Hold, HoldRequest
from patterns.core.tools import Grant, ToolRules, schema_hash
from patterns.services import open_services
from storage.database.connect import connect
from storage.execution.ownership import RunSessions
from storage.execution.session import RunSession
from storage.journal import SqlJournal
from storage.ledger.ledger import SqlLedger
from storage.questions import Questions
from storage.runs import RunStore
from tests.fakes.model import ScriptedModel
from tests.fakes.tools import FakeTools
from tests.support.ledgers import POLICY
from tests.support.tool_runs import LOADED, ask_for, step

PAUSE_S = 1.0
"""Between hold and send: time to be stopped in."""


class _Telling:
    """A session whose hold of a tool call is told, and followed by a pause."""

    def __init__(self, session: RunSession) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def hold(self, request: HoldRequest) -> Hold:
        hold = await self._session.hold(request)
        if request.tool is not None:
            sys.stdout.write("held\n")
            sys.stdout.flush()
            await asyncio.sleep(PAUSE_S)
        return hold


async def main(url: str, run_id: str, file: Path) -> str:
    """Own the run as far as it goes, and return how that ended."""
    db, clock = await connect(url), SystemClock()
    store = RunStore(db, clock)
    ledger = SqlLedger(db, clock, POLICY)
    sessions = RunSessions(
        db, store=store, ledger=ledger, journal=SqlJournal(db, clock), questions=Questions(db, clock)
    )
    try:
        session = await sessions.claim(run_id, owner=str(os.getpid()), lease_s=LEASE_S)
        if session is None:
            return "not claimed"
        with Lease(store, clock).renewed(session.run, lambda: 0):
            return await _act(session, clock, file)
    finally:
        await ledger.close()
        await db.close()


async def _act(session: RunSession, clock: SystemClock, file: Path) -> str:
    async def order(given: Mapping[str, Any]) -> str:
        with file.open("a") as done:
            done.write(f"{given['q']}\n")
        sys.stdout.write("sent\n")
        sys.stdout.flush()
        await asyncio.sleep(PAUSE_S)
        return "ordered"

    tools = FakeTools({"shop.order": order})
    schema = (await tools.schemas(["shop.order"]))[0]
    grant = Grant(id="g", tool="shop.order", schema_hash=schema_hash(schema), given_by="U2")
    model = ScriptedModel(
        lambda request: (
            "Done." if any(one.role == "tool" for one in request.messages) else ask_for(("shop.order", {"q": "tea"}))
        )
    )
    telling: Any = _Telling(session)
    services = open_services(
        runner=AgentRunner(model),
        ledger=telling,
        journal=session,
        decisions=session,
        events=NullEventSink(),
        clock=clock,
        roster=LOADED,
        payer=session.run.payer,
        fence=session.run.fence,
    )
    place = replace(services, toolbox=tools, tool_rules=ToolRules(enabled=None, grants=(grant,)))
    try:
        record = await step(place)
    except ParkedError as parked:
        return f"asks {parked.paths[0]}"
    except RunLostError:
        return "lost"
    return f"done {record.text}"


if __name__ == "__main__":
    configure_logs("error", stream=sys.stderr)
    sys.stdout.write(asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))) + "\n")
