"""Select the accounts a request counts against: the months of workspace, channel and person, and the run's caps."""

from collections.abc import Mapping

from patterns.core.holds import HoldRequest, Payer, ReserveRequest
from storage.ledger.book import LedgerTransaction, account_id


def limits_of(book: LedgerTransaction, request: HoldRequest | ReserveRequest) -> Mapping[str, int | None]:
    """Return the limits in force of the accounts a request counts against, by id, widest first; None: no limit."""
    known = book.request_limits.get(request.call_id)
    if known is None:
        space = request.payer.workspace
        known = dict(month_limits(book, request.payer))
        for cap in request.caps:
            known[account_id(space, cap.kind, cap.key, "")] = cap.limit_nusd
        book.request_limits[request.call_id] = known
    return known


def month_limits(book: LedgerTransaction, payer: Payer) -> Mapping[str, int | None]:
    """Return the limits of a payer's month accounts by id: workspace, channel or direct messages, person."""
    known = book.payer_limits.get(payer)
    if known is None:
        known = book.payer_limits[payer] = _monthly(book, payer)
    return known


def _monthly(book: LedgerTransaction, payer: Payer) -> dict[str, int | None]:
    workspace, own = book.config(payer)
    policy, space = book.policy, payer.workspace
    if payer.channel_kind == "channel":
        default = _first(workspace.default_channel_nusd, policy.channel_nusd)
    else:
        default = _first(workspace.dm_user_nusd, policy.dm_user_nusd)
    limits: dict[str, int | None] = {
        account_id(space, "workspace", space, workspace.period): _first(workspace.limit_nusd, policy.workspace_nusd),
        account_id(space, payer.channel_kind, own.id, own.period): _first(own.limit_nusd, default),
    }
    if payer.channel_kind == "channel":
        # Kept without a cap too: a cap set in mid-month must know what the person has spent.
        limits[account_id(space, "user", f"{own.id}:{payer.user}", own.period)] = own.user_cap_nusd
        if policy.person_nusd is not None:
            # Without a channel in its key: many channels are not many budgets. It counts from when the roster sets it.
            limits[account_id(space, "user", payer.user, workspace.period)] = policy.person_nusd
    return limits


def _first(configured: int | None, fallback: int) -> int:
    return fallback if configured is None else configured
