"""Reads of a month's money for admins and finance: by part, by day, by run, by channel."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from patterns.core.holds import Payer
from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Row, Statement, Work, load, single
from storage.ledger.balances import DEFAULT_ALERTS_PCT
from storage.ledger.book import QUARTER_US, Policy
from storage.ledger.months import Month, reading_calls, reading_month
from storage.ledger.periods import period_key

q = load("reports")
DEAREST = 5
"""Requests that a month names as those which took the most."""
_PERIOD_STEP_US = 7 * 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class PayerSettings:
    """Settings by admins for a channel or a person's direct messages, with the defaults where they set nothing."""

    id: str
    kind: str
    zone: str
    next_zone: str | None
    own_limit_nusd: int | None
    limit_nusd: int
    user_cap_nusd: int | None
    alerts_pct: tuple[int, ...]
    frozen: bool
    frozen_reason: str
    period: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PayerMonth:
    """One row of the workspace summary: a payer, its settings and its month."""

    settings: PayerSettings
    period: str
    limit_nusd: int
    settled_nusd: int
    held_nusd: int


@dataclass(frozen=True, slots=True)
class WorkspaceSummary:
    """Every payer's current month, beside the workspace's own."""

    payers: tuple[PayerMonth, ...]
    period: str
    limit_nusd: int
    settled_nusd: int
    held_nusd: int
    default_channel_nusd: int
    dm_user_nusd: int
    zone: str
    paused: bool
    paused_reason: str


