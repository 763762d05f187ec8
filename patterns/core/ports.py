"""The ports of the core: what patterns need from outside, each small enough for a simple test double."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import Field

from patterns.core.calls import Completion, ModelRequest, PreparedCall
from patterns.core.context import Frozen
from patterns.core.events import RunEvent
from patterns.core.limits import Cap
from patterns.core.money import Price, Usage
from patterns.core.tools import AskedCall, EarlierCall, ToolAnswer, ToolFacts

# ---------------------------------------------------------------- models


OnText = Callable[[str], None]


class Circuit(Protocol):
    """Whether calls to the address of a model may pass."""

    def passage(self, model: str) -> AbstractContextManager[None]:
        """Let one call through, its hold included, and learn from how it ends.

        Raises:
            CircuitOpenError: on entry; nothing may be held or sent now.
        """
        ...


class FileReader(Protocol):
    """Reads the stored files that images are."""

    async def read(self, file_id: str) -> bytes | None:
        """Return the contents of a file; None when they are no longer kept."""
        ...


class ModelClient(Protocol):
    """The port to language models. Prices and bounds are known before anything is sent."""

    def price(self, model: str) -> Price:
        """Return the price of a model of the roster; raise RosterError when none is known."""
        ...

    def fallbacks(self, model: str) -> tuple[str, ...]:
        """Return the roster's fallback models for a model, in order."""
        ...

    def circuit(self, model: str) -> Circuit:
        """Return the circuit of the address that a model is reached at."""
        ...

    def prepare(self, request: ModelRequest) -> PreparedCall:
        """Translate a request without sending it; raise ModelError when the body cannot carry the output cap."""
        ...

    async def complete(self, call: PreparedCall, on_text: OnText | None = None) -> Completion:
        """Send one attempt, without retries, and return the answer. `on_text` receives the pieces of a streamed one.

        Raises:
            ModelError: the attempt failed; its `charge` says what that may have cost.
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

    @classmethod
    def of_channel(cls, workspace: str, channel: str) -> "Payer":
        """Return the account of a channel, whoever asks there."""
        return cls(workspace, channel, "channel", "")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fencing token: claiming a run raises its epoch, and an older epoch may no longer hold or publish."""

    run_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A request for the first phase of a two-phase hold: the upper bound of one attempt, before it is sent.

    `call_id` is the idempotency key, chosen by the caller, so that repeating a request whose answer was lost holds
    once. `caps` are the run and the stages around the step, outermost first. `envelope` names a reservation that pays
    first. `lease_s` extends the lease of the run with the hold, so that nobody else claims it for that long. `tool` is
    given for the call of a tool, whose `model` is `tool:NAME`.
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
    lease_s: float = 0.0
    tool: ToolFacts | None = None


@dataclass(frozen=True, slots=True)
class ReserveRequest:
    """A request to reserve money for later work: the voices of a fan-out, its synthesis, a closing summary.

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

    `drawn_nusd` of it came from the reservation `envelope`; what is not spent of that returns there.
    """

    call_id: str
    amount_nusd: int
    envelope: str | None = None
    drawn_nusd: int = 0


@dataclass(frozen=True, slots=True)
class Charged:
    """The charge of a finished attempt: `actual_nusd` is 0, the bill, or the whole hold when uncertain."""

    state: Literal["settled", "uncertain", "released"]
    actual_nusd: int
    usage: Usage | None = None
    reason: str = ""
    tool: ToolAnswer | None = None


CACHED_TOKENS = "cached_input_tokens"
"""Key of a step's data: the input tokens that its provider read from a cache, where it told so."""


