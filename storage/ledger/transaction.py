"""One transaction of the ledger as a script: lock and load in few statements, decide in turn, write together."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from patterns.core.errors import AgentsError, BudgetExceededError, RunLostError
from patterns.core.holds import Charged, Fence, Hold, HoldRequest, Payer, ReserveRequest
from patterns.core.money import format_usd
from patterns.core.step_record import StepRecord
from patterns.core.tools import TOOL_MODEL
from storage.database.statements import Query, Row, Statement, Work, load
from storage.journal import q as journal
from storage.journal import step_row
from storage.ledger import admission
from storage.ledger.accounts import accounts_of
from storage.ledger.book import Account, Call, Config, LedgerTransaction, payer_key

q = load("ledger")
runs_q = load("runs")


@dataclass(frozen=True, slots=True)
class Reserve:
    """Reserve money for several parts, all or nothing."""

    requests: tuple[ReserveRequest, ...]


@dataclass(frozen=True, slots=True)
class Settle:
    """Replace a hold by what the call cost, and publish its step."""

    hold: Hold
    charged: Charged
    fence: Fence
    step: StepRecord | None


@dataclass(frozen=True, slots=True)
class Release:
    """Release holds and reservations that were never sent."""

    call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decide:
    """Journal steps of a run that cost nothing, and store its flow with the worst price, where one was chosen."""

    fence: Fence
    steps: tuple[StepRecord, ...]
    flow: tuple[str, int] | None = None


Operation = HoldRequest | Reserve | Settle | Release | Decide


def run_batch(book: LedgerTransaction, operations: Sequence[Operation]) -> Work[list[object]]:
    """Decide the operations in turn and return for each its value or its error. `book` comes empty."""
    runs = {fence.run_id for operation in operations for fence in _fences(operation)}
    for _, statement in sorted(_run_changes(book, operations), key=lambda one: one[0]):
        yield statement
    if runs:
        book.runs = {row["id"]: row for row in (yield q.lock_runs(ids=runs))}
    yield from load_calls(book, q.lock_calls, ids={id_ for operation in operations for id_ in _calls(operation)})
    requests = [request for operation in operations for request in _requests(operation)]
    if requests:
        yield from load_config(book, [request.payer for request in requests])
        models = {request.model for request in requests if isinstance(request, HoldRequest)}
        rows = yield q.quarantined(workspaces={request.payer.workspace for request in requests}, models=models)
        book.quarantine = {(row["workspace"], row["model"]): row for row in rows}
    yield from load_accounts(book, _wanted(book, requests))
    results = [_decide(book, operation) for operation in operations]
    yield from save(book)
    return results


def load_calls(book: LedgerTransaction, query: Query, **params: object) -> Work[None]:
    """Lock the calls a query finds."""
    book.calls = {call.id: call for call in (yield query.rows_as(Call, **params))}


def load_config(book: LedgerTransaction, payers: Sequence[Payer]) -> Work[None]:
    """Read limits, zones and months of payers and their workspaces."""
    spaces = {payer.workspace for payer in payers}
    rows = yield q.workspaces(ids=spaces)
    book.workspaces = {row["id"]: Config(**row) for row in rows}
    rows = yield q.payers(workspaces=spaces, ids={payer_key(payer) for payer in payers})
    book.payers = {(row["workspace"], row["id"]): Config(**row) for row in rows}


def load_accounts(book: LedgerTransaction, wanted: dict[str, Account]) -> Work[None]:
    """Lock the wanted accounts and those of the loaded calls, opening the ones that are new."""
    ids = {*wanted, *(id_ for call in book.calls.values() for id_ in call.accounts)}
    if not ids:
        return
    book.accounts = {account.id: account for account in (yield q.lock_accounts.rows_as(Account, ids=ids))}
    missing = sorted(ids - book.accounts.keys())
    if missing:
        yield q.open_account.many_of(wanted[id_] for id_ in missing)
        book.accounts |= {account.id: account for account in (yield q.lock_accounts.rows_as(Account, ids=missing))}


def save(book: LedgerTransaction) -> Work[None]:
    """Write what the decisions changed."""
    for config in book.rolled:
        query = q.roll_workspace_period if config.kind == "workspace" else q.roll_payer_period
        yield query.many_of([config])
    if book.changed_accounts:
        yield q.save_account.many_of(book.accounts[id_] for id_ in sorted(book.changed_accounts))
    yield from _save_calls(book)
    if book.spent:
        yield q.add_spend.many(_spend(key, sums) for key, sums in sorted(book.spent.items()))
        yield q.add_spend_time.many(_spend_time(key, nusd) for key, nusd in sorted(book.spent_at.items()))
    if book.steps:
        yield journal.add_step.many(book.steps)
        texts = [row for row in book.steps if row["content_id"]]
        if texts:
            yield journal.add_step_text.many(texts)
    yield from _stop_spending(book)
    if book.audits:
        yield q.add_audit.many({"id": secrets.token_hex(10), **row} for row in book.audits)


def _save_calls(book: LedgerTransaction) -> Work[None]:
    """Write the calls that were opened and changed, and what is known of those of tools."""
    opened = [book.calls[id_] for id_ in book.opened_calls]
    if opened:
        yield q.open_call.many_of(_as_opened(call) for call in opened)
    if book.opened_tools:
        yield q.open_tool_call.many(book.opened_tools)
    # A reservation may be released in the transaction that makes it, when both waited for the same write.
    ended = {call.id for call in opened if not call.is_open}
    changed = sorted(book.changed_calls.difference(book.opened_calls) | ended)
    if changed:
        yield q.save_call.many_of(book.calls[id_] for id_ in changed)
    if book.answered_tools:
        yield q.save_tool_call.many(book.answered_tools)


def _as_opened(call: Call) -> Call:
    """Return a call as it began: the database takes no row that begins as anything but reserved or open."""
    return call if call.is_open else replace(call, state="open" if call.attempt else "reserved")


def _spend(key: tuple[str, ...], sums: Sequence[int]) -> dict[str, object]:
    names = ("workspace", "channel", "period", "flow", "agent", "model", "user_id")
    amounts = ("calls", "settled_nusd", "uncertain_nusd", "input_tokens", "output_tokens")
    return dict(zip(names + amounts, (*key, *sums), strict=True))


def _spend_time(key: tuple[str, str, str, int], nusd: int) -> dict[str, object]:
    names = ("workspace", "channel", "period", "quarter", "settled_nusd")
    return dict(zip(names, (*key, nusd), strict=True))


def _stop_spending(book: LedgerTransaction) -> Work[None]:
    """Quarantine models that billed above their hold, and freeze channels that a bill took past their limit."""
    for call in book.overruns:
        billed, held = format_usd(call.actual_nusd), format_usd(call.hold_nusd)
        reason = f"the provider billed {billed} for a call of {call.model}, and our highest estimate was {held}"
        if not call.model.startswith(TOOL_MODEL):
            yield q.quarantine(workspace=call.workspace, model=call.model, reason=reason, now_us=book.now_us)
            admission.audit(book, (call.workspace, call.model), actor="ledger", action="quarantine", reason=reason)
        yield from _freeze_past_limit(book, call, reason)
    for call, reason in book.late_bills:
        yield from _freeze_past_limit(book, call, reason)


def _freeze_past_limit(book: LedgerTransaction, call: Call, reason: str) -> Work[None]:
    for account in (book.accounts[id_] for id_ in call.accounts):
        limit_nusd = (account.limit_nusd or 0) + account.granted_nusd
        if account.kind in {"channel", "dm"} and account.settled_nusd > limit_nusd:
            yield q.freeze_payer(workspace=call.workspace, id=account.key, reason=reason)
            admission.audit(book, (call.workspace, account.id), actor="ledger", action="freeze", reason=reason)


def _decide(book: LedgerTransaction, operation: Operation) -> object:
    try:
        match operation:
            case HoldRequest():
                return admission.admit_hold(book, operation)
            case Reserve():
                return admission.admit_reserve(book, operation.requests)
            case Settle():
                settlement = admission.settle(book, operation.hold, operation.charged)
                return settlement, _publish(book, operation)
            case Release():
                admission.release(book, operation.call_ids)
                return None
            case Decide():
                run = _owned(book, operation.fence)
                book.steps += [
                    step_row(run["id"], run["workspace"], step, call_id=None, now_us=book.now_us)
                    for step in operation.steps
                ]
                return None
    except AgentsError as error:
        return error


def _publish(book: LedgerTransaction, operation: Settle) -> bool:
    """Journal the step if its writer still owns the run, and return whether it does."""
    if operation.step is None:
        return True
    try:
        run = _owned(book, operation.fence)
    except RunLostError:
        return False
    book.steps.append(
        step_row(run["id"], run["workspace"], operation.step, call_id=operation.hold.call_id, now_us=book.now_us)
    )
    return True


def _owned(book: LedgerTransaction, fence: Fence) -> Row:
    """Return the row of a run; raise RunLostError when another process owns it."""
    run = book.runs.get(fence.run_id)
    if run is None or run["epoch"] != fence.epoch:
        raise RunLostError
    return run


def _run_changes(book: LedgerTransaction, operations: Sequence[Operation]) -> list[tuple[str, Statement]]:
    """Return what changes in the rows of runs, by run id: chosen flows, and leases that tool calls extend."""
    changes: list[tuple[str, Statement]] = []
    for one in operations:
        if isinstance(one, Decide) and one.flow:
            flow, worst_nusd = one.flow
            run = {"id": one.fence.run_id, "epoch": one.fence.epoch}
            changes.append((one.fence.run_id, runs_q.set_flow(**run, flow=flow, worst_nusd=worst_nusd)))
        elif isinstance(one, HoldRequest) and one.lease_s:
            until_us = book.now_us + int(one.lease_s * 1_000_000)
            run = {"id": one.fence.run_id, "epoch": one.fence.epoch}
            changes.append((one.fence.run_id, runs_q.extend_lease(**run, lease_until_us=until_us)))
    return changes


def _requests(operation: Operation) -> Sequence[HoldRequest | ReserveRequest]:
    match operation:
        case HoldRequest():
            return (operation,)
        case Reserve():
            return operation.requests
        case _:
            return ()


def _fences(operation: Operation) -> Sequence[Fence]:
    if isinstance(operation, Settle):
        return (operation.fence,) if operation.step else ()
    if isinstance(operation, Decide):
        return (operation.fence,)
    return [request.fence for request in _requests(operation)]


def _calls(operation: Operation) -> Sequence[str]:
    match operation:
        case HoldRequest():
            return (operation.call_id, operation.envelope) if operation.envelope else (operation.call_id,)
        case Reserve():
            return [request.call_id for request in operation.requests]
        case Settle(hold=hold):
            return (hold.call_id, hold.envelope) if hold.envelope else (hold.call_id,)
        case Release():
            return operation.call_ids
        case Decide():
            return ()


def _wanted(book: LedgerTransaction, requests: Sequence[HoldRequest | ReserveRequest]) -> dict[str, Account]:
    wanted: dict[str, Account] = {}
    for request in requests:
        try:
            wanted |= accounts_of(book, request)
        except BudgetExceededError:
            continue  # deciding meets the same error, and gives it to its caller
    return wanted