class Reports:
    """Reads of the ledger for the people responsible for budgets."""

    def __init__(self, db: Database, clock: Clock, policy: Policy) -> None:
        self._db = db
        self._clock = clock
        self._policy = policy

    async def month(self, payer: Payer, period: str, *, dearest: int = DEAREST, deep: bool = True) -> Month:
        """Return one month of a payer in one snapshot; without `deep`, only sums that are quick at any size."""
        return await self._db.read(lambda: reading_month(payer, period, dearest=dearest, deep=deep))

    async def month_and_calls(
        self, payer: Payer, period: str, *, deep: bool, needs_calls: Callable[[Month], bool]
    ) -> tuple[Month, list[Row]]:
        """Return one month of a payer and, where it needs them, its calls in the same snapshot."""

        def work() -> Work[tuple[Month, list[Row]]]:
            month = yield from reading_month(payer, period, dearest=DEAREST, deep=deep)
            if not needs_calls(month):
                return month, []
            calls = yield from reading_calls(payer.workspace, period, [payer.channel])
            return month, calls

        return await self._db.read(work)

    async def settings(self, workspace: str, payer_id: str, kind: str = "channel") -> PayerSettings:
        """Return what is in force for a payer, set by admins or by default."""

        def work() -> Work[PayerSettings]:
            own = yield q.payer(workspace=workspace, id=payer_id)
            shared = yield q.workspace(workspace=workspace)
            return self._settings(own[0] if own else {"id": payer_id, "kind": kind}, shared[0] if shared else {})

        return await self._db.read(work)

    async def workspaces(self) -> list[str]:
        """Return the ids of all workspaces in this ledger."""
        return [str(row["id"]) for row in await self._rows(q.workspaces())]

    async def workspace_summary(self, workspace: str) -> WorkspaceSummary:
        """Return the current month of every payer of a workspace, and of the workspace."""

        def work() -> Work[WorkspaceSummary]:
            shared_rows = yield q.workspace(workspace=workspace)
            shared: Row = shared_rows[0] if shared_rows else {}
            payers = [self._settings(row, shared) for row in (yield q.payers(workspace=workspace))]
            zone = shared.get("zone") or self._policy.zone
            now = period_key(self._clock.now_us(), zone)
            period = max(now, shared.get("period") or "")
            current = {payer.id: max(payer.period, period_key(self._clock.now_us(), payer.zone)) for payer in payers}
            rows = yield q.month_accounts(workspace=workspace, periods=sorted({period, *current.values()}))
            found = {(row["kind"], row["key"], row["period"]): row for row in rows}
            own = found.get(("workspace", workspace, period), {})
            lines = [
                _line(payer, current[payer.id], found.get((payer.kind, payer.id, current[payer.id]), {}))
                for payer in payers
            ]
            limits = self._defaults(shared)
            return WorkspaceSummary(
                payers=tuple(lines),
                period=period,
                limit_nusd=limits[0] + own.get("granted_nusd", 0),
                settled_nusd=own.get("settled_nusd", 0),
                held_nusd=own.get("reserved_nusd", 0),
                default_channel_nusd=limits[1],
                dm_user_nusd=limits[2],
                zone=zone,
                paused=bool(shared.get("paused")),
                paused_reason=shared.get("paused_reason", ""),
            )

        return await self._db.read(work)

    async def uncertain(self, workspace: str, channel: str = "") -> list[Row]:
        """Return the calls whose cost is unknown, counted in full; of every channel when none is named."""
        return await self._rows(q.uncertain(workspace=workspace, channel=channel, period=""))

    async def audit(self, workspace: str, channel: str = "", *, most: int = 20) -> list[Row]:
        """Return the audit log of a channel and of the workspace as a whole, newest first."""
        return await self._rows(q.audit_of(workspace=workspace, channel=channel, most=most))

    async def needs_attention(self, workspace: str, *, since_us: int) -> list[Row]:
        """Return what the ledger stopped itself: rows id, at_us, action, account, reason, channel (of a late bill)."""
        return await self._rows(q.stopped_for_money(workspace=workspace, since_us=since_us))

    async def calls(self, workspace: str, period: str, channels: Sequence[str] = ()) -> list[Row]:
        """Return every call of a month, in order; of every channel when none is named.

        Each has the `setups` of its run: what its owners worked with, as data of decisions, without order.
        """
        return await self._db.read(lambda: reading_calls(workspace, period, channels))

    async def spent_since(self, workspace: str, channel: str, *, since_us: int, zone: str) -> list[tuple[int, int]]:
        """Return (start in microseconds, nano-dollars) of the quarter hours since then in which money was set aside."""
        now_us = self._clock.now_us()
        # A step shorter than any month meets every period on the way.
        steps = range(since_us, now_us, _PERIOD_STEP_US)
        periods = sorted({period_key(at_us, zone) for at_us in (*steps, now_us)})
        rows = await self._rows(
            q.spent_since(workspace=workspace, channel=channel, periods=periods, quarter=since_us // QUARTER_US)
        )
        return [(row["quarter"] * QUARTER_US, row["nusd"]) for row in rows]

    async def _rows(self, statement: Statement) -> list[Row]:
        return await self._db.read(lambda: single(statement))

    def _defaults(self, shared: Row) -> tuple[int, int, int]:
        """Return the limits in force of the workspace, a new channel and a person's direct messages."""
        policy = (self._policy.workspace_nusd, self._policy.channel_nusd, self._policy.dm_user_nusd)
        names = ("limit_nusd", "default_channel_nusd", "dm_user_nusd")
        first, second, third = (
            default if shared.get(name) is None else int(shared[name])
            for name, default in zip(names, policy, strict=True)
        )
        return first, second, third

    def _settings(self, own: Row, shared: Row) -> PayerSettings:
        _workspace, channel_nusd, dm_nusd = self._defaults(shared)
        default_nusd = channel_nusd if own["kind"] == "channel" else dm_nusd
        alerts = own.get("alerts_json") or shared.get("alerts_json")
        return PayerSettings(
            id=own["id"],
            kind=own["kind"],
            zone=own.get("zone") or shared.get("zone") or self._policy.zone,
            next_zone=own.get("next_zone"),
            own_limit_nusd=own.get("limit_nusd"),
            limit_nusd=default_nusd if own.get("limit_nusd") is None else own["limit_nusd"],
            user_cap_nusd=own.get("user_cap_nusd"),
            alerts_pct=tuple(json.loads(alerts)) if alerts else DEFAULT_ALERTS_PCT,
            frozen=bool(own.get("frozen")),
            frozen_reason=own.get("frozen_reason", ""),
            period=own.get("period", ""),
            settings=json.loads(own.get("settings_json") or "{}"),
        )


def _line(payer: PayerSettings, period: str, account: Row) -> PayerMonth:
    return PayerMonth(
        settings=payer,
        period=period,
        limit_nusd=payer.limit_nusd + account.get("granted_nusd", 0),
        settled_nusd=account.get("settled_nusd", 0),
        held_nusd=account.get("reserved_nusd", 0),
    )
