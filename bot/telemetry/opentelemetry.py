"""Spans and metrics for OpenTelemetry: a run over its steps over their model calls, sent by OTLP over HTTP.

Needs the extra `telemetry`; where to and with which headers says OpenTelemetry's own environment (OTEL_…). The trace of
a run is computed from its id, so whichever process executes it, or goes on with it after a crash, adds to the same one.
"""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from opentelemetry import metrics as otel_metrics
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from bot.telemetry import conventions as names
from bot.telemetry.messages import input_messages, output_messages
from bot.telemetry.operations import CallMade, Operation, RunExecution, StepTaken, ToolCalled
from bot.telemetry.trace_ids import RunIds, parent_of
from patterns.core.errors import ModelError

SERVICE = "agents-for-slack"


class OpenTelemetryObserver:
    """Watches runs, steps and calls as spans, each below the one it belongs to, and counts them.

    `with_texts` adds prompts and answers to the spans; without it no span has a word that somebody wrote.
    """

    def __init__(self, spans: SpanProcessor, metrics: MetricReader, *, with_texts: bool) -> None:
        resource = Resource.create({"service.name": SERVICE})
        self._ids = RunIds()
        self._tracing = TracerProvider(resource=resource, id_generator=self._ids)
        self._tracing.add_span_processor(spans)
        self._metering = MeterProvider(metric_readers=[metrics], resource=resource)
        self._tracer = self._tracing.get_tracer(SERVICE, schema_url=names.SCHEMA_URL)
        meter = self._metering.get_meter(SERVICE, schema_url=names.SCHEMA_URL)
        seconds = partial(meter.create_histogram, unit="s", explicit_bucket_boundaries_advisory=names.SECONDS_BUCKETS)
        self._call_s = seconds(names.CALL_SECONDS)
        self._first_text_s = seconds(names.FIRST_TEXT_SECONDS)
        self._agent_s = seconds(names.AGENT_SECONDS)
        self._tool_s = seconds(names.TOOL_SECONDS)
        self._tokens = meter.create_histogram(
            names.CALL_TOKENS, unit="{token}", explicit_bucket_boundaries_advisory=names.TOKEN_BUCKETS
        )
        self._with_texts = with_texts

    @contextlib.contextmanager
    def observe(self, operation: Operation) -> Iterator[None]:
        """Watch an operation as a span that is current while the block runs."""
        if isinstance(operation, RunExecution):
            with self._run(operation):
                yield
        elif isinstance(operation, StepTaken):
            with self._step(operation):
                yield
        elif isinstance(operation, CallMade):
            with self._call(operation):
                yield
        else:
            with self._tool(operation):
                yield

    def make_global(self) -> None:
        """Have libraries that are instrumented add their spans to these."""
        trace.set_tracer_provider(self._tracing)
        otel_metrics.set_meter_provider(self._metering)

    def close(self) -> None:
        """Send what waits to be sent; an exporter that cannot reach anybody gives up by its own timeout."""
        self._tracing.shutdown()
        self._metering.shutdown()

    # ------------------------------------------------------------ spans

    @contextlib.contextmanager
    def _run(self, seen: RunExecution) -> Iterator[None]:
        run = seen.run
        told: dict[str, Any] = {
            names.OPERATION: names.WORKFLOW,
            names.USER: run.user,
            names.RUN: run.id,
            names.WORKSPACE: run.workspace,
            names.CHANNEL: run.channel,
        }
        if seen.waited_s is not None:
            told[names.WAITED_S] = seen.waited_s
        begun_s = time.perf_counter()
        # Later executions are parts of the first one, which may have run in another process.
        parent = parent_of(run.id) if run.epoch > 1 else self._ids.first(run.id)
        with self._span(names.WORKFLOW, told, context=parent) as span:
            yield
            thread = seen.run.thread_ts or run.id  # a command's thread begins with its run
            span.set_attributes({names.CONVERSATION: thread, names.SESSION: thread, names.STOP_REASON: seen.outcome})
            if seen.result is not None:
                span.set_attribute(names.SETTLED_USD, names.usd(seen.result.cost_nusd))
                span.set_attribute(names.COST_USD, names.usd(seen.result.cost_nusd))
        self._agent_s.record(time.perf_counter() - begun_s, {names.OPERATION: names.WORKFLOW})

    @contextlib.contextmanager
    def _step(self, seen: StepTaken) -> Iterator[None]:
        told = {
            names.OPERATION: names.AGENT,
            names.AGENT_NAME: seen.agent,
            names.CONVERSATION: seen.ctx.thread or seen.ctx.run_id,
            names.RUN: seen.ctx.run_id,
            names.FLOW: seen.flow,
            names.PATH: seen.path,
        }
        begun_s = time.perf_counter()
        with self._span(f"{names.AGENT} {seen.agent}", told) as span:
            yield
            record = seen.record
            if record is not None:
                span.set_attribute(names.SETTLED_USD, names.usd(record.cost_nusd))
                span.set_attribute(names.REPLAYED_ATTEMPTS, record.attempts)
                if record.outcome == "failed":
                    _fail(span, record.reason)
        by_agent = {names.OPERATION: names.AGENT, names.AGENT_NAME: seen.agent}
        self._agent_s.record(time.perf_counter() - begun_s, by_agent)

    @contextlib.contextmanager
    def _call(self, seen: CallMade) -> Iterator[None]:
        request = seen.call.request
        model = seen.provider_model.rpartition("/")[2]
        about = {
            names.OPERATION: names.CHAT,
            names.PROVIDER: names.provider_of(seen.provider_model),
            names.MODEL: model,
        }
        told: dict[str, Any] = {
            **about,
            names.MAX_TOKENS: request.max_output_tokens,
            names.HELD_USD: names.usd(seen.call.bound_nusd),
        }
        if self._with_texts:
            told[names.INPUT_MESSAGES] = input_messages(request.messages)
        begun_s, failed = time.perf_counter(), {}
        try:
            with self._span(f"{names.CHAT} {model}", told, kind=SpanKind.CLIENT) as span:
                yield
                self._answered(span, seen, about)
        except BaseException as error:
            failed = {names.ERROR: error_type(error)}
            raise
        finally:
            self._call_s.record(time.perf_counter() - begun_s, {**about, **failed})

    @contextlib.contextmanager
    def _tool(self, seen: ToolCalled) -> Iterator[None]:
        about = {names.OPERATION: names.TOOL, names.TOOL_NAME: seen.tool}
        told = {**about, names.TOOL_CALL: seen.key}
        if self._with_texts:
            told[names.TOOL_ARGUMENTS] = json.dumps(seen.arguments, ensure_ascii=False, default=str)
        begun_s, failed = time.perf_counter(), {}
        try:
            with self._span(f"{names.TOOL} {seen.tool}", told) as span:
                yield
                output = seen.output
                if output is not None and output.is_error:
                    failed = {names.ERROR: "tool_error"}
                    _fail(span, "tool_error")
                if output is not None and self._with_texts:
                    span.set_attribute(names.TOOL_RESULT, output.text if output.kept is None else output.kept)
        except BaseException as error:
            failed = {names.ERROR: error_type(error)}
            raise
        finally:
            self._tool_s.record(time.perf_counter() - begun_s, {**about, **failed})

    def _answered(self, span: Span, seen: CallMade, about: Mapping[str, str]) -> None:
        completion = seen.completion
        if completion is None:
            return
        span.set_attribute(names.FINISH_REASONS, [completion.finish_reason])
        if self._with_texts:
            span.set_attribute(names.OUTPUT_MESSAGES, output_messages(completion))
        if seen.first_text_s is not None:
            self._first_text_s.record(seen.first_text_s, about)
        usage, settled_nusd = completion.usage, seen.settled_nusd
        if usage is None or settled_nusd is None:  # its whole hold counts, as uncertain
            span.set_attribute(names.SETTLED_USD, names.usd(seen.call.bound_nusd))
            return
        span.set_attributes(
            {
                names.INPUT_TOKENS: usage.input_tokens,
                names.OUTPUT_TOKENS: usage.output_tokens,
                names.CACHED_TOKENS: usage.cached_input_tokens,
                names.REASONING_TOKENS: usage.reasoning_tokens,
                names.COST_USD: names.usd(settled_nusd),
                names.SETTLED_USD: names.usd(settled_nusd),
            }
        )
        self._tokens.record(usage.input_tokens, {**about, names.TOKEN_TYPE: "input"})
        self._tokens.record(usage.output_tokens, {**about, names.TOKEN_TYPE: "output"})

    @contextlib.contextmanager
    def _span(self, name: str, told: Mapping[str, Any], **how: Any) -> Iterator[Span]:  # noqa: ANN401 - as the tracer's
        span = self._tracer.start_span(name, attributes=told, **how)
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except BaseException as error:
                _fail(span, error_type(error))
                raise


def _fail(span: Span, why: str) -> None:
    span.set_attribute(names.ERROR, why)
    span.set_status(Status(StatusCode.ERROR))


def error_type(error: BaseException) -> str:
    """Return the class of an error as telemetry names it: the reason of a model's, else the name of the error."""
    return error.reason.value if isinstance(error, ModelError) else type(error).__name__


def otlp_observer(*, with_texts: bool) -> OpenTelemetryObserver:
    """Return the observer that sends by OTLP over HTTP, to where OTEL_EXPORTER_OTLP_ENDPOINT says.

    Libraries that look for OpenTelemetry find it, so the tool servers are told which span called them.
    """
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    observer = OpenTelemetryObserver(BatchSpanProcessor(OTLPSpanExporter()), reader, with_texts=with_texts)
    observer.make_global()
    return observer
