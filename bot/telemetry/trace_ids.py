"""The trace of a run, computed from its id: every process that works on the run adds to the same trace unasked."""

import hashlib
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

_next: ContextVar[tuple[int, int] | None] = ContextVar("ids of the next span", default=None)


def ids_of(run_id: str) -> tuple[int, int]:
    """Return the trace id and the id of the first span of a run."""
    digest = hashlib.sha256(f"agents run {run_id}".encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")


def parent_of(run_id: str) -> Context:
    """Return the context of the first span of a run, wherever that was."""
    trace_id, span_id = ids_of(run_id)
    first = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(first))


class RunIds(IdGenerator):
    """Random ids, except for the first span of a run."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def first(self, run_id: str) -> Context:
        """Give the next span of this task the ids of a run's first span; return the context it has to be started in."""
        _next.set(ids_of(run_id))
        return Context()

    def generate_trace_id(self) -> int:
        """Return the id of a new trace."""
        ids = _next.get()
        return self._random.generate_trace_id() if ids is None else ids[0]

    def generate_span_id(self) -> int:
        """Return the id of a new span."""
        ids = _next.get()
        if ids is None:
            return self._random.generate_span_id()
        _next.set(None)
        return ids[1]
