"""Watching changes nothing: neither what an observer gets wrong nor what a run does wrong is mixed up."""

import contextlib
from collections.abc import Iterator

import pytest

from bot.telemetry.operations import Observers, Operation, RunExecution
from patterns.core.errors import ParkedError
from patterns.core.events import PatternResult, StopReason
from storage.run_rows import RunRow

RUN = RunRow(
    id="r1",
    workspace="T1",
    channel="C1",
    channel_kind="channel",
    thread_ts="",
    root_ts="",
    user="U1",
    kind="slack",
    flow="",
    options={},
    status="running",
    stop_reason="",
    epoch=1,
    roster_hash="",
    executed_ms=0,
    worst_nusd=0,
    cost_nusd=0,
    created_us=0,
    finished_us=None,
    cancel_requested_by=None,
)


class Watcher:
    """Remembers what it saw; breaks where it is told to."""

    def __init__(self, breaks: str = "") -> None:
        self.breaks = breaks
        self.seen: list[str] = []

    @contextlib.contextmanager
    def observe(self, operation: Operation) -> Iterator[None]:
        if self.breaks == "before":
            raise LookupError("before")
        try:
            yield
        except BaseException as error:
            self.seen.append(type(error).__name__)
            raise
        finally:
            if self.breaks == "after":
                raise LookupError("after")
        assert isinstance(operation, RunExecution)
        self.seen.append(operation.outcome)


@pytest.mark.parametrize("breaks", ["", "before", "after"])
def test_an_observer_that_breaks_leaves_the_run_and_the_others_alone(breaks: str) -> None:
    broken, whole = Watcher(breaks), Watcher()
    seen = RunExecution(RUN)
    with Observers([broken, whole]).observe(seen):
        seen.tell(PatternResult(output="", stop_reason=StopReason.COMPLETED))
    assert whole.seen == ["completed"]


@pytest.mark.parametrize("breaks", ["", "before", "after"])
def test_what_the_run_raises_is_what_comes_out(breaks: str) -> None:
    broken, whole = Watcher(breaks), Watcher()
    with pytest.raises(KeyError, match="the run's"), Observers([whole, broken]).observe(RunExecution(RUN)):
        raise KeyError("the run's")
    assert whole.seen == ["KeyError"]


def test_an_execution_ends_as_its_run_does_or_is_parked_or_interrupted() -> None:
    parked, lost = RunExecution(RUN), RunExecution(RUN)
    parked.tell(ParkedError("confirm"))
    assert (parked.outcome, lost.outcome) == ("parked", "interrupted")
