"""Changes of limits, grants and freezes by admins: each in one transaction with its entry in the audit log."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from patterns.core.errors import UserError
from patterns.core.holds import Charged, Payer
from patterns.core.money import MAX_NUSD
from patterns.core.ports import Clock
from storage.database.database import ConstraintError, Database
from storage.database.statements import Row, Work, load
from storage.ledger import admission
from storage.ledger.accounts import month_limits
from storage.ledger.book import AccountName, LedgerTransaction, Policy, payer_key
from storage.ledger.periods import ClockGuard, checked_zone
from storage.ledger.transaction import load_accounts, load_calls, load_config, save
from storage.ledger.transaction import q as ledger

q = load("budgets")


class NotUncertainError(UserError):
    """That is not an uncertain call any more: somebody released it already, or its bill came."""


@dataclass(frozen=True, slots=True)
class Change:
    """Change made by an admin, before and after, as in the audit log."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]


class Budgets:
    """Limits, grants and freezes. Amounts in nano-dollars; None returns to the default."""

    def __init__(self, db: Database, clock: Clock, policy: Policy, *, guard: ClockGuard | None = None) -> None:
        self._db = db
        self._clock = clock
        self._policy = policy
        self._guard = guard or ClockGuard(clock)

    async def set_limit(self, payer: Payer, nusd: int | None, *, actor: str, reason: str = "") -> Change:
        """Set the monthly limit of a channel or person from now on; what was spent stays counted."""
        return await self._payer("set_limit", payer, {"limit_nusd": _amount(nusd)}, actor=actor, reason=reason)

    async def set_user_cap(self, payer: Payer, nusd: int | None, *, actor: str, reason: str = "") -> Change:
        """Set how much one person may spend of the channel's month."""
        return await self._payer("set_user_cap", payer, {"user_cap_nusd": _amount(nusd)}, actor=actor, reason=reason)

    async def set_alerts(self, payer: Payer, percents: Sequence[int], *, actor: str, reason: str = "") -> Change:
        """Set the shares of the limit, in per cent, at which people are told, each once a month."""
        if any(not 0 < pct <= 100 for pct in percents):  # noqa: PLR2004 - spending stops there
            raise UserError("Write the thresholds as per cent between 1 and 100, like 50 80 95.")
        alerts = {"alerts_json": json.dumps(sorted(set(percents)))}
        return await self._payer("set_alerts", payer, alerts, actor=actor, reason=reason)

    async def freeze(self, payer: Payer, *, actor: str, reason: str) -> Change:
        """Refuse every hold of a payer, also free ones, until it is unfrozen."""
        frozen = {"frozen": 1, "frozen_reason": reason}
        return await self._payer("freeze", payer, frozen, actor=actor, reason=reason)

    async def unfreeze(self, payer: Payer, *, actor: str, reason: str = "") -> Change:
        """Allow holds of a payer again."""
        thawed = {"frozen": 0, "frozen_reason": ""}
        return await self._payer("unfreeze", payer, thawed, actor=actor, reason=reason)

    async def set_zone(self, payer: Payer, zone: str, *, actor: str, reason: str = "") -> Change:
        """Set the time zone of a payer's month, from the next month on (at once where none was opened)."""
        return await self._payer("set_zone", payer, _zone(zone), actor=actor, reason=reason)

    async def set_defaults(
        self, workspace: str, limits: Mapping[str, int | None], *, actor: str, reason: str = ""
    ) -> Change:
        """Set any of `limit_nusd` (the whole workspace), `default_channel_nusd`, `dm_user_nusd`."""
        unknown = limits.keys() - {"limit_nusd", "default_channel_nusd", "dm_user_nusd"}
        if unknown:
            raise UserError(f"There is no default named {min(unknown)}.")
        changes = {name: _amount(nusd) for name, nusd in limits.items()}
        return await self._workspace("set_defaults", workspace, lambda _: changes, actor=actor, reason=reason)

    async def pause(self, workspace: str, *, actor: str, reason: str) -> Change:
        """Refuse every new hold of a workspace at once."""
        paused = {"paused": 1, "paused_reason": reason}
        return await self._workspace("pause", workspace, lambda _: paused, actor=actor, reason=reason)

    async def resume(self, workspace: str, *, actor: str, reason: str = "") -> Change:
        """Allow holds of a workspace again."""
        resumed = {"paused": 0, "paused_reason": ""}
        return await self._workspace("resume", workspace, lambda _: resumed, actor=actor, reason=reason)

    async def grant(
        self,
        payer: Payer,
        nusd: int,
        *,
        actor: str,
        reason: str,
        kind: Literal["workspace", "payer", "user"] = "payer",
        key: str = "",
    ) -> Change:
        """Raise one account for this month only; `key` is the grant's idempotency key.

        Raises:
            UserError: that key was granted before, or there is no account of that kind.
        """
        amount = _amount(nusd)
        wanted_kind = payer.channel_kind if kind == "payer" else kind

        def work() -> Work[Change]:
            book = self._book()
            yield from load_config(book, [payer])
            limits = month_limits(book, payer)
            found = [id_ for id_ in limits if AccountName.of(id_).kind == wanted_kind]
            if not found:
                raise UserError("A person's direct messages have one account only. Grant to that.")
            yield from load_accounts(book, {found[0]: limits[found[0]]})
            account = book.accounts[found[0]]
            granted_nusd = account.granted_nusd + (amount or 0)
            change = Change({"granted_nusd": account.granted_nusd}, {"granted_nusd": granted_nusd})
            yield q.save_grant(id=account.id, granted_nusd=_amount(granted_nusd))
            _audit(book, (payer.workspace, account.id), change, action="grant", actor=actor, reason=reason)
            if key:
                book.audits[-1]["id"] = f"{payer.workspace}:{key}"
            yield from save(book)
            return change

        try:
            return await self._db.write(work)
        except ConstraintError as error:
            if not key:
                raise
            raise UserError("That was granted already, before a restart. The audit log shows it.") from error

    async def release_uncertain(self, workspace: str, call_id: str, *, actor: str, reason: str) -> Change:
        """Settle an uncertain call at zero, because an admin knows that it was not billed.

        Raises:
            NotUncertainError: there is no such call, it was released already, or its bill came.
        """

        def work() -> Work[Change]:
            book = self._book()
            yield from load_calls(book, ledger.lock_calls, ids=[call_id])
            call = book.calls.get(call_id)
            if call is None or call.workspace != workspace or call.state != "uncertain":
                raise NotUncertainError
            yield from load_accounts(book, {})
            before = {"state": call.state, "actual_nusd": call.actual_nusd}
            # Their words stand in the audit log alone, where they can be erased.
            charged = Charged("released", 0, reason="released_by_an_admin")
            admission.close_call(book, call, "released", actual_nusd=0, charged=charged)
            change = Change(before, {"state": "released", "actual_nusd": 0})
            _audit(book, (workspace, call_id), change, action="release_uncertain", actor=actor, reason=reason)
            yield from save(book)
            return change

        return await self._db.write(work)

    async def lift_quarantine(
        self, workspace: str, model: str, *, allowance_pct: int, actor: str, reason: str = ""
    ) -> Change:
        """Allow calls of a model again, with its holds multiplied by `allowance_pct` / 100."""

        def work() -> Work[Change]:
            rows = yield q.lock_quarantine(workspace=workspace, model=model)
            if not rows:
                raise UserError(f"{model[:60]} is in use here.")
            if not rows[0]["allowance_pct"] < allowance_pct <= 10_000:  # noqa: PLR2004 - a hundredfold is past any sense
                raise UserError(f"Raise the allowance above {rows[0]['allowance_pct']} per cent, 10000 at most.")
            book = self._book()
            yield q.lift_quarantine(workspace=workspace, model=model, allowance_pct=allowance_pct, now_us=book.now_us)
            change = Change({"allowance_pct": rows[0]["allowance_pct"]}, {"allowance_pct": allowance_pct})
            _audit(book, (workspace, model), change, action="lift_quarantine", actor=actor, reason=reason)
            yield from save(book)
            return change

        return await self._db.write(work)

    def _book(self) -> LedgerTransaction:
        return LedgerTransaction(
            self._policy, self._clock.now_us(), trusted=self._guard.trusted, confirmed=self._guard.confirmed
        )

    async def _payer(
        self,
        action: str,
        payer: Payer,
        changes: Mapping[str, Any] | Callable[[Row], Mapping[str, Any]],
        *,
        actor: str,
        reason: str,
    ) -> Change:
        key = payer_key(payer)

        def work() -> Work[Change]:
            yield q.open_payer(workspace=payer.workspace, id=key, kind=payer.channel_kind)
            (row,) = yield q.lock_payer(workspace=payer.workspace, id=key)
            made = changes(row) if callable(changes) else changes
            yield q.save_payer(**{**row, **made})
            return (
                yield from self._audited((payer.workspace, key), row, made, action=action, actor=actor, reason=reason)
            )

        return await self._db.write(work)

    async def _workspace(
        self, action: str, workspace: str, changes: Callable[[Row], Mapping[str, Any]], *, actor: str, reason: str
    ) -> Change:
        def work() -> Work[Change]:
            yield q.open_workspace(workspace=workspace)
            (row,) = yield q.lock_workspace(workspace=workspace)
            made = changes(row)
            yield q.save_workspace(**{**row, **made})
            return (
                yield from self._audited((workspace, workspace), row, made, action=action, actor=actor, reason=reason)
            )

        return await self._db.write(work)

    def _audited(
        self, subject: tuple[str, str], row: Row, made: Mapping[str, Any], *, action: str, actor: str, reason: str
    ) -> Work[Change]:
        book = self._book()
        change = Change({name: row[name] for name in made}, dict(made))
        _audit(book, subject, change, action=action, actor=actor, reason=reason)
        yield from save(book)
        return change


def _audit(
    book: LedgerTransaction, subject: tuple[str, str], change: Change, *, action: str, actor: str, reason: str
) -> None:
    admission.audit(book, subject, actor=actor, action=action, reason=reason, change=(change.before, change.after))


def _amount(nusd: int | None) -> int | None:
    if nusd is not None and not 0 <= nusd <= MAX_NUSD:
        raise UserError("Write an amount between $0 and $1,000,000.")
    return nusd


def _zone(name: str) -> Callable[[Row], dict[str, str | None]]:
    zone = checked_zone(name)
    # A month that is open ends by the clock it began with.
    return lambda row: {"next_zone": zone} if row["period"] else {"zone": zone, "next_zone": None}
