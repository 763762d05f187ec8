"""Admission rules of the ledger as pure functions over a LedgerTransaction: two-phase holds, decided one by one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Literal

from patterns.core.errors import BudgetExceededError, CancelledRunError, RunLostError, StorageError
from patterns.core.holds import Charged, Fence, Hold, HoldRequest, Payer, ReserveRequest, Settlement
from patterns.core.money import MAX_NUSD, format_usd
from patterns.core.reasons import Reason
from storage.ledger.accounts import accounts_of
from storage.ledger.book import Account, Call, LedgerTransaction, as_json


def admit_hold(book: LedgerTransaction, request: HoldRequest) -> Hold:
    """Hold the bound of one attempt, drawing on its envelope first; idempotent by call id.

    Raises:
        BudgetExceededError: an account has no room, or spending is blocked.
        RunLostError: the fencing token is old, or the hold was closed.
        CancelledRunError: the run was asked to stop.
    """
    known = book.calls.get(request.call_id)
    if known is not None:
        return _known(known, "open")
    _check_amount(request.amount_nusd)
    _check_owner(book, request.fence)
    _check_blocks(book, request.payer, request.model)
    amount = _with_allowance(book, request)
    deltas = dict.fromkeys(_in_force(book, request), amount)
    envelope = book.calls.get(request.envelope) if request.envelope else None
    drawn = min(amount, envelope.hold_nusd) if envelope and envelope.state == "reserved" else 0
    if envelope and drawn:
        for id_ in envelope.accounts:
            deltas[id_] = deltas.get(id_, 0) - drawn
    _check_fit(book, deltas)
    _reserve(book, deltas)
    if envelope and drawn:
        envelope.hold_nusd -= drawn
        book.changed_calls.add(envelope.id)
    _open(book, request, amount_nusd=amount)
    return Hold(request.call_id, amount, request.envelope, drawn)


def admit_reserve(book: LedgerTransaction, requests: Sequence[ReserveRequest]) -> list[Hold]:
    """Reserve money for all of the requests or none; idempotent by call id. Raises what `admit_hold` raises."""
    known = {call.id: call for call in map(book.calls.get, (request.call_id for request in requests)) if call}
    if known:
        return [_known(known[request.call_id], "reserved") for request in requests if request.call_id in known]
    deltas: dict[str, int] = {}
    for request in requests:
        _check_amount(request.amount_nusd)
        _check_owner(book, request.fence)
        _check_blocks(book, request.payer, None)
        for id_ in _in_force(book, request):
            deltas[id_] = deltas.get(id_, 0) + request.amount_nusd
    _check_fit(book, deltas)
    _reserve(book, deltas)
    for request in requests:
        _open(book, request, amount_nusd=request.amount_nusd)
    return [Hold(request.call_id, request.amount_nusd) for request in requests]


def settle(book: LedgerTransaction, hold: Hold, charged: Charged) -> Settlement:
    """Replace a hold by what the call cost, as its state allows; a call that has ended otherwise stays as it is."""
    call = book.calls.get(hold.call_id)
    if call is None or call.state == "reserved":
        raise StorageError(f"There is no open hold {hold.call_id}. Nothing was settled.")
    if call.state == "open":
        actual = {"settled": charged.actual_nusd, "uncertain": call.hold_nusd, "released": 0}[charged.state]
        close_call(book, call, charged.state, actual_nusd=actual, charged=charged)
        _give_back(book, hold, call)
    elif call.state == "uncertain" and charged.state != "uncertain":
        actual = charged.actual_nusd if charged.state == "settled" else 0
        _correct(book, call, charged, actual_nusd=actual, action="settle_late", reason=charged.reason)
    elif call.state == "released" and call.attempt and charged.state == "settled" and charged.actual_nusd:
        # It was released as never billed, and a bill came: every dollar billed must be in the sums.
        reason = f"{call.model} billed {format_usd(charged.actual_nusd)} for a call that had been released"
        _correct(book, call, charged, actual_nusd=charged.actual_nusd, action="settle_released", reason=reason)
        book.late_bills.append((call, reason))
    return Settlement(call.actual_nusd, call.overrun_nusd)


def _correct(
    book: LedgerTransaction, call: Call, charged: Charged, *, actual_nusd: int, action: str, reason: str
) -> None:
    """Change the outcome of a call that had ended, with a line in the audit log."""
    before = {"state": call.state, "actual_nusd": call.actual_nusd}
    close_call(book, call, charged.state, actual_nusd=actual_nusd, charged=charged)
    after = {"state": call.state, "actual_nusd": call.actual_nusd}
    audit(book, (call.workspace, call.id), actor="ledger", action=action, reason=reason, change=(before, after))


def _give_back(book: LedgerTransaction, hold: Hold, call: Call) -> None:
    """Return to an open envelope what a call drew from it and did not spend, for the next attempt.

    Every account of the envelope has just been freed of at least that much, so that none can pass its limit by it.
    """
    envelope = book.calls.get(hold.envelope) if hold.envelope else None
    back_nusd = min(hold.drawn_nusd, call.hold_nusd - call.actual_nusd)
    if envelope and envelope.state == "reserved" and back_nusd > 0 and set(envelope.accounts) <= set(call.accounts):
        envelope.hold_nusd += back_nusd
        book.changed_calls.add(envelope.id)
        _reserve(book, dict.fromkeys(envelope.accounts, back_nusd))


def release(book: LedgerTransaction, call_ids: Iterable[str]) -> None:
    """Release reservations and holds that were never sent; ended and unknown calls stay as they are."""
    for call in filter(None, map(book.calls.get, call_ids)):
        if call.state in {"reserved", "open"}:
            close_call(book, call, "released", actual_nusd=0, charged=Charged("released", 0, reason=Reason.NEVER_SENT))


def close_abandoned(book: LedgerTransaction, call: Call) -> None:
    """Close a call of a dead owner: a reservation is released, a hold that may have been sent becomes uncertain."""
    if call.state == "reserved":
        close_call(book, call, "released", actual_nusd=0, charged=Charged("released", 0, reason=Reason.OWNER_ENDED))
    elif call.state == "open":
        lost = Charged("uncertain", call.hold_nusd, reason=Reason.PROCESS_ENDED)
        close_call(book, call, "uncertain", actual_nusd=call.hold_nusd, charged=lost)


def close_call(
    book: LedgerTransaction,
    call: Call,
    state: Literal["settled", "uncertain", "released"],
    *,
    actual_nusd: int,
    charged: Charged,
) -> None:
    """Move a call to an end state, and its money from held to settled on every account."""
    _check_amount(actual_nusd)
    paid_nusd, held_nusd = actual_nusd - call.actual_nusd, call.held_nusd
    for id_ in call.accounts:
        account = book.accounts[id_]
        account.reserved_nusd -= held_nusd
        account.settled_nusd += paid_nusd
    book.changed_accounts.update(call.accounts)
    counts, counted = state != "released", call.state == "uncertain"
    if counts or counted:
        book.add_spend(
            call,
            calls=int(counts) - int(counted),
            delta_nusd=paid_nusd,
            uncertain_nusd=(actual_nusd if state == "uncertain" else 0) - (call.actual_nusd if counted else 0),
            usage=charged.usage,
        )
    call.state, call.actual_nusd, call.reason, call.closed_us = state, actual_nusd, charged.reason, book.now_us
    if charged.tool is not None:
        answer = asdict(charged.tool) | {"is_error": int(charged.tool.is_error)}
        book.answered_tools.append({"call_id": call.id, **answer})
    call.usage_json = json.dumps(asdict(charged.usage)) if charged.usage else call.usage_json
    call.overrun_nusd = max(0, actual_nusd - call.hold_nusd)
    book.changed_calls.add(call.id)
    if call.overrun_nusd:
        book.overruns.append(call)


def audit(
    book: LedgerTransaction,
    subject: tuple[str, str],
    *,
    actor: str,
    action: str,
    reason: str,
    change: tuple[Mapping[str, object], Mapping[str, object]] = ({}, {}),
) -> None:
    """Append an entry to the audit log about a (workspace, subject); `change` is (before, after)."""
    workspace, name = subject
    book.audits.append(
        {"workspace": workspace, "account": name, "actor": actor, "action": action, "reason": reason}
        | {"before_json": json.dumps(change[0]), "after_json": json.dumps(change[1]), "now_us": book.now_us}
    )


def _known(call: Call, state: str) -> Hold:
    if call.state != state:
        raise RunLostError(f"The hold {call.id} was closed by another process; it must not be sent.")
    return Hold(call.id, call.hold_nusd)


def _in_force(book: LedgerTransaction, request: HoldRequest | ReserveRequest) -> dict[str, Account]:
    """Return the accounts of a request by id, after setting their configured limits on the locked rows."""
    plan = accounts_of(book, request)
    for id_, wanted in plan.items():
        book.accounts[id_].limit_nusd = wanted.limit_nusd
    return plan


def _check_amount(nusd: int) -> None:
    if not 0 <= nusd <= MAX_NUSD:
        raise StorageError(f"{nusd} nano-dollars is not an amount the ledger takes. Check the price in the roster.")


def _check_owner(book: LedgerTransaction, fence: Fence) -> None:
    run = book.runs.get(fence.run_id)
    if run is None or run["epoch"] != fence.epoch or run["status"] != "running":
        raise RunLostError
    if run["cancel_requested_by"] is not None:
        raise CancelledRunError


def _check_blocks(book: LedgerTransaction, payer: Payer, model: str | None) -> None:
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


def _with_allowance(book: LedgerTransaction, request: HoldRequest) -> int:
    found = book.quarantine.get((request.payer.workspace, request.model))
    return -(-request.amount_nusd * found["allowance_pct"] // 100) if found else request.amount_nusd


_NAMES = {
    "workspace": "The workspace's budget",
    "channel": "The channel's budget",
    "dm": "Your budget",
    "user": "Your part of the channel's budget",
    "run": "The limit of this run",
    "stage": "The share of this stage",
}
"""Display names of the accounts, by kind."""


def _check_fit(book: LedgerTransaction, deltas: Mapping[str, int]) -> None:
    for id_, needed in deltas.items():
        account = book.accounts[id_]
        if not account.fits(needed):
            limit = (account.limit_nusd or 0) + account.granted_nusd
            raise BudgetExceededError(
                kind=account.kind,
                key=account.key,
                period=account.period,
                needed_nusd=needed,
                limit_nusd=limit,
                settled_nusd=account.settled_nusd,
                reserved_nusd=account.reserved_nusd,
                message=f"{_state(account, limit)} This needs {format_usd(needed)}. Ask an admin for more.",
            )


def _state(account: Account, limit_nusd: int) -> str:
    """Return how an account stands, in words that anybody in a channel may read: the workspace's without numbers."""
    if account.kind == "workspace":
        return "The workspace's budget has less free than that."
    spent, held = format_usd(account.settled_nusd), format_usd(account.reserved_nusd)
    name = "Your part of all channels" if account.is_of_all_channels else _NAMES[account.kind]
    return f"{name} is {format_usd(limit_nusd)}: {spent} spent, {held} held."


