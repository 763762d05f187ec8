"""Figures for Prometheus: what this process did, counted as it does it, and the three promises, read when asked."""

import contextlib
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from bot.telemetry.conventions import SECONDS_BUCKETS, usd
from bot.telemetry.operations import CallMade, Operation, RunExecution, StepTaken, ToolCalled
from patterns.core.errors import ModelError
from storage.promises import Promises
from storage.run_reader import QueueState

_RUN_BUCKETS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)


class PrometheusMetrics:
    """The metrics of one process. `docs/operations.md` lists them; a test compares."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._count_work()
        self._count_promises()

    def _count_work(self) -> None:
        registry = self.registry
        self._executions = Counter(
            "agents_run_executions",
            "Times that a run was executed here, by how it ended.",
            ["outcome"],
            registry=registry,
        )
        self._run_s = Histogram(
            "agents_run_seconds", "Seconds per execution of a run.", buckets=_RUN_BUCKETS, registry=registry
        )
        self._slot_s = Histogram(
            "agents_run_wait_seconds", "Seconds until a request began.", buckets=_RUN_BUCKETS, registry=registry
        )
        self._steps = Counter("agents_steps", "Steps of agents, by outcome.", ["agent", "outcome"], registry=registry)
        self._calls = Counter(
            "agents_model_calls", "Attempts at models, by what came of them.", ["model", "outcome"], registry=registry
        )
        self._call_s = Histogram(
            "agents_model_call_seconds",
            "Seconds per attempt at a model.",
            ["model"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self._tokens = Counter("agents_tokens", "Tokens that providers counted.", ["model", "kind"], registry=registry)
        self._tools = Counter(
            "agents_tool_calls", "Calls of tools, by what came of them.", ["tool", "outcome"], registry=registry
        )
        self._tool_s = Histogram(
            "agents_tool_call_seconds",
            "Seconds per call of a tool.",
            ["tool"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self._held = Counter(
            "agents_model_held_usd", "Dollars held before attempts at models.", ["model"], registry=registry
        )
        self._settled = Counter(
            "agents_model_settled_usd", "Dollars that providers told for them.", ["model"], registry=registry
        )

    def _count_promises(self) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=self.registry)

        self._open = gauge("agents_open_holds", "Calls and reservations that are held now.")
        self._open_usd = gauge("agents_open_holds_usd", "Dollars held for them.")
        self._unsettled = gauge("agents_unsettled_holds", "Holds whose run no process owns; the sweep settles them.")
        self._uncertain = gauge("agents_uncertain_calls", "Calls that count in full, their cost being unknown.")
        self._uncertain_usd = gauge("agents_uncertain_usd", "Dollars that those calls count for.")
        self._untold = gauge("agents_untold_endings", "Ended runs with messages that are not posted yet.")
        self._untold_s = gauge("agents_untold_ending_age_seconds", "Age of the oldest of them.")
        self._unhandled = gauge("agents_unhandled_payloads", "Stored payloads of Slack that are not handled yet.")
        self._unhandled_s = gauge("agents_unhandled_payload_age_seconds", "Age of the oldest of them.")
        self._asked = gauge("agents_open_questions", "Questions that wait for a person.")
        self._asked_s = gauge("agents_open_question_age_seconds", "Age of the oldest of them.")
        self._waiting = gauge("agents_waiting_runs", "Runs that could go on and have no process.")
        self._waiting_s = gauge("agents_queue_age_seconds", "Seconds that the oldest new one has waited.")
        self._working = gauge("agents_working_runs", "Runs that a process works on.")
        self._month_usd = gauge("agents_month_usd", "Dollars of a month, settled or held.", "period", "state")

    def page(self, promises: Promises, queue: QueueState) -> bytes:
        """Return every metric in Prometheus' text format, the promises as they are now."""
        self._open.set(promises.held)
        self._open_usd.set(usd(promises.held_nusd))
        self._unsettled.set(promises.unsettled)
        self._uncertain.set(promises.uncertain)
        self._uncertain_usd.set(usd(promises.uncertain_nusd))
        self._untold.set(promises.untold.count)
        self._untold_s.set(promises.untold.oldest_s)
        self._unhandled.set(promises.unhandled.count)
        self._unhandled_s.set(promises.unhandled.oldest_s)
        self._asked.set(promises.asked.count)
        self._asked_s.set(promises.asked.oldest_s)
        self._waiting.set(queue.waiting)
        self._waiting_s.set(queue.oldest_wait_s)
        self._working.set(queue.working)
        for period, money in promises.months.items():
            self._month_usd.labels(period, "settled").set(usd(money.settled_nusd))
            self._month_usd.labels(period, "held").set(usd(money.held_nusd))
        return generate_latest(self.registry)

    @contextlib.contextmanager
    def observe(self, operation: Operation) -> Iterator[None]:
        """Count an operation when it is over."""
        begun_s, failed = time.perf_counter(), ""
        try:
            yield
        except BaseException as error:
            failed = error.reason.value if isinstance(error, ModelError) else "interrupted"
            raise
        finally:
            took_s = time.perf_counter() - begun_s
            if isinstance(operation, RunExecution):
                self._run(operation, took_s)
            elif isinstance(operation, StepTaken):
                self._step(operation)
            elif isinstance(operation, CallMade):
                self._call(operation, took_s, failed)
            else:
                self._tool(operation, took_s, failed)

    def _run(self, seen: RunExecution, took_s: float) -> None:
        self._executions.labels(seen.outcome).inc()
        self._run_s.observe(took_s)
        if seen.waited_s is not None:
            self._slot_s.observe(seen.waited_s)

    def _step(self, seen: StepTaken) -> None:
        self._steps.labels(seen.agent, seen.record.outcome if seen.record else "interrupted").inc()

    def _tool(self, seen: ToolCalled, took_s: float, failed: str) -> None:
        outcome = failed or ("error" if seen.output is not None and seen.output.is_error else "ok")
        self._tools.labels(seen.tool, outcome).inc()
        self._tool_s.labels(seen.tool).observe(took_s)

    def _call(self, seen: CallMade, took_s: float, failed: str) -> None:
        model = seen.provider_model
        self._calls.labels(model, failed or (seen.completion.finish_reason if seen.completion else "none")).inc()
        self._call_s.labels(model).observe(took_s)
        self._held.labels(model).inc(usd(seen.call.bound_nusd))
        usage = seen.completion.usage if seen.completion else None
        if usage is None:
            return
        self._settled.labels(model).inc(usd(seen.call.price.cost_nusd(usage)))
        self._tokens.labels(model, "input").inc(usage.input_tokens)
        self._tokens.labels(model, "cached").inc(usage.cached_input_tokens)
        self._tokens.labels(model, "output").inc(usage.output_tokens)
