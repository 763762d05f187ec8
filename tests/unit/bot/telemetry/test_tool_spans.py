"""A call of a tool is a span, with arguments and result only where texts are on, and a figure for Prometheus."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bot.telemetry.opentelemetry import OpenTelemetryObserver
from bot.telemetry.operations import Observers
from bot.telemetry.prometheus import PrometheusMetrics
from bot.telemetry.watched import toolbox_over
from patterns.core.forms import NOBODY_TO_ASK
from patterns.core.tools import ToolError, ToolOutput, ToolSchema

ARGUMENTS = {"query": "the words of somebody"}


class Shelf:
    """A tool server: answers, refuses, or cannot be reached."""

    def __init__(self) -> None:
        self.spans: list[int] = []

    async def schemas(self, names: Sequence[str]) -> tuple[ToolSchema, ...]:
        return tuple(ToolSchema(name, "", {}) for name in names)

    async def call(self, tool: str, _: Mapping[str, Any], **terms: Any) -> ToolOutput:
        self.spans.append(trace.get_current_span().get_span_context().span_id)
        assert terms == {"key": "r1/k", "timeout_s": 2.0, "asker": "U1", "answers": NOBODY_TO_ASK}
        if tool == "shelf.gone":
            raise ToolError("The server is away.", was_sent=False)
        return ToolOutput("what it read", is_error=tool == "shelf.refuse")


async def called(*tools: str, with_texts: bool = False) -> tuple[list[Any], Shelf, PrometheusMetrics]:
    spans, shelf, metrics = InMemorySpanExporter(), Shelf(), PrometheusMetrics()
    observer = OpenTelemetryObserver(SimpleSpanProcessor(spans), InMemoryMetricReader(), with_texts=with_texts)
    box = toolbox_over(shelf, Observers([observer, metrics]))
    for tool in tools:
        try:
            await box.call(tool, ARGUMENTS, key="r1/k", timeout_s=2.0, asker="U1")
        except ToolError:
            assert tool == "shelf.gone"
    return list(spans.get_finished_spans()), shelf, metrics


async def test_a_call_is_a_span_that_its_server_is_below() -> None:
    [span], shelf, _ = await called("shelf.find")
    told = dict(span.attributes)
    assert span.name == "execute_tool shelf.find"
    assert (told["gen_ai.operation.name"], told["gen_ai.tool.name"]) == ("execute_tool", "shelf.find")
    assert told["gen_ai.tool.call.id"] == "r1/k"
    assert "words" not in repr(told)
    assert "what it read" not in repr(told)
    assert shelf.spans == [span.context.span_id]


async def test_arguments_and_result_go_along_where_texts_are_switched_on() -> None:
    [span], _, _ = await called("shelf.find", with_texts=True)
    assert span.attributes["gen_ai.tool.call.arguments"] == '{"query": "the words of somebody"}'
    assert span.attributes["gen_ai.tool.call.result"] == "what it read"


@pytest.mark.parametrize(("tool", "kind"), [("shelf.refuse", "tool_error"), ("shelf.gone", "ToolError")])
async def test_a_call_that_failed_is_a_failed_span(tool: str, kind: str) -> None:
    [span], _, _ = await called(tool)
    assert (span.status.is_ok, span.attributes["error.type"]) == (False, kind)


async def test_calls_are_counted_by_tool_and_by_what_came_of_them() -> None:
    _, _, metrics = await called("shelf.find", "shelf.find", "shelf.refuse", "shelf.gone")
    counted = {
        (labels["tool"], labels["outcome"]): value
        for family in metrics.registry.collect()
        for name, labels, value, *_ in family.samples
        if name == "agents_tool_calls_total"
    }
    assert counted == {("shelf.find", "ok"): 2, ("shelf.refuse", "error"): 1, ("shelf.gone", "interrupted"): 1}


async def test_schemas_are_those_of_the_servers_and_nobody_watching_changes_nothing() -> None:
    shelf = Shelf()
    assert toolbox_over(shelf, Observers()) is shelf
    watched = toolbox_over(shelf, Observers([PrometheusMetrics()]))
    assert await watched.schemas(["shelf.find"]) == (ToolSchema("shelf.find", "", {}),)
