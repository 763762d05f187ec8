"""The doors of the core: what patterns need from the outside, each as small as a test double wants it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import Field

from patterns.core.calls import Completion, ModelRequest, PreparedCall
from patterns.core.context import Frozen
from patterns.core.events import RunEvent
from patterns.core.limits import Cap
from patterns.core.money import Price, Usage

# ---------------------------------------------------------------- models


OnText = Callable[[str], None]


class ModelClient(Protocol):
    """The seam to language models. Prices and bounds are known before anything is sent."""

    def price(self, model: str) -> Price:
        """The price of a model of the roster; RosterError when none is known."""
        ...

    def fallbacks(self, model: str) -> tuple[str, ...]:
        """The roster's fallback models for it, in order."""
        ...

    def prepare(self, request: ModelRequest) -> PreparedCall:
        """Translate without sending; ModelError(bad_request) when the body cannot carry the output cap."""
        ...

    async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
        """One attempt, no retries. `on_text` receives pieces of a streamed answer.

        Raises:
            ModelError: with what it may have cost.
        """
        ...


# ---------------------------------------------------------------- money and journal


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays: the workspace, and in it a channel's month or a person's own month for direct messages."""

    workspace: str
    channel: str
    channel_kind: Literal["channel", "dm"]
    user: str


@dataclass(frozen=True, slots=True)
class Fence:
    """Proof of owning a run: a claim raises the epoch, and an older epoch may not hold or publish any more."""

    run_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Ask for the upper bound of one attempt, before anything is sent.

    `call_id` is chosen by the caller, so that asking twice after a lost answer holds once. `caps` are the run and the
    stages around the step, outermost first. `envelope` names a reservation that pays first.
    """

    call_id: str
    fence: Fence
    payer: Payer
    caps: tuple[Cap, ...]
    path: str
    attempt: int
    agent: str
    model: str
    flow: str
    price_version: str
    amount_nusd: int
    envelope: str | None = None


@dataclass(frozen=True, slots=True)
class ReserveRequest:
    """Keep money back for work that follows: the voices of a fan-out, its synthesis, a closing summary.

    A reservation cannot be sent: holds draw on it, what is left is released, and a crash frees it.
    """

    call_id: str
    fence: Fence
    payer: Payer
    caps: tuple[Cap, ...]
    path: str
    flow: str
    amount_nusd: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Money set aside for one attempt, committed to the database.

    `drawn_nusd` of it came from the reservation `envelope`: what of that is not spent pays there for the next attempt.
    """

    call_id: str
    amount_nusd: int
    envelope: str | None = None
    drawn_nusd: int = 0


@dataclass(frozen=True, slots=True)
class Charged:
    """How an attempt ended in money: `actual_nusd` 0 for nothing, the bill, or the whole hold when uncertain."""

    state: Literal["settled", "uncertain", "released"]
    actual_nusd: int
    usage: Usage | None = None
    reason: str = ""


class StepRecord(Frozen):
    """A finished step, as the journal keeps it: the checkpoint and the trace in one.

    `outcome` is `ok`, `failed` (a typed failure, not tried again) or `decision` (something chosen, not paid).
    `data` is what code needs to go on, `text` what the agent said.
    """

    path: str
    input_hash: str
    outcome: Literal["ok", "failed", "decision"]
    agent: str = ""
    model: str = ""
    text: str = ""
    data: dict[str, Any] = Field(default_factory=dict)
    reason: str = ""
    finish_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nusd: int = 0
    elapsed_ms: int = 0
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """What settling did: the charge in force, and whether it was above the hold."""

    actual_nusd: int
    overrun_nusd: int


class Ledger(Protocol):
    """The money of every run. Hold, call, settle; nothing is sent that was not held."""

    async def hold(self, request: HoldRequest) -> Hold:
        """Set the bound of one attempt aside.

        Raises:
            BudgetExceededError: an account has not enough left, or is paused, frozen or quarantined.
            RunLostError: another process owns the run.
            CancelledRunError: a person stopped the run.
        """
        ...

    async def reserve_many(self, requests: Sequence[ReserveRequest]) -> list[Hold]:
        """Keep money back for several parts, all or nothing. Same errors as `hold`."""
        ...

    async def settle(self, hold: Hold, charged: Charged, fence: Fence, step: StepRecord | None = None) -> Settlement:
        """Replace a hold by the truth and journal the step in the same transaction.

        Money is always settled; the step is written only while the fence holds.

        Raises:
            RunLostError: the money is settled, the step was not published.
        """
        ...

    async def release(self, holds: Sequence[Hold]) -> None:
        """Free reservations, or holds whose call was never sent."""
        ...


class Journal(Protocol):
    """The finished steps of a run, by path."""

    async def find(self, run_id: str, path: str) -> StepRecord | None:
        """The step of that path, once finished."""
        ...

    async def record(self, fence: Fence, step: StepRecord) -> StepRecord:
        """Write a decision that cost nothing; the first writer wins, and its record is what comes back.

        Raises:
            RunLostError: another process owns the run.
        """
        ...


# ---------------------------------------------------------------- people, events, time


class Question(Frozen):
    """What people are asked: the draft under review, a price to confirm, or money to go on with. A `line` asks nobody.

    `amount_nusd` is what saying yes can cost, `approvers` are people who may decide besides the asker and admins.
    """

    kind: Literal["approve", "feedback", "confirm", "money", "line"]
    title: str
    draft: str = ""
    verdict: str = ""
    round: int = 0
    amount_nusd: int = 0
    deadline_s: int = 0
    reminder_s: int = 0
    approvers: tuple[str, ...] = ()


DecisionVerdict = Literal["approve", "changes", "edit", "stop", "run", "instead", "cancel", "expired", "none"]
"""What a person, or time, decided about a question."""


class Decision(Frozen):
    """What a person decided, kept as the journal's step of the question's path."""

    verdict: DecisionVerdict
    text: str = ""
    user: str = ""
    at_us: int = 0


class Decisions(Protocol):
    """People in the loop."""

    async def ask(self, fence: Fence, path: str, question: Question) -> Decision:
        """The decision for that path.

        Raises:
            ParkedError: nobody has decided yet; the question is stored and shown, the run must let go of everything.
        """
        ...


class EventSink(Protocol):
    """Where events of runs go. Emitting never waits and never fails the run."""

    def emit(self, run_id: str, event: RunEvent) -> None:
        """Take one event."""
        ...


class Clock(Protocol):
    """Time, so that tests own it."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC, the unit of every stored time."""
        ...

    def monotonic(self) -> float:
        """Seconds for measuring durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