class StepRecord(Frozen):
    """A finished step as the journal keeps it: the checkpoint and the trace in one.

    `outcome` is `ok`, `failed` (a typed failure, not tried again) or `decision` (a choice that cost nothing).
    `data` is what code needs to continue, `text` what the agent or person said, `reason` a value of `Reason`, perhaps
    one of a newer program.
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

    @property
    def spent_nusd(self) -> int:
        """Return what the step cost with the turns and calls before its answer, which have records of their own."""
        return self.cost_nusd + int(self.data.get("before_nusd", 0))


@dataclass(frozen=True, slots=True)
class Settlement:
    """The result of settling: the charge in force, and by how much it was above the hold."""

    actual_nusd: int
    overrun_nusd: int


class Ledger(Protocol):
    """The port to the money of every run: hold, call, settle; nothing is sent that was not held."""

    async def hold(self, request: HoldRequest) -> Hold:
        """Set the upper bound of one attempt aside and return the committed hold.

        Raises:
            BudgetExceededError: an account has not enough left, or is paused, frozen or quarantined.
            RunLostError: another process owns the run.
            CancelledRunError: a person stopped the run.
        """
        ...

    async def reserve_many(self, requests: Sequence[ReserveRequest]) -> list[Hold]:
        """Reserve money for several parts, all or nothing. Raises the same errors as `hold`."""
        ...

    async def settle(self, hold: Hold, charged: Charged, fence: Fence, step: StepRecord | None = None) -> Settlement:
        """Replace a hold by its actual charge and journal the step in the same transaction.

        The money is always settled; the step is written only while the fencing token is current.

        Raises:
            RunLostError: the money is settled, the step was not published.
        """
        ...

    async def release(self, holds: Sequence[Hold]) -> None:
        """Free reservations, or holds whose call was never sent."""
        ...

    async def earlier_calls(self, run_id: str, path: str) -> Sequence[EarlierCall]:
        """Return the calls held for a path, by any owner of the run, that could have been sent; oldest first.

        Only what its own owner released as never sent is not among them.
        """
        ...


class Journal(Protocol):
    """The finished steps of a run, by path."""

    async def find(self, run_id: str, path: str) -> StepRecord | None:
        """Return the finished step of a path, or None."""
        ...

    async def record(self, fence: Fence, step: StepRecord) -> StepRecord:
        """Write a step that cost nothing (insert or ignore) and return the stored record, the first writer's.

        Raises:
            RunLostError: another process owns the run.
        """
        ...


# ---------------------------------------------------------------- people, events, time


class Question(Frozen):
    """What people are asked: to review a draft, confirm a price or grant more money; `line` waits for money unasked.

    `tool` asks whether the `calls` of one turn may be made, `outcome` whether a call that nobody knows about was done.
    `amount_nusd` is what saying yes can cost, `approvers` are people who may decide besides the asker and admins; of
    tools, `approve_by` says who may: the asker, any other, the owner, or only the `approvers` ("named").
    """

    kind: Literal["approve", "feedback", "confirm", "money", "line", "tool", "outcome"]
    title: str
    draft: str = ""
    verdict: str = ""
    round: int = 0
    amount_nusd: int = 0
    deadline_s: int = 0
    reminder_s: int = 0
    approvers: tuple[str, ...] = ()
    calls: tuple[AskedCall, ...] = ()
    approve_by: Literal["asker", "other", "owner", "named"] = "asker"


DecisionVerdict = Literal[
    "approve", "changes", "edit", "stop", "run", "instead", "cancel", "expired", "none", "deny", "done", "again"
]
"""What a person, or time, decided about a question. Of tools: approve, deny (`text` says why); of an unknown outcome:
it was done, or do it again."""


Scope = Literal["once", "run", "standing"]
"""What the approval of a tool covers: this call, further calls of it in this run, or all of them in the channel."""


class Decision(Frozen):
    """What a person decided, kept as the journal step of the question's path.

    `none` lets a review go on without a comment; without a `user` it means that nobody needs to decide any more.
    `scope` belongs to the approval of a tool.
    """

    verdict: DecisionVerdict
    text: str = ""
    user: str = ""
    at_us: int = 0
    scope: Scope = "once"


class Decisions(Protocol):
    """The port to people who decide."""

    async def ask(self, fence: Fence, path: str, question: Question) -> Decision:
        """Return the decision for a path.

        Raises:
            ParkedError: there is no decision yet; the question is stored, and shown once nothing else of the run can
                go on, which must then release everything.
        """
        ...


class EventSink(Protocol):
    """The port for events of runs. Emitting never waits and never fails the run."""

    def emit(self, run_id: str, event: RunEvent) -> None:
        """Take one event."""
        ...


class Clock(Protocol):
    """The port to time, so that tests control it."""

    def now_us(self) -> int:
        """Return microseconds since 1970 UTC, the unit of every stored time."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a monotonic clock, for measuring durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""
        ...
