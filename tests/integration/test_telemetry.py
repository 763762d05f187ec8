"""What a run looks like from outside: its spans at a real OTLP receiver, its figures on /metrics."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.manifest import EVENTS_PATH
from bot.telemetry.trace_ids import ids_of
from patterns.core.money import NUSD_PER_USD
from tests.fakes.otlp import OtlpReceiver, Span
from tests.fakes.provider import Call, Provider, Reply
from tests.fakes.slack_server import SlackServer
from tests.fakes.team import Team
from tests.support.running_bot import House, Opened
from tests.support.signed import hearing

DECIDE = "use decide: SQLite or PostgreSQL?"
TOKEN = "a token of the one who reads figures"


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OtlpReceiver]:
    async with OtlpReceiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        yield receiver


async def decided(slack: SlackServer, house: House) -> None:
    await slack.command(DECIDE)
    await slack.wait_for(lambda: any("Take SQLite now" in message["text"] for message in slack.messages()))
    await house.until_no_run_is_open()


def below(spans: list[Span], parent: Span) -> list[Span]:
    return [span for span in spans if span.parent == parent.id]


async def test_a_run_is_one_trace_of_steps_and_calls_whose_money_is_the_ledger_s(
    slack: SlackServer, opened: Opened, receiver: OtlpReceiver
) -> None:
    async with opened(more={"AGENTS_TELEMETRY": "on"}) as house:
        await decided(slack, house)
        spent_usd = house.spent_nusd() / NUSD_PER_USD
        run_id = str(house.ledger_text("SELECT id FROM run"))
    [run] = [span for span in receiver.spans if span.name == "invoke_workflow"]
    trace_id, span_id = ids_of(run_id)
    ids = (f"{trace_id:032x}", f"{span_id:016x}")
    assert (run.trace, run.id, run.parent) == (*ids, "")
    assert {span.trace for span in receiver.spans} == {run.trace}
    steps = below(receiver.spans, run)
    assert {span.name for span in steps} >= {"invoke_agent sceptic", "invoke_agent advocate"}
    calls = [call for step in steps for call in below(receiver.spans, step)]
    assert len(calls) == len(receiver.spans) - len(steps) - 1
    assert {call.name.split()[0] for call in calls} == {"chat"}
    assert sum(call.attributes["gen_ai.usage.cost"] for call in calls) == pytest.approx(spent_usd)
    assert all(
        call.attributes["agents_for_slack.held_usd"] >= call.attributes["agents_for_slack.settled_usd"]
        for call in calls
    )
    assert run.attributes["agents_for_slack.stop_reason"] == "completed"
    assert "SQLite" not in repr(receiver.spans)
    assert receiver.metrics >= {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.invoke_agent.duration",
    }


async def test_texts_are_sent_once_they_are_switched_on(
    slack: SlackServer, opened: Opened, receiver: OtlpReceiver
) -> None:
    async with opened(more={"AGENTS_TELEMETRY": "texts"}) as house:
        await decided(slack, house)
    calls = [span for span in receiver.spans if span.name.startswith("chat ")]
    assert all("SQLite or PostgreSQL?" in call.attributes["gen_ai.input.messages"] for call in calls)
    assert any("Take SQLite now" in call.attributes["gen_ai.output.messages"] for call in calls)


async def test_a_reader_shaped_like_langfuse_finds_what_it_looks_for(
    slack: SlackServer, opened: Opened, receiver: OtlpReceiver
) -> None:
    async with opened(more={"AGENTS_TELEMETRY": "on"}) as house:
        await decided(slack, house)
    read = [as_langfuse(span) for span in receiver.spans]
    [trace] = [one for one in read if one["type"] == "TRACE"]
    assert trace["userId"] == "U0DANA"
    assert re.fullmatch(r"\d+\.\d+", trace["sessionId"])
    generations = [one for one in read if one["type"] == "GENERATION"]
    assert generations
    for one in generations:
        assert one["model"].startswith("gpt-")
        assert one["usageDetails"]["input"] > 0
        assert one["costDetails"]["total"] > 0


def as_langfuse(span: Span) -> dict[str, Any]:
    """Map a span as Langfuse's OTLP endpoint documents it."""
    told = span.attributes
    if not span.parent:
        return {"type": "TRACE", "sessionId": told["session.id"], "userId": told["user.id"], "name": span.name}
    if "gen_ai.request.model" not in told:
        return {"type": "SPAN", "name": span.name}
    usage = {"input": told.get("gen_ai.usage.input_tokens"), "output": told.get("gen_ai.usage.output_tokens")}
    cost = {"total": told.get("gen_ai.usage.cost")}
    return {
        "type": "GENERATION",
        "model": told["gen_ai.request.model"],
        "usageDetails": usage,
        "costDetails": cost,
    }


