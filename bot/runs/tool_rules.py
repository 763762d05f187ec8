"""Which tools a run has: the servers of this process, and what is on where the run works."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Protocol

from bot.runs.workspace_search import NotInSlack, SlackSearch, WithWorkspace
from patterns.core.holds import Payer
from patterns.core.tools import NO_TOOLS, NOTHING_ON, ToolBox, ToolRules
from patterns.roster.roster import Roster
from patterns.tools.mcp.servers import ToolServers
from storage.run_rows import DRY, RunRow
from storage.runs import RunStore


class ToolRulesSource(Protocol):
    """What knows which tools are on where; read once per execution."""

    async def rules_for(self, run: RunRow) -> ToolRules:
        """Return what is allowed where a run works, for whoever asked."""
        ...


class NothingOn:
    """Where nobody has switched a tool on: dates and arithmetic alone, which are on everywhere."""

    async def rules_for(self, run: RunRow) -> ToolRules:  # noqa: ARG002 - the port
        """Return that nothing is on."""
        return NOTHING_ON


class EverythingOn:
    """A shell: whoever has it has every tool of the roster."""

    async def rules_for(self, run: RunRow) -> ToolRules:  # noqa: ARG002 - the port
        """Return that everything is on."""
        return ToolRules(enabled=None)


@dataclass
class RunTools:
    """The tools of one process. Whoever puts it together sets `source`; until then nothing is on."""

    servers: ToolServers
    store: RunStore
    source: ToolRulesSource
    slack: SlackSearch = field(default_factory=NotInSlack)

    async def of(self, run: RunRow, roster: Roster) -> tuple[ToolBox, ToolRules]:
        """Return the tool box of a run's roster and what is on for it.

        What an earlier run of its thread has read in private is in its answer, so it is private here too.
        """
        if not roster.has_tools:
            return NO_TOOLS, NOTHING_ON
        # Asked together, they are one trip to the database.
        rules, has_read_private = await asyncio.gather(self.source.rules_for(run), self.store.has_read_private(run))
        rules = replace(rules, is_private=rules.is_private or has_read_private)
        box: ToolBox = self.servers.toolbox(roster.servers)
        if any(spec.workspace_results for spec in roster.tools.values()):
            box = WithWorkspace(box, self.slack, run, roster.tools)
        return box, replace(rules, dry=run.is_dry)

    async def at(self, payer: Payer, roster: Roster, *, dry: bool = False) -> tuple[ToolBox, ToolRules]:
        """Return the same for a request that is no run yet."""
        return await self.of(_asked_by(payer, dry=dry), roster)


def _asked_by(payer: Payer, *, dry: bool) -> RunRow:
    return RunRow(
        id="quote",
        workspace=payer.workspace,
        channel=payer.channel,
        channel_kind=payer.channel_kind,
        thread_ts="",
        root_ts="",
        user=payer.user,
        kind="slack",
        flow="",
        options={DRY: dry},
        status="accepted",
        stop_reason="",
        epoch=0,
        roster_hash="",
        executed_ms=0,
        worst_nusd=0,
        cost_nusd=0,
        created_us=0,
        finished_us=None,
        cancel_requested_by=None,
    )
