"""What one process needs to carry out runs: database, ledger, roster, models, tools, and the services made of them."""

from dataclasses import dataclass
from functools import cached_property

from bot.runs.model_selection import ModelChoice
from bot.runs.roster_snapshots import RosterSnapshots
from bot.runs.tool_rules import RunTools
from bot.settings import Settings
from bot.telemetry.observers import NOBODY, Telemetry
from bot.telemetry.watched import runner_over, toolbox_over
from patterns.core.events import RunEvent
from patterns.core.holds import Fence, Payer
from patterns.core.ports import Clock, EventSink, ModelClient
from patterns.core.tools import NO_TOOLS, NOTHING_ON, ToolBox, ToolRules
from patterns.models.client import LiteLLMClient
from patterns.roster.roster import Roster
from patterns.services import Runner, Services, open_services
from storage.database.database import Database
from storage.execution.ownership import RunSessions
from storage.execution.session import RunSession
from storage.journal import SqlJournal
from storage.ledger.balances import Balances
from storage.ledger.ledger import SqlLedger
from storage.ledger.periods import ClockGuard
from storage.questions import Questions
from storage.run_rows import RunRow
from storage.runs import RunStore
from storage.stored_files import StoredFiles

Equipment = tuple[Roster, LiteLLMClient, tuple[ToolBox, ToolRules]]
"""What a run works with: the roster it was accepted under, its models, its tools and which of them are on."""


class NullEventSink:
    """An EventSink that discards events."""

    def emit(self, run_id: str, event: RunEvent) -> None:
        """Discard the event."""


@dataclass(frozen=True)
class EngineParts:
    """Everything one process needs for runs. `roster` has its models chosen and priced."""

    settings: Settings
    choice: ModelChoice | None
    clock: Clock
    guard: ClockGuard
    db: Database
    roster: Roster
    client: LiteLLMClient
    ledger: SqlLedger
    journal: SqlJournal
    balances: Balances
    questions: Questions
    store: RunStore
    older: RosterSnapshots
    tools: RunTools
    files: StoredFiles
    telemetry: Telemetry = NOBODY

    @property
    def model_note(self) -> str:
        """Return a sentence for the thread with the models that answer."""
        if self.choice is not None:
            return self.choice.note
        used = {self.roster.models[agent.model].model for agent in self.roster.agents.values()}
        return f"{', '.join(sorted(used))} answer"

    async def check_models(self) -> None:
        """Check, without importing litellm where its files suffice, that every model an agent may use has a price.

        Raises:
            RosterError: one has none, or litellm does not know it.
        """
        asked = [*(agent.model for agent in self.roster.agents.values()), self.roster.router.model]
        chains = (name for model in asked for name in (model, *self.client.fallbacks(model)))
        await self.client.check(dict.fromkeys(chains))

    @cached_property
    def sessions(self) -> RunSessions:
        """Return what claims and ends runs."""
        return RunSessions(
            self.db, store=self.store, ledger=self.ledger, journal=self.journal, questions=self.questions
        )

    @cached_property
    def _runner(self) -> Runner:
        """Return the runner of every run that may use all models: it keeps its price bounds from run to run."""
        return runner_over(self.client, self.roster.models, self.telemetry.observers)

    @property
    def zone(self) -> str:
        """Return the time zone of this deployment."""
        return self.settings.timezone or self.roster.budgets.timezone

    def _services(  # noqa: PLR0913 - the ports that differ from run to run
        self,
        payer: Payer,
        fence: Fence,
        roster: Roster,
        client: ModelClient,
        events: EventSink,
        session: RunSession | None,
        *,
        executed_s: float = 0.0,
        may_stream: bool = False,
        tools: tuple[ToolBox, ToolRules] = (NO_TOOLS, NOTHING_ON),
    ) -> Services:
        is_usual, (toolbox, rules) = client is self.client, tools
        return open_services(
            runner=self._runner if is_usual else runner_over(client, roster.models, self.telemetry.observers),
            ledger=session or self.ledger,
            journal=session or self.journal,
            decisions=session or self.questions,
            events=events,
            clock=self.clock,
            roster=roster,
            payer=payer,
            fence=fence,
            executed_s=executed_s,
            may_stream=may_stream,
            toolbox=toolbox_over(toolbox, self.telemetry.observers),
            tool_rules=rules,
        )

    async def roster_of(self, run: RunRow) -> tuple[Roster, LiteLLMClient]:
        """Return the roster the run was accepted under, which an update may have replaced since."""
        if run.roster_hash == self.roster.hash:
            return self.roster, self.client
        return await self.older.of(run.roster_hash)

    async def equipped(self, run: RunRow) -> Equipment:
        """Return what a run works with."""
        roster, client = await self.roster_of(run)
        return roster, client, await self.tools.of(run, roster)

    async def roster_read_back(self, run: RunRow) -> Roster:
        """Return the roster the run was accepted under, to be looked at and not run."""
        return self.roster if run.roster_hash == self.roster.hash else await self.older.read_back(run.roster_hash)
