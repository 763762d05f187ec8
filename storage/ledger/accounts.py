"""Select the accounts a request counts against: the months of workspace, channel and person, and the run's caps."""

from patterns.core.holds import HoldRequest, Payer, ReserveRequest
from storage.ledger.book import Account, LedgerTransaction, account_id


def accounts_of(book: LedgerTransaction, request: HoldRequest | ReserveRequest) -> dict[str, Account]:
    """Return the accounts a request counts against by id, widest first, with the limits now configured.

    They carry no sums; those are in the locked rows of the database.
    """
    known = book.request_accounts.get(request.call_id)
    if known is None:
        space = request.payer.workspace
        capped = [
            Account(account_id(space, cap.kind, cap.key, ""), space, cap.kind, cap.key, "", cap.limit_nusd)
            for cap in request.caps
        ]
        known = month_accounts(book, request.payer) | {one.id: one for one in capped}
        book.request_accounts[request.call_id] = known
    return known


def month_accounts(book: LedgerTransaction, payer: Payer) -> dict[str, Account]:
    """Return a payer's month accounts by id: workspace, channel or direct messages, and the person in a channel."""
    known = book.payer_accounts.get(payer)
    if known is None:
        known = book.payer_accounts[payer] = {one.id: one for one in _monthly(book, payer)}
    return known


def _monthly(book: LedgerTransaction, payer: Payer) -> list[Account]:
    workspace, own = book.config(payer)
    policy, space = book.policy, payer.workspace
    if payer.channel_kind == "channel":
        default = _first(workspace.default_channel_nusd, policy.channel_nusd)
    else:
        default = _first(workspace.dm_user_nusd, policy.dm_user_nusd)
    wanted: list[tuple[str, str, str, int | None]] = [
        ("workspace", space, workspace.period, _first(workspace.limit_nusd, policy.workspace_nusd)),
        (payer.channel_kind, own.id, own.period, _first(own.limit_nusd, default)),
    ]
    if payer.channel_kind == "channel":
        # Kept without a cap too: a cap set in mid-month must know what the person has spent.
        wanted.append(("user", f"{own.id}:{payer.user}", own.period, own.user_cap_nusd))
        if policy.person_nusd is not None:
            # Without a channel in its key: many channels are not many budgets. It counts from when the roster sets it.
            wanted.append(("user", payer.user, workspace.period, policy.person_nusd))
    return [
        Account(account_id(space, kind, key, period), space, kind, key, period, limit_nusd)
        for kind, key, period, limit_nusd in wanted
    ]


def _first(configured: int | None, fallback: int) -> int:
    return fallback if configured is None else configured