def _reserve(book: LedgerTransaction, deltas: Mapping[str, int]) -> None:
    for id_, delta_nusd in deltas.items():
        book.accounts[id_].reserved_nusd += delta_nusd
    book.changed_accounts.update(deltas)


def _open(book: LedgerTransaction, request: HoldRequest | ReserveRequest, *, amount_nusd: int) -> None:
    payer = request.payer
    call = Call(
        id=request.call_id,
        run_id=request.fence.run_id,
        path=request.path,
        attempt=0,
        workspace=payer.workspace,
        channel=payer.channel,
        user_id=payer.user,
        period=book.config(payer)[1].period,
        flow=request.flow,
        agent="",
        model="",
        price_version="",
        hold_nusd=amount_nusd,
        state="reserved",
        accounts_json=as_json(tuple(accounts_of(book, request))),
        owner_epoch=request.fence.epoch,
        opened_us=book.now_us,
    )
    if isinstance(request, HoldRequest):
        call.state, call.attempt = "open", request.attempt
        call.agent, call.model, call.price_version = request.agent, request.model, request.price_version
        if request.tool is not None:
            facts = asdict(request.tool) | {"is_repeatable": int(request.tool.is_repeatable)}
            book.opened_tools.append({"call_id": call.id, "run_id": call.run_id, "workspace": call.workspace, **facts})
    book.calls[call.id] = call
    book.opened_calls.append(call.id)
