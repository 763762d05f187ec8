"""The ports of the core: what patterns need from outside, each small enough for a simple test double."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from patterns.core.calls import Completion, ModelRequest, PreparedCall
from patterns.core.events import RunEvent
from patterns.core.holds import Charged, Fence, Hold, HoldRequest, ReserveRequest, Settlement
from patterns.core.money import Price
from patterns.core.questions import Decision, Question
from patterns.core.step_record import StepRecord
from patterns.core.tools import EarlierCall
from patterns.core.web_search import WebSearch

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

    def search_refusal(self, model: str, search: WebSearch) -> str:
        """Return why the provider of a model cannot search the web for it; empty where it can."""
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


class Ledger(Protocol):
    """The port to the money of every run: hold, call, settle; nothing is sent that was not held."""

    async def hold(self, request: HoldRequest) -> Hold:
        """Set the upper bound of one attempt aside and return the committed hold.

        Raises:
            BudgetExceededError: an account has not enough left, or is paused, frozen or quarantined.
            RunLostError: another process owns the run.
            CancelledRunError: a person stopped the run.
            ReservationRefusedError: its envelope is a reservation that was to be written with it, and was refused.
        """
        ...

    async def reserve_many(self, requests: Sequence[ReserveRequest], *, joined: bool = False) -> list[Hold]:
        """Reserve money for several parts, all or nothing. Raises the same errors as `hold`.

        With `joined` it may be written with the run's next hold instead. If it is refused then, a hold that names one
        of the reservations is refused too, others are not, and `is_refused` tells.
        """
        ...

    def is_refused(self, reservation: Hold) -> bool:
        """Return whether a joined reservation is known to have been refused."""
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
