"""Reads over past runs: mean cost of a flow, the sole workspace, and shell runs whose process died."""

from collections.abc import Collection

from storage.database.connect import CODE_VERSION
from storage.database.database import Database
from storage.database.statements import Work, load, single

q = load("history")

RUNS_FEWEST, RUNS_MOST = 5, 50
"""Bounds of the sample of a mean: fewer runs say nothing, older ones had other prices and prompts."""
ACCEPTED_GRACE_US = 60_000_000


class History:
    """Repository of reads over finished and unfinished runs."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def mean_cost_nusd(self, workspace: str, flow: str) -> int | None:
        """Return the mean cost of the latest answered runs, in nano-dollars; None below `RUNS_FEWEST`."""
        return await self._db.read(lambda: reading_mean_cost(workspace, flow))

    async def sole_workspace(self, *, besides: Collection[str]) -> str | None:
        """Return the one workspace of this ledger, apart from those named; None when there are several, or none."""
        rows = await self._db.read(lambda: single(q.workspaces_with_money(besides=tuple(besides))))
        return str(rows[0]["id"]) if len(rows) == 1 else None

    async def orphaned_shell_runs(self, now_us: int) -> list[str]:
        """Return the shell runs without a living process: their lease has expired, or they were never claimed."""
        accepted_before_us = now_us - ACCEPTED_GRACE_US
        statement = q.orphaned_shell_runs(now_us=now_us, accepted_before_us=accepted_before_us, code=CODE_VERSION)
        return [str(row["id"]) for row in await self._db.read(lambda: single(statement))]


def reading_mean_cost(workspace: str, flow: str) -> Work[int | None]:
    """Read a mean cost as part of a transaction; see `History.mean_cost_nusd`."""
    (row,) = yield from single(q.price_of_flow(workspace=workspace, flow=flow, most=RUNS_MOST))
    return int(row["mean_nusd"]) if row["runs"] >= RUNS_FEWEST else None
