"""Ports in memory: a ledger that obeys its laws, a journal, decisions, events, a clock, and the record of posts."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from patterns.core.errors import (
    BudgetExceededError,
    CancelledRunError,
    ParkedError,
    ReservationRefusedError,
    RunLostError,
)
from patterns.core.events import RunEvent
from patterns.core.holds import Charged, Fence, Hold, HoldRequest, ReserveRequest, Settlement
from patterns.core.limits import Cap
from patterns.core.questions import Decision, Question
from patterns.core.reasons import Reason
from patterns.core.step_record import StepRecord
from patterns.core.tools import EarlierCall


@dataclass
class Call:
    """One hold or reservation and what became of it."""

    request: HoldRequest | ReserveRequest
    accounts: tuple[Cap, ...]
    held_nusd: int
    state: str
    actual_nusd: int = 0
    reason: str = ""
    opened_us: int = 0


@dataclass
class Memory:
    """Ledger, journal, decisions, events and clock of one test. `budget_nusd` is the channel's month."""

    budget_nusd: int = 10**12
    epoch: int = 1
    steps: dict[str, StepRecord] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    answers: dict[str, Decision] = field(default_factory=dict)
    asked: dict[str, Question] = field(default_factory=dict)
    events: list[RunEvent] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    now_s: float = 1000.0
    stopped: bool = False
    die_after_steps: int | None = None
    quarantined: str = ""
    joins: bool = False
    """Whether joined reservations wait for the next hold, as those of a run's session do."""
    joined: list[Sequence[ReserveRequest]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    # ---------------------------------------------------------------- ledger

    def used_nusd(self, key: str) -> int:
        """Settled and held on an account; what an envelope lends to a hold is counted once."""
        charged = [call for call in self.calls.values() if any(cap.key == key for cap in call.accounts)]
        return sum(call.actual_nusd + call.held_nusd for call in charged)

    @property
    def settled_nusd(self) -> int:
        return sum(call.actual_nusd for call in self.calls.values())

    @property
    def held_nusd(self) -> int:
        return sum(call.held_nusd for call in self.calls.values())

    def _admit(self, request: HoldRequest | ReserveRequest, lent_nusd: int) -> tuple[Cap, ...]:
        if request.fence.epoch != self.epoch:
            raise RunLostError
        if self.stopped:
            raise CancelledRunError
        accounts = (Cap("run", "month", self.budget_nusd), *request.caps)
        for cap in accounts:
            used = self.used_nusd(cap.key)
            if request.amount_nusd and used - lent_nusd + request.amount_nusd > cap.limit_nusd:
                kind = "channel" if cap.key == "month" else cap.kind
                raise BudgetExceededError(
                    f"The {kind} has not enough left.",
                    kind=kind,
                    key=cap.key,
                    needed_nusd=request.amount_nusd,
                    limit_nusd=cap.limit_nusd,
                    settled_nusd=used,
                )
        return accounts

    async def hold(self, request: HoldRequest) -> Hold:
        await asyncio.sleep(0)
        assert request.call_id not in self.calls
        assert request.path not in self.steps, f"{request.path} is finished and would be paid again"
        if request.model == self.quarantined:
            raise BudgetExceededError("Quarantined.", kind="workspace", key="w", blocked=Reason.QUARANTINED)
        self._write_joined()
        if request.envelope in self.refused:
            raise ReservationRefusedError
        envelope = self.calls.get(request.envelope or "")
        lent = min(envelope.held_nusd, request.amount_nusd) if envelope and envelope.state == "reserved" else 0
        accounts = self._admit(request, lent)
        if envelope:
            envelope.held_nusd -= lent
        self.calls[request.call_id] = Call(request, accounts, request.amount_nusd, "open", opened_us=self.now_us())
        return Hold(request.call_id, request.amount_nusd, request.envelope, lent)

    def _write_joined(self) -> None:
        waiting, self.joined = self.joined, []
        for requests in waiting:
            try:
                self._reserve(requests)
            except BudgetExceededError:
                self.refused.update(request.call_id for request in requests)

    async def reserve_many(self, requests: Sequence[ReserveRequest], *, joined: bool = False) -> list[Hold]:
        if joined and self.joins:
            self.joined.append(requests)
            return [Hold(request.call_id, request.amount_nusd) for request in requests]
        await asyncio.sleep(0)
        return self._reserve(requests)

    def _reserve(self, requests: Sequence[ReserveRequest]) -> list[Hold]:
        self.refused.difference_update(request.call_id for request in requests)
        added: list[str] = []
        try:
            for request in requests:
                assert request.call_id not in self.calls
                accounts = self._admit(request, 0)
                self.calls[request.call_id] = Call(request, accounts, request.amount_nusd, "reserved")
                added.append(request.call_id)
        except BudgetExceededError:
            for call_id in added:
                del self.calls[call_id]
            raise
        return [Hold(request.call_id, request.amount_nusd) for request in requests]

    def is_refused(self, reservation: Hold) -> bool:
        return reservation.call_id in self.refused

    async def settle(self, hold: Hold, charged: Charged, fence: Fence, step: StepRecord | None = None) -> Settlement:
        await asyncio.sleep(0)
        call = self.calls[hold.call_id]
        assert call.state == "open" or fence.epoch != self.epoch, call
        call.state, call.held_nusd, call.actual_nusd = charged.state, 0, charged.actual_nusd
        call.reason = charged.reason
        envelope = self.calls.get(hold.envelope or "")
        if envelope and envelope.state == "reserved":
            envelope.held_nusd += max(0, min(hold.drawn_nusd, hold.amount_nusd - charged.actual_nusd))
        if fence.epoch != self.epoch:
            raise RunLostError
        if step is not None:
            self._write(step)
        return Settlement(charged.actual_nusd, max(0, charged.actual_nusd - hold.amount_nusd))

    async def release(self, holds: Sequence[Hold]) -> None:
        for hold in holds:
            call = self.calls.get(hold.call_id)
            if call is not None and call.state == "reserved":
                call.state, call.held_nusd = "released", 0

    async def earlier_calls(self, run_id: str, path: str) -> list[EarlierCall]:
        assert run_id
        return [
            EarlierCall(call_id, call.state, call.request.fence.epoch, call.opened_us)
            for call_id, call in self.calls.items()
            if call.request.path == path and isinstance(call.request, HoldRequest)
            if (call.state, call.reason) != ("released", Reason.NEVER_SENT)
        ]

    # ---------------------------------------------------------------- journal

    def _write(self, step: StepRecord) -> StepRecord:
        if self.die_after_steps is not None and len(self.steps) >= self.die_after_steps:
            raise RunLostError
        return self.steps.setdefault(step.path, step)

    async def find(self, run_id: str, path: str) -> StepRecord | None:
        assert run_id
        return self.steps.get(path)

    async def record(self, fence: Fence, step: StepRecord) -> StepRecord:
        if fence.epoch != self.epoch:
            raise RunLostError
        return self._write(step)

    def crash(self) -> None:
        """The process died: what was reserved is free, what was sent counts in full, and a new owner comes."""
        self.epoch += 1
        self.die_after_steps = None
        for call in self.calls.values():
            if call.state == "open":
                call.state, call.actual_nusd, call.held_nusd = "uncertain", call.held_nusd, 0
            elif call.state == "reserved":
                call.state, call.held_nusd = "released", 0

    # ---------------------------------------------------------------- people, events, time

    async def ask(self, fence: Fence, path: str, question: Question) -> Decision:
        assert fence.epoch == self.epoch
        self.asked[path] = question
        if path not in self.answers:
            raise ParkedError(path)
        return self.answers[path]

    def emit(self, run_id: str, event: RunEvent) -> None:
        assert run_id
        self.events.append(event)

    def now_us(self) -> int:
        return int(self.now_s * 1_000_000)

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds


class MemoryOutbox:
    """The record of posts, without a database."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], tuple[str, str | None]] = {}

    async def add_intent(self, run_id: str, name: str, channel: str, *, also: object = None) -> tuple[str, str | None]:  # noqa: ARG002 - the port
        known = self.rows.setdefault((run_id, name), ("new", None))
        if known[0] == "new":
            self.rows[run_id, name] = ("intended", None)
        return known

    async def mark_posted(self, run_id: str, name: str, ts: str) -> None:
        self.rows[run_id, name] = ("posted", ts)

    async def mark_abandoned(self, run_id: str, name: str) -> None:
        self.rows[run_id, name] = ("abandoned", None)


class MemoryContents:
    """Contents of files, without a disk. `fails` is what the next writes raise."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fails: Exception | None = None

    async def write(self, file_id: str, source: BinaryIO) -> None:
        if self.fails is not None:
            raise self.fails
        self.files[file_id] = source.read()

    async def read(self, file_id: str) -> bytes | None:
        return self.files.get(file_id)

    async def ids(self) -> set[str]:
        return set(self.files)

    async def delete(self, file_ids: Iterable[str]) -> None:
        for file_id in file_ids:
            self.files.pop(file_id, None)