class Refusing(Team):
    """Everybody is refused."""

    def __call__(self, _: Call) -> Reply:
        return Reply("", status=500)


class TestRefused:
    @pytest.fixture
    def team(self) -> Refusing:
        return Refusing()

    async def test_a_call_that_failed_is_a_failed_span_with_its_reason(
        self, slack: SlackServer, opened: Opened, receiver: OtlpReceiver
    ) -> None:
        async with opened(more={"AGENTS_TELEMETRY": "on"}) as house:
            await slack.command("use answer: SQLite or PostgreSQL?")
            await slack.wait_for(lambda: any("retry" in str(message).lower() for message in slack.messages()))
            await house.until_no_run_is_open()
        calls = [span for span in receiver.spans if span.name.startswith("chat ")]
        assert {(call.failed, call.attributes["error.type"]) for call in calls} == {(True, "server")}
        steps = [span for span in receiver.spans if span.name.startswith("invoke_agent ")]
        assert steps
        assert all(step.failed for step in steps)


async def test_a_receiver_that_is_away_delays_and_breaks_nothing(
    slack: SlackServer, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    async with opened(more={"AGENTS_TELEMETRY": "on"}) as house:
        await decided(slack, house)


# ---------------------------------------------------------------- Prometheus


async def page(slack: SlackServer, token: str = TOKEN) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = slack.request_url.replace(EVENTS_PATH, "/metrics")
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as reply:
        return reply.status, await reply.text()


def figures(text: str) -> dict[str, float]:
    families = text_string_to_metric_families(text)
    found = {}
    for sample in (sample for family in families for sample in family.samples):
        labels = ",".join(sample.labels[name] for name in sorted(sample.labels))
        found[f"{sample.name}[{labels}]" if labels else sample.name] = sample.value
    return found


async def test_the_figures_are_the_ledger_s_and_only_for_who_has_the_token(
    slack: SlackServer, provider: Provider, tmp_path: Path
) -> None:
    async with hearing(slack, provider, tmp_path, AGENTS_METRICS_TOKEN=TOKEN) as house:
        await decided(slack, house)
        assert [(await page(slack, token))[0] for token in ("", "another")] == [401, 401]
        status, text = await page(slack)
        spent_usd = house.spent_nusd() / NUSD_PER_USD
    assert status == 200
    told = figures(text)
    names = ("open_holds", "unsettled_holds", "untold_endings", "unhandled_payloads", "open_questions", "waiting_runs")
    assert {name: told[f"agents_{name}"] for name in names} == dict.fromkeys(names, 0.0)
    assert told["agents_run_executions_total[completed]"] == 1
    settled = [value for name, value in told.items() if re.fullmatch(r"agents_month_usd\[\d{4}-\d\d,settled\]", name)]
    assert settled == [pytest.approx(spent_usd)]
    by_model = [value for name, value in told.items() if name.startswith("agents_model_settled_usd_total")]
    assert sum(by_model) == pytest.approx(spent_usd)


async def test_without_a_token_there_is_no_such_page(slack: SlackServer, provider: Provider, tmp_path: Path) -> None:
    async with hearing(slack, provider, tmp_path):
        assert (await page(slack))[0] == 404


async def test_every_figure_is_documented_and_no_other(slack: SlackServer, provider: Provider, tmp_path: Path) -> None:
    async with hearing(slack, provider, tmp_path, AGENTS_METRICS_TOKEN=TOKEN):
        _, text = await page(slack)
    operations = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(agents_\w+)` \|", operations, re.MULTILINE))
    assert {family.name for family in text_string_to_metric_families(text)} == documented
