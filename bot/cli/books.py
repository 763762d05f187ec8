"""The ledger of one workspace, as shell commands about its money open it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger as a shell opens it."""

    workspace: str
    actor: str
    budgets: Any
    balances: Any
    reports: Any
    clock: Any
    roster: Any
    models: dict[str, str]
    db: Any
    settings: Any

    async def check(self, channel: str) -> None:
        """Refuse a channel that neither the ledger nor Slack knows."""
        from bot.cli.channels import check_channel

        await check_channel(self.db, self.clock, self.settings, workspace=self.workspace, channel=channel)


@asynccontextmanager
async def open_books(workspace: str) -> AsyncIterator[Books]:
    """Open the ledger of a workspace; raise UserError when it is not clear which one is meant."""
    from bot.cli.shell import LOCAL, PLAY
    from bot.clock import SystemClock
    from bot.runs.configuration import policy_of, read_roster
    from bot.runs.model_selection import AUTO, provider_choice
    from bot.settings import read_settings
    from patterns.core.errors import UserError
    from storage.database.connect import connect
    from storage.ledger.balances import Balances
    from storage.ledger.budgets import Budgets
    from storage.ledger.reports import Reports

    settings = read_settings()
    roster = read_roster(settings, provider_choice(settings.env))
    policy, clock = policy_of(settings, roster), SystemClock()
    db = await connect(settings.database_url)
    try:
        await clock.synchronize(db)
        reports = Reports(db, clock, policy)
        known = await reports.workspaces()
        # The shell's own accounts are only meant where there are no others.
        known = [one for one in known if one not in {LOCAL, PLAY}] or known
        if workspace not in known and (workspace or len(known) != 1):
            raise UserError(f"Name a workspace with --workspace. This ledger has {', '.join(known) or 'none yet'}.")
        yield Books(
            workspace=workspace or known[0],
            actor="shell",
            budgets=Budgets(db, clock, policy),
            balances=Balances(db, clock, policy),
            reports=reports,
            clock=clock,
            roster=roster,
            models={name: spec.model for name, spec in roster.models.items() if spec.model != AUTO},
            db=db,
            settings=settings,
        )
    finally:
        await db.close()
