"""What is watched while a run is carried out, and the port of those who watch."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from patterns.core.calls import Completion, PreparedCall
from patterns.core.context import TaskContext
from patterns.core.errors import ParkedError
from patterns.core.events import PatternResult
from patterns.core.step_record import StepRecord
from patterns.core.tools import ToolOutput
from storage.run_rows import RunRow

log = structlog.get_logger()


@dataclass(slots=True)
class RunExecution:
    """One time that a run is executed: to its end (`result`), to a question (`parked`), or until it is lost.

    `waited_s` is how many seconds it waited to begin; None when it had begun before.
    """

    run: RunRow
    waited_s: float | None = None
    result: PatternResult | None = None
    parked: ParkedError | None = None

    def tell(self, end: PatternResult | ParkedError) -> None:
        """Say how the work ended."""
        if isinstance(end, ParkedError):
            self.parked = end
        else:
            self.result = end

    @property
    def outcome(self) -> str:
        """Return how the execution ended, as one word."""
        if self.result is not None:
            return self.result.stop_reason.value
        return "parked" if self.parked is not None else "interrupted"


@dataclass(slots=True)
class StepTaken:
    """One step of one agent. `record` is None when it ended by an error."""

    ctx: TaskContext
    agent: str
    path: str
    flow: str
    record: StepRecord | None = None


@dataclass(slots=True)
class CallMade:
    """One attempt at a model. `provider_model` is its name at the provider, `first_text_s` when its answer began."""

    call: PreparedCall
    provider_model: str
    completion: Completion | None = None
    first_text_s: float | None = None

    @property
    def settled_nusd(self) -> int | None:
        """Return what the provider bills, in nano-dollars; None where it did not say."""
        if self.completion is None or self.completion.usage is None:
            return None
        return self.call.price.cost_nusd(self.completion.usage)


@dataclass(slots=True)
class ToolCalled:
    """One call of a tool. `key` is our idempotency key; arguments and output are untrusted."""

    tool: str
    key: str
    arguments: Mapping[str, Any]
    output: ToolOutput | None = None


Operation = RunExecution | StepTaken | CallMade | ToolCalled


class Observer(Protocol):
    """The port of who watches."""

    def observe(self, operation: Operation) -> AbstractContextManager[None]:
        """Watch an operation while the block runs; its results are in it at the end of the block."""
        ...


class Observers:
    """Several observers as one. What an observer gets wrong is logged and changes nothing else."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._observers = tuple(observers)

    def __bool__(self) -> bool:
        return bool(self._observers)

    @contextlib.contextmanager
    def observe(self, operation: Operation) -> Iterator[None]:
        """Have every observer watch an operation."""
        with ExitStack() as stack:
            for observer in self._observers:
                stack.enter_context(_harmless(observer, operation))
            yield


@contextlib.contextmanager
def _harmless(observer: Observer, operation: Operation) -> Iterator[None]:
    """Watch, and keep what the observer itself gets wrong away from the run."""
    try:
        watching = observer.observe(operation)
        watching.__enter__()
    except Exception:
        log.exception("telemetry_failed")
        yield
        return
    try:
        yield
    except BaseException as error:
        _leave(watching, error)
        raise
    else:
        _leave(watching, None)


def _leave(watching: AbstractContextManager[None], error: BaseException | None) -> None:
    try:
        watching.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
    except BaseException as own:
        if own is not error:
            log.exception("telemetry_failed")
