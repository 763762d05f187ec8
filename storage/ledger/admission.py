"""Admission rules of the ledger as pure functions over a LedgerTransaction: two-phase holds, decided one by one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Literal

from patterns.core.errors import ReservationRefusedError, RunLostError, StorageError
from patterns.core.holds import Charged, Hold, HoldRequest, ReserveRequest, Settlement
from patterns.core.money import format_usd
from patterns.core.reasons import Reason
from storage.ledger.accounts import limits_of
from storage.ledger.book import Call, LedgerTransaction, as_json, usage_json
from storage.ledger.checks import check_amount, check_blocks, check_fit, check_owner


def admit_hold(book: LedgerTransaction, request: HoldRequest) -> Hold:
    """Hold the bound of one attempt, drawing on its envelope first; idempotent by call id.

    Raises:
        BudgetExceededError: an account has no room, or spending is blocked.
        RunLostError: the fencing token is old, or the hold was closed.
        CancelledRunError: the run was asked to stop.
        ReservationRefusedError: its envelope was refused, perhaps a moment ago in this transaction.
    """
    known = book.calls.get(request.call_id)
    if known is not None:
        return _known(known, "open")
    check_amount(request.amount_nusd)
    check_owner(book, request.fence)
    if request.envelope and request.envelope not in book.calls:
        raise ReservationRefusedError
    check_blocks(book, request.payer, request.model)
    amount = _with_allowance(book, request)
    deltas = dict.fromkeys(_in_force(book, request), amount)
    envelope = book.calls.get(request.envelope) if request.envelope else None
    drawn = min(amount, envelope.hold_nusd) if envelope and envelope.state == "reserved" else 0
    if envelope and drawn:
        for id_ in envelope.accounts:
            deltas[id_] = deltas.get(id_, 0) - drawn
    check_fit(book, deltas)
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
        return [_known_reservation(known[request.call_id]) for request in requests if request.call_id in known]
    deltas: dict[str, int] = {}
    for request in requests:
        check_amount(request.amount_nusd)
        check_owner(book, request.fence)
        check_blocks(book, request.payer, None)
        for id_ in _in_force(book, request):
            deltas[id_] = deltas.get(id_, 0) + request.amount_nusd
    check_fit(book, deltas)
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
    check_amount(actual_nusd)
    paid_nusd, held_nusd, ids = actual_nusd - call.actual_nusd, call.held_nusd, call.accounts
    for id_ in ids:
        account = book.accounts[id_]
        account.reserved_nusd -= held_nusd
        account.settled_nusd += paid_nusd
    book.changed_accounts.update(ids)
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
    call.usage_json = usage_json(charged.usage) if charged.usage else call.usage_json
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


def _known_reservation(call: Call) -> Hold:
    """Return a reservation that stands, or that its owner has released since: a hold finds nothing in it to draw on."""
    if call.state == "released" and call.reason == Reason.NEVER_SENT:
        return Hold(call.id, call.hold_nusd)
    return _known(call, "reserved")


def _in_force(book: LedgerTransaction, request: HoldRequest | ReserveRequest) -> Mapping[str, int | None]:
    """Return the limits of a request's accounts by id, after setting them on the locked rows."""
    limits = limits_of(book, request)
    for id_, limit_nusd in limits.items():
        book.accounts[id_].limit_nusd = limit_nusd
    return limits


def _with_allowance(book: LedgerTransaction, request: HoldRequest) -> int:
    found = book.quarantine.get((request.payer.workspace, request.model))
    return -(-request.amount_nusd * found["allowance_pct"] // 100) if found else request.amount_nusd


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
        accounts_json=as_json(tuple(limits_of(book, request))),
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
