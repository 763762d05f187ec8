"""One transaction of the ledger as a script: lock and load in few statements, decide in turn, write together."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from patterns.core.errors import AgentsError, BudgetExceededError, RunLostError
from patterns.core.holds import Charged, Fence, Hold, HoldRequest, Payer, ReserveRequest
from patterns.core.money import format_usd
from patterns.core.step_record import StepRecord
from patterns.core.tools import TOOL_MODEL
from storage.database.statements import Query, Statement, Work, beside, load, several
from storage.journal import q as journal
from storage.journal import step_row
from storage.ledger import admission
from storage.ledger.accounts import limits_of
from storage.ledger.book import Account, AccountName, Call, Config, LedgerTransaction, Owner, payer_key

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
    needs = _needs(book, operations)
    yield from several(statement for _, statement in sorted(needs.run_changes, key=lambda one: one[0]))
    yield from beside(
        _load_runs(book, needs.runs), load_calls(book, q.lock_calls, ids=needs.calls), _load_rules(book, needs.requests)
    )
    yield from load_accounts(book, _wanted(book, needs.requests))
    results = [_decide(book, operation) for operation in operations]
    yield from save(book)
    return results


def _load_runs(book: LedgerTransaction, runs: Collection[str]) -> Work[None]:
    """Read the owners of runs, locked against a claim."""
    if runs:
        book.runs = {run.run_id: run for run in (yield q.lock_runs.rows_as(Owner, ids=runs))}


def _load_rules(book: LedgerTransaction, requests: Sequence[HoldRequest | ReserveRequest]) -> Work[None]:
    """Read what decides about requests, but for the money."""
    if requests:
        models = {request.model for request in requests if isinstance(request, HoldRequest)}
        spaces = {request.payer.workspace for request in requests}
        yield from beside(
            load_config(book, {request.payer for request in requests}), _load_quarantine(book, spaces, models)
        )


def _load_quarantine(book: LedgerTransaction, workspaces: Collection[str], models: Collection[str]) -> Work[None]:
    rows = yield q.quarantined(workspaces=workspaces, models=models)
    book.quarantine = {(row["workspace"], row["model"]): row for row in rows}


def load_calls(book: LedgerTransaction, query: Query, **params: object) -> Work[None]:
    """Lock the calls a query finds."""
    book.calls = {call.id: call for call in (yield query.rows_as(Call, **params))}


def load_config(book: LedgerTransaction, payers: Collection[Payer]) -> Work[None]:
    """Read limits, zones and months of payers and their workspaces."""
    spaces = {payer.workspace for payer in payers}
    keys = {payer_key(payer) for payer in payers}
    found, limits = yield q.workspaces(ids=spaces), q.payers(workspaces=spaces, ids=keys)
    book.workspaces = {row["id"]: Config(**row) for row in found}
    book.payers = {(row["workspace"], row["id"]): Config(**row) for row in limits}


def load_accounts(book: LedgerTransaction, limits: Mapping[str, int | None]) -> Work[None]:
    """Lock the accounts that have these limits and those of the loaded calls, opening the ones that are new."""
    ids = set(limits).union(*[call.accounts for call in book.calls.values()])
    if not ids:
        return
    book.accounts = {account.id: account for account in (yield q.lock_accounts.rows_as(Account, ids=ids))}
    missing = sorted(ids - book.accounts.keys())
    if missing:
        names = {id_: AccountName.of(id_)._asdict() for id_ in missing}
        yield q.open_account.many({"id": id_, "limit_nusd": limits[id_], **name} for id_, name in names.items())
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
        name = account.name
        if name.kind in {"channel", "dm"} and account.settled_nusd > limit_nusd:
            yield q.freeze_payer(workspace=call.workspace, id=name.key, reason=reason)
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
                    step_row(run.run_id, run.workspace, step, call_id=None, now_us=book.now_us)
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
        step_row(run.run_id, run.workspace, operation.step, call_id=operation.hold.call_id, now_us=book.now_us)
    )
    return True


def _owned(book: LedgerTransaction, fence: Fence) -> Owner:
    """Return the owner of a run; raise RunLostError when it is another process."""
    run = book.runs.get(fence.run_id)
    if run is None or run.epoch != fence.epoch:
        raise RunLostError
    return run


@dataclass(slots=True)
class _Needs:
    """What operations are decided over: runs and calls by id, requests; and what changes in rows of runs, by run id."""

    runs: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    requests: list[HoldRequest | ReserveRequest] = field(default_factory=list)
    run_changes: list[tuple[str, Statement]] = field(default_factory=list)

    def name(self, call_id: str, envelope: str | None) -> None:
        """Add a call, and the reservation that it draws on."""
        self.calls.add(call_id)
        if envelope:
            self.calls.add(envelope)


def _needs(book: LedgerTransaction, operations: Sequence[Operation]) -> _Needs:
    needs = _Needs()
    for operation in operations:
        match operation:
            case HoldRequest(fence=fence):
                needs.requests.append(operation)
                needs.name(operation.call_id, operation.envelope)
                if operation.lease_s:  # the call of a tool extends the lease
                    until_us = book.now_us + int(operation.lease_s * 1_000_000)
                    change = runs_q.extend_lease(id=fence.run_id, epoch=fence.epoch, lease_until_us=until_us)
                    needs.run_changes.append((fence.run_id, change))
            case Reserve(requests=requests):
                needs.requests += requests
                needs.calls.update([request.call_id for request in requests])
            case Settle(hold=hold, fence=fence):
                needs.name(hold.call_id, hold.envelope)
                if operation.step:
                    needs.runs.add(fence.run_id)
            case Release(call_ids=call_ids):
                needs.calls.update(call_ids)
            case Decide(fence=fence):
                needs.runs.add(fence.run_id)
                if operation.flow:
                    flow, worst_nusd = operation.flow
                    change = runs_q.set_flow(id=fence.run_id, epoch=fence.epoch, flow=flow, worst_nusd=worst_nusd)
                    needs.run_changes.append((fence.run_id, change))
    needs.runs.update([request.fence.run_id for request in needs.requests])
    return needs


def _wanted(book: LedgerTransaction, requests: Sequence[HoldRequest | ReserveRequest]) -> dict[str, int | None]:
    limits: dict[str, int | None] = {}
    for request in requests:
        try:
            limits |= limits_of(book, request)
        except BudgetExceededError:
            continue  # deciding meets the same error, and gives it to its caller
    return limits
