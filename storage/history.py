"""What the ledger knows from earlier runs: the usual price of a flow, and what died shells left behind."""

from collections.abc import Collection

from storage.database.database import Database
from storage.database.statements import load, single

q = load("history")

RUNS_FEWEST, RUNS_MOST = 5, 50
"""Fewer runs are no history; older ones were under other prices and prompts."""
ACCEPTED_GRACE_US = 60_000_000


class History:
    """Reads over finished and unfinished runs."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def expected_nusd(self, workspace: str, flow: str) -> int | None:
        """The mean price of the latest runs that ended with an answer; None while there are too few of them."""
        statement = q.price_of_flow(workspace=workspace, flow=flow, most=RUNS_MOST)
        (row,) = await self._db.read(lambda: single(statement))
        return int(row["mean_nusd"]) if row["runs"] >= RUNS_FEWEST else None

    async def only_workspace(self, *, besides: Collection[str]) -> str | None:
        """The one workspace of this ledger, apart from those named; None when there are several, or none."""
        rows = await self._db.read(lambda: single(q.workspaces_with_money(besides=tuple(besides))))
        return str(rows[0]["id"]) if len(rows) == 1 else None

    async def lost_shell_runs(self, now_us: int) -> list[str]:
        """Runs of shells that no process goes on with: their lease has run out, or they never got one."""
        statement = q.lost_shell_runs(now_us=now_us, accepted_before_us=now_us - ACCEPTED_GRACE_US)
        return [str(row["id"]) for row in await self._db.read(lambda: single(statement))]
