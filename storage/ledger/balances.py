"""Balances of month accounts: what is settled, held and free, and for which runs."""

from dataclasses import dataclass, replace
from typing import Any

from patterns.core.holds import Payer
from patterns.core.ports import Clock
from patterns.core.reasons import Reason
from storage.database.database import Database
from storage.database.statements import Row, Work, load, single
from storage.ledger.accounts import month_limits
from storage.ledger.book import QUARTER_US, Account, LedgerTransaction, Policy
from storage.ledger.periods import period_end_us
from storage.ledger.transaction import load_config

q = load("budgets")

DEFAULT_ALERTS_PCT = (50, 80, 95, 100)


@dataclass(frozen=True, slots=True)
class Balance:
    """Balance of one month account in nano-dollars, with the end of its month. `limit_nusd` None: no limit is set."""

    kind: str
    key: str
    period: str
    limit_nusd: int | None
    granted_nusd: int
    settled_nusd: int
    held_nusd: int
    resets_at_us: int
    blocked: Reason | None
    blocked_reason: str

    @property
    def is_of_all_channels(self) -> bool:
        """Return True for one person's part of all channels together."""
        return self.kind == "user" and ":" not in self.key

    @property
    def free_nusd(self) -> int | None:
        """Return what may still be held, never below zero; None without a limit."""
        if self.limit_nusd is None:
            return None
        return max(0, self.limit_nusd + self.granted_nusd - self.settled_nusd - self.held_nusd)

    def fits(self, nusd: int) -> bool:
        """Return whether that much more may be held now."""
        return not self.blocked and (self.free_nusd is None or nusd <= self.free_nusd)

    def would_fit(self, nusd: int) -> bool:
        """Return whether it could be held if nothing else were: then waiting for other runs can help."""
        return replace(self, held_nusd=0).fits(nusd)


class Balances:
    """Reads of the ledger; nothing here changes money."""

    def __init__(self, db: Database, clock: Clock, policy: Policy) -> None:
        self._db = db
        self._clock = clock
        self._policy = policy

    async def balances(self, payer: Payer) -> list[Balance]:
        """Return every month account that a call of this payer counts against, widest first."""
        return await self._db.read(lambda: self.reading(payer))

    def reading(self, payer: Payer) -> Work[list[Balance]]:
        """Read the balances of a payer, at the end of a transaction; see `balances`."""
        book = LedgerTransaction(self._policy, self._clock.now_us())
        yield from load_config(book, [payer])
        limits = month_limits(book, payer)
        found: list[Any] = yield from single(q.accounts.rows_as(Account, ids=limits))
        stored = {account.id: account for account in found}
        wanted = (Account(id_, limit_nusd) for id_, limit_nusd in limits.items())
        return [_balance(book, payer, one, stored.get(one.id, one)) for one in wanted]

    async def balance(self, payer: Payer) -> Balance:
        """Return the account that pays first: the channel's month, or the person's."""
        return next(one for one in await self.balances(payer) if one.kind == payer.channel_kind)

    async def tightest(self, payer: Payer, needed_nusd: int) -> Balance:
        """Return the first account that refuses an amount, else the one that pays first."""
        balances = await self.balances(payer)
        refuses = (one for one in balances if not one.fits(needed_nusd))
        return next(refuses, None) or next(one for one in balances if one.kind == payer.channel_kind)

    async def is_only_held(self, payer: Payer, needed_nusd: int) -> bool:
        """Return whether only what runs hold right now prevents holding an amount."""
        return all(one.would_fit(needed_nusd) for one in await self.balances(payer))

    async def held_by_runs(self, payer: Payer) -> list[Row]:
        """Return what is held right now, as rows run_id, calls, held_nusd, since_us."""
        statement = q.held_by_runs(
            workspace=payer.workspace, channel=payer.channel, kind=payer.channel_kind, user_id=payer.user
        )
        return await self._db.read(lambda: single(statement))

    async def quarantined(self, workspace: str) -> list[Row]:
        """Return the models in quarantine, as rows model, allowance_pct, reason, at_us."""
        return await self._db.read(lambda: single(q.quarantined_now(workspace=workspace)))

    async def spent_by(self, workspace: str, user: str, period: str) -> int:
        """Return what one person spent in a month, in nano-dollars, in all channels and direct messages together."""
        rows = await self._db.read(lambda: single(q.spent_by(workspace=workspace, user_id=user, period=period)))
        return int(rows[0]["settled_nusd"])

    async def spent_when(self, workspace: str, user: str, period: str, *, since_us: int) -> tuple[tuple[int, int], ...]:
        """Return (start in microseconds, nano-dollars) of the quarter hours in which a person spent in a month.

        `since_us` bounds which of their requests are looked at.
        """
        statement = q.spent_when(workspace=workspace, user_id=user, period=period, since_us=since_us)
        rows = await self._db.read(lambda: single(statement))
        return tuple((row["quarter"] * QUARTER_US, int(row["nusd"])) for row in rows)

    async def months(self, payer: Payer, *, most: int = 12) -> list[Row]:
        """Return the latest months of a payer, as rows period, calls, settled_nusd, newest first."""
        statement = q.spend_by_period(workspace=payer.workspace, channel=payer.channel, most=most)
        return await self._db.read(lambda: single(statement))


def _balance(book: LedgerTransaction, payer: Payer, wanted: Account, stored: Account) -> Balance:
    workspace, own = book.config(payer)
    name = wanted.name
    config = workspace if name.kind == "workspace" or name.is_of_all_channels else own
    closed = Reason.PAUSED if config.kind == "workspace" else Reason.FROZEN
    zone = (own.zone if config is own else None) or workspace.zone or book.policy.zone
    return Balance(
        kind=name.kind,
        key=name.key,
        period=name.period,
        limit_nusd=wanted.limit_nusd,
        granted_nusd=stored.granted_nusd,
        settled_nusd=stored.settled_nusd,
        held_nusd=stored.reserved_nusd,
        resets_at_us=period_end_us(name.period, zone),
        blocked=closed if config.blocked else None,
        blocked_reason=config.blocked_reason,
    )
