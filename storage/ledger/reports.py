"""Reads of a month's money for admins and finance: by part, by day, by run, by channel."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from patterns.core.holds import Payer
from patterns.core.ports import Clock
from storage.database.database import Database
from storage.database.statements import Row, Statement, Work, load, single
from storage.ledger.balances import DEFAULT_ALERTS_PCT
from storage.ledger.book import QUARTER_US, Policy, account_id, payer_key
from storage.ledger.month_setups import reading_setups
from storage.ledger.periods import period_key

q = load("reports")
budgets = load("budgets")
_PERIOD_STEP_US = 7 * 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One sum of a month: calls, nano-dollars of which `uncertain_nusd` may never be billed, and tokens."""

    flow: str
    agent: str
    model: str
    user: str
    calls: int
    nusd: int
    uncertain_nusd: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Month:
    """Everything stored about one payer's month. `limit_nusd` includes grants; None: no limit is set.

    `quarters` are (start in microseconds, nano-dollars) of the quarter hours in which money was set aside. `feedback`
    are rows flow, helped, did_not: how many people said so. `setups` are what its runs worked with, data of decisions.
    """

    period: str
    limit_nusd: int | None
    granted_nusd: int
    settled_nusd: int
    held_nusd: int
    spent: tuple[SpendRow, ...]
    quarters: tuple[tuple[int, int], ...]
    dearest: tuple[Row, ...]
    uncertain: tuple[Row, ...]
    overruns: tuple[Row, ...]
    history: tuple[Row, ...]
    feedback: tuple[Row, ...] = ()
    setups: tuple[Mapping[str, Any], ...] = ()


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

    async def month(self, payer: Payer, period: str, *, dearest: int = 5, deep: bool = True) -> Month:
        """Return one month of a payer in one snapshot; without `deep`, only sums that are quick at any size."""
        month = {"workspace": payer.workspace, "channel": payer.channel, "period": period}
        key = account_id(payer.workspace, payer.channel_kind, payer_key(payer), period)

        def work() -> Work[Month]:
            account = yield q.month_account(id=key)
            spent = yield budgets.spend(**month)
            uncertain = yield q.uncertain(**month)
            history = yield budgets.spend_by_period(workspace=payer.workspace, channel=payer.channel, most=12)
            quarters = (yield q.spent_by_quarter_hour(**month)) if deep else []
            runs = (yield q.dearest_runs(**month, most=dearest)) if deep else []
            overruns = (yield q.overruns(**month)) if deep else []
            feedback = (yield q.feedback_by_flow(**month)) if deep else []
            setups = yield from reading_setups(month, deep=deep)
            found = _month(period, account, spent, (quarters, runs, uncertain, overruns, history, feedback))
            return replace(found, setups=setups)

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

        def work() -> Work[list[Row]]:
            wanted = list(channels)
            if not wanted:
                wanted = [row["channel"] for row in (yield q.channels_with_spend(workspace=workspace, period=period))]
            rows = yield q.calls(workspace=workspace, channels=wanted, period=period)
            kept: dict[str, list[Row]] = {}
            for row in (yield q.setups_of_calls(workspace=workspace, channels=wanted, period=period)):
                kept.setdefault(row["run_id"], []).append(json.loads(row["data_json"]))
            return [{**row, "setups": kept.get(row["run_id"], [])} for row in rows]

        return await self._db.read(work)

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


def _month(period: str, account: Sequence[Row], spent: Sequence[Row], rest: tuple[Sequence[Row], ...]) -> Month:
    own: Row = account[0] if account else {}
    quarters, runs, uncertain, overruns, history, feedback = rest
    limit_nusd = own.get("limit_nusd")
    granted_nusd = own.get("granted_nusd", 0)
    return Month(
        period=period,
        limit_nusd=None if limit_nusd is None else limit_nusd + granted_nusd,
        granted_nusd=granted_nusd,
        settled_nusd=sum(row["settled_nusd"] for row in spent),
        held_nusd=own.get("reserved_nusd", 0),
        spent=tuple(_spent(row) for row in spent),
        quarters=tuple((row["quarter"] * QUARTER_US, row["nusd"]) for row in quarters),
        dearest=tuple(runs),
        uncertain=tuple(uncertain),
        overruns=tuple(overruns),
        history=tuple(history),
        feedback=tuple(feedback),
    )


def _spent(row: Row) -> SpendRow:
    return SpendRow(
        flow=row["flow"],
        agent=row["agent"],
        model=row["model"],
        user=row["user_id"],
        calls=row["calls"],
        nusd=row["settled_nusd"],
        uncertain_nusd=row["uncertain_nusd"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
    )
