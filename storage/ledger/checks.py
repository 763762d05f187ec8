"""What refuses a hold: an old owner, a block, an account without room."""

from collections.abc import Mapping

from patterns.core.errors import BudgetExceededError, CancelledRunError, RunLostError, StorageError
from patterns.core.holds import Fence, Payer
from patterns.core.money import MAX_NUSD, format_usd
from patterns.core.reasons import Reason
from storage.ledger.book import Account, LedgerTransaction


def check_amount(nusd: int) -> None:
    """Raise StorageError for an amount that no price of a roster can come to."""
    if not 0 <= nusd <= MAX_NUSD:
        raise StorageError(f"{nusd} nano-dollars is not an amount the ledger takes. Check the price in the roster.")


def check_owner(book: LedgerTransaction, fence: Fence) -> None:
    """Raise RunLostError for an old fencing token, CancelledRunError for a run that was asked to stop."""
    run = book.runs.get(fence.run_id)
    if run is None or run.epoch != fence.epoch or run.status != "running":
        raise RunLostError
    if run.cancel_requested_by is not None:
        raise CancelledRunError


def check_blocks(book: LedgerTransaction, payer: Payer, model: str | None) -> None:
    """Raise BudgetExceededError where the workspace is paused, the payer frozen, or the model quarantined."""
    workspace, own = book.config(payer)
    if workspace.blocked:
        raise _blocked("workspace", workspace.id, workspace.period, Reason.PAUSED, workspace.blocked_reason)
    if own.blocked:
        raise _blocked(own.kind, own.id, own.period, Reason.FROZEN, own.blocked_reason)
    found = book.quarantine.get((payer.workspace, model)) if model else None
    if found and found["lifted_us"] is None:
        raise _blocked(own.kind, own.id, own.period, Reason.QUARANTINED, found["reason"])


def _blocked(kind: str, key: str, period: str, blocked: Reason, reason: str) -> BudgetExceededError:
    sentence = f"Nothing was sent: {blocked.clause()} ({reason}). {blocked.advice()}"
    return BudgetExceededError(sentence, kind=kind, key=key, period=period, blocked=blocked)


_NAMES = {
    "workspace": "The workspace's budget",
    "channel": "The channel's budget",
    "dm": "Your budget",
    "user": "Your part of the channel's budget",
    "run": "The limit of this run",
    "stage": "The share of this stage",
}
"""Display names of the accounts, by kind."""


def check_fit(book: LedgerTransaction, deltas: Mapping[str, int]) -> None:
    """Raise BudgetExceededError for the first account that has not that much left; `deltas` are nano-dollars by id."""
    for id_, needed in deltas.items():
        account = book.accounts[id_]
        if not account.fits(needed):
            limit = (account.limit_nusd or 0) + account.granted_nusd
            name = account.name
            raise BudgetExceededError(
                kind=name.kind,
                key=name.key,
                period=name.period,
                needed_nusd=needed,
                limit_nusd=limit,
                settled_nusd=account.settled_nusd,
                reserved_nusd=account.reserved_nusd,
                message=f"{_state(account, limit)} This needs {format_usd(needed)}. Ask an admin for more.",
            )


def _state(account: Account, limit_nusd: int) -> str:
    """Return how an account stands, in words that anybody in a channel may read: the workspace's without numbers."""
    kind = account.name.kind
    if kind == "workspace":
        return "The workspace's budget has less free than that."
    spent, held = format_usd(account.settled_nusd), format_usd(account.reserved_nusd)
    name = "Your part of all channels" if account.name.is_of_all_channels else _NAMES[kind]
    return f"{name} is {format_usd(limit_nusd)}: {spent} spent, {held} held."
