"""Verification of the ledger: every account's sums derived again from the calls, in one snapshot."""

from dataclasses import dataclass

from storage.database.database import Database
from storage.database.statements import Row, Work, load

q = load("verify")


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of a verification. `differences`: accounts whose sums differ from their calls'; `stale`: due a sweep."""

    accounts: int
    calls: int
    tool_calls: int
    settled_nusd: int
    held_nusd: int
    spend_nusd: int
    stale: int
    differences: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Return whether every account, and the sums that reports read, are those of the calls."""
        return not self.differences and self.spend_nusd == self.settled_nusd


async def verify(db: Database) -> Verification:
    """Derive every sum again and return the comparison; reads all calls, so once a day is enough."""

    def work() -> Work[Verification]:
        (totals,) = yield q.totals()
        differences = yield q.account_differences()
        return Verification(**totals, differences=tuple(differences))

    return await db.read(work)
