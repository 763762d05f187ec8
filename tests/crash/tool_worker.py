"""A process whose agent acts in a shop, and that kills itself between any two of its steps.

`python -m tests.crash.tool_worker URL FOLDER --chance 0.2 --seed 1 --ahead 30 RUN:TASK …`: the runs are owned and
worked on side by side. `ahead` sets its clock forward, as far as the leases of dead owners reach. A run that is not
free, or waits for a person, is left to the next worker. Before it dies it writes where into FOLDER/deaths; what its
model charges stands in FOLDER/bills.
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.clock import SystemClock
from bot.logs import configure_logs
from bot.runs.engine_parts import NullEventSink
from bot.runs.lease import LEASE_S, Lease
from patterns.agent import AgentRunner
from patterns.core.calls import Completion, PreparedCall
from patterns.core.context import TaskContext
from patterns.core.errors import ParkedError, RunLostError
from patterns.core.forms import NOBODY_TO_ASK, FormAnswers
from patterns.core.holds import Charged, Fence, Hold, HoldRequest
from patterns.core.ports import OnText
from patterns.core.step_record import StepRecord
from patterns.core.tools import Grant, ToolBox, ToolOutput, ToolRules, ToolSchema, schema_hash
from patterns.handoff import EMPTY_HANDOFF
from patterns.roster.roster import Roster
from patterns.services import Services, open_services
from patterns.tools.mcp.servers import ToolServers
from storage.database.connect import connect
from storage.execution.ownership import RunSessions
from storage.execution.session import RunSession
from storage.journal import SqlJournal
from storage.ledger.book import Policy
from storage.ledger.ledger import SqlLedger
from storage.questions import Questions
from storage.runs import RunStore
from tests.fakes.model import ScriptedModel
from tests.support import retail

POLICY = Policy(workspace_nusd=1000 * retail.USD, channel_nusd=1000 * retail.USD, dm_user_nusd=retail.USD)
SIDE_BY_SIDE = 3
MOMENTS = (
    "before the hold", "between hold and send", "while it was sent", "between answer and settlement",
    "after the settlement",
)  # fmt: skip
"""When a worker can die around a call; the last one is between the settlement and the next step."""
ANSWER_S = 0.2
"""About what an answer of the shop takes: a death while it is sent comes somewhere in it."""


@dataclass
class AheadClock(SystemClock):
    """The real clock, so many microseconds ahead: whoever died before is long dead."""

    ahead_us: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def now_us(self) -> int:
        return super().now_us() + self.ahead_us


@dataclass
class Death:
    """Comes with a chance at each moment it is asked, and writes down where; or at one moment, for certain."""

    chance: random.Random
    likely: float
    file: Path
    acts_only: bool = False
    """Only around calls that act."""
    only: str = ""
    """The moment that it waits for."""

    def waits(self, tool: str) -> bool:
        """Whether it may come around a call of this tool."""
        return not self.acts_only or tool.partition(".")[2] in retail.WRITES

    def at(self, moment: str) -> None:
        if self._comes(moment):
            self.now(moment)

    def _comes(self, moment: str) -> bool:
        return moment == self.only if self.only else self.chance.random() < self.likely

    def now(self, moment: str) -> None:
        with self.file.open("a") as deaths:
            deaths.write(f"{moment}\n")
        os.kill(os.getpid(), signal.SIGKILL)

    def soon(self, moment: str) -> None:
        """Perhaps, in a moment: whatever happens then."""
        if self._comes(moment):
            asyncio.get_running_loop().call_later(ANSWER_S * self.chance.random(), self.now, moment)


@dataclass
class Mortal:
    """A session in which death waits before and after the hold of a tool call, and before and after its settlement."""

    session: RunSession
    death: Death

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    async def hold(self, request: HoldRequest) -> Hold:
        if request.tool is None or not self.death.waits(request.tool.tool):
            return await self.session.hold(request)
        self.death.at("before the hold")
        hold = await self.session.hold(request)
        self.death.at("between hold and send")
        return hold

    async def settle(self, hold: Hold, charged: Charged, fence: Fence, record: StepRecord | None = None) -> Any:
        if record is None or not self.death.waits(str(record.data.get("tool", ""))) or charged.tool is None:
            return await self.session.settle(hold, charged, fence, record)
        self.death.at("between answer and settlement")
        settled = await self.session.settle(hold, charged, fence, record)
        self.death.at("after the settlement")
        return settled


@dataclass
class MortalTools:
    """Real tools; death waits while a call is on its way."""

    toolbox: ToolBox
    death: Death

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        return await self.toolbox.schemas(names)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        key: str,
        timeout_s: float,
        asker: str = "",
        answers: FormAnswers = NOBODY_TO_ASK,
    ) -> ToolOutput:
        if self.death.waits(tool):
            self.death.soon("while it was sent")
        return await self.toolbox.call(tool, arguments, key=key, timeout_s=timeout_s, asker=asker, answers=answers)


@dataclass
class BillingModel(ScriptedModel):
    """Writes its bills where a death does not reach them."""

    file: Path = Path("bills")

    async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
        completion = await super().complete(call, on_text)
        assert completion.usage is not None
        with self.file.open("a") as bills:
            bills.write(f"{call.price.cost_nusd(completion.usage)}\n")
        return completion


@dataclass
class Worker:
    """Owns runs, as a bot does, and has the clerk work on them."""

    sessions: RunSessions
    clock: SystemClock
    toolbox: MortalTools
    roster: Roster
    rules: ToolRules
    model: ScriptedModel
    lease: Lease

    async def work(self, run_id: str, task: retail.Task) -> None:
        session = await self.sessions.claim(run_id, owner=str(os.getpid()), lease_s=LEASE_S)
        if session is None:
            return
        with self.lease.renewed(session.run, lambda: 0), contextlib.suppress(RunLostError):
            try:
                record = await self._services(session).runner.step(
                    TaskContext(
                        run_id=run_id, workspace="T1", channel="C1", channel_kind="channel", thread="1.1", user="U1",
                        request=task.request,
                    ),
                    self._services(session), agent="clerk", path="clerk", handoff=EMPTY_HANDOFF,
                )  # fmt: skip
                await session.flush()
                await self.sessions.finish(
                    session.run, stop_reason=record.outcome, result_json="{}", executed_ms=0, intents=()
                )
            except ParkedError as parked:
                await self.sessions.park(session.run.fence, parked.paths, executed_ms=0)

    def _services(self, session: RunSession) -> Services:
        mortal: Any = Mortal(session, self.toolbox.death)
        services = open_services(
            runner=AgentRunner(self.model),
            ledger=mortal,
            journal=session,
            decisions=session,
            events=NullEventSink(),
            clock=self.clock,
            roster=self.roster,
            payer=session.run.payer,
            fence=session.run.fence,
        )
        return replace(services, toolbox=self.toolbox, tool_rules=self.rules)


async def main(options: argparse.Namespace) -> None:
    folder: Path = options.folder
    db, clock = await connect(options.url), AheadClock(ahead_us=int(options.ahead * 1_000_000))
    ledger, store, roster = SqlLedger(db, clock, POLICY), RunStore(db, clock), retail.roster()
    servers = ToolServers(retail.environment(folder / "shop"), folder)
    death = Death(random.Random(options.seed), options.chance, folder / "deaths", options.acts_only, options.at)
    toolbox = MortalTools(servers.toolbox(roster.servers), death)
    try:
        schemas = await toolbox.schemas([one.name for one in roster.tools_of("clerk")])
        grants = tuple(Grant(id="g", tool=one.name, schema_hash=schema_hash(one), given_by="U2") for one in schemas)
        worker = Worker(
            RunSessions(db, store=store, ledger=ledger, journal=SqlJournal(db, clock), questions=Questions(db, clock)),
            clock,
            toolbox,
            roster,
            ToolRules(enabled=None, grants=grants),
            BillingModel(retail.clerk, file=folder / "bills"),
            Lease(store, clock),
        )
        by_id = {task.id: task for task in retail.tasks()}
        gate = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(named: str) -> None:
            run_id, _, task_id = named.partition(":")
            async with gate:
                await worker.work(run_id, by_id[task_id])

        await asyncio.gather(*map(one, options.runs))
    finally:
        await servers.close()
        await ledger.close()
        await db.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.crash.tool_worker", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--chance", type=float, default=0.0)
    parser.add_argument("--acts-only", action="store_true")
    parser.add_argument("--at", choices=("", *MOMENTS), default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ahead", type=float, default=0.0)
    configure_logs("error", stream=sys.stderr)
    asyncio.run(main(parser.parse_args()))
