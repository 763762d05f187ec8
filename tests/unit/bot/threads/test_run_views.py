"""What a run's details say of its steps and models."""

import json

from bot.messages.used_text import models
from bot.messages.views import ModelUse, ToolCallLine
from bot.runs.run_setup import ModelNames, Setup
from bot.threads.run_views import arguments_in_a_line, call_line, models_used, step_view
from patterns.core.step_record import CACHED_TOKENS, StepRecord
from patterns.tools.sources import tool_uses


def record(path: str, agent: str, model: str) -> StepRecord:
    return StepRecord(
        path=path, input_hash="", outcome="ok", agent=agent, model=model, input_tokens=10, output_tokens=5
    )


def test_two_aliases_of_one_model_are_one_line() -> None:
    money = [{"model": alias, "calls": 1, "cost_nusd": 7} for alias in ("fast", "strong", "gone")]
    steps = [record("a", "writer", "fast"), record("b", "critic", "strong")]
    kept = Setup({alias: {"id": "openai/gpt-5-mini"} for alias in ("fast", "strong")})
    assert models_used(money, steps, ModelNames((kept,))) == (
        ModelUse("openai/gpt-5-mini", 2, 20, 10, 14),
        ModelUse("gone", 1, 0, 0, 7),
    )


def test_tools_stand_beside_models_and_have_no_tokens() -> None:
    money = [{"model": alias, "calls": 2, "cost_nusd": 7} for alias in ("tool:shop.order", "fast")]
    steps = [record("a/turn/1", "writer", "fast"), record("a/turn/1/call/1", "writer", "tool:shop.order")]
    assert models_used(money, steps, ModelNames())[1] == ModelUse("shop.order", 2, 20 - 10, 10 - 5, 7, is_tool=True)


def test_what_a_provider_read_from_its_cache_is_told_beside_what_it_read() -> None:
    money = [{"model": "fast", "calls": 2, "cost_nusd": 7}]
    steps = [
        record("a", "writer", "fast"),
        record("b", "writer", "fast").model_copy(update={"data": {CACHED_TOKENS: 8}}),
    ]
    (used,) = models_used(money, steps, ModelNames())
    assert (used.input_tokens, used.cached_tokens) == (20, 8)
    assert "2 calls, 20 tokens in (8 from the cache), 10 out" in models([used])


def test_a_step_is_named_by_its_agent_and_not_by_its_path() -> None:
    assert step_view(record("route/router", "router", "fast")).label == "router"
    assert step_view(record("pipeline/2", "", "fast")).label == "2"


def test_a_call_of_a_tool_is_shown_with_what_it_took_and_without_secrets() -> None:
    arguments = '{"title": "Export fails", "labels": ["p1"], "api_token": "sk-0123456789abcdef"}'
    said = json.dumps({"say": "", "calls": [["c1", "tickets.create", arguments]]})
    turn = StepRecord(path="a/turn/1", input_hash="", outcome="ok", agent="clerk", text=said)
    data = {"tool": "tickets.create", "by": "U0LEE", "bytes": 2310, "read_only": False}
    made = {"path": "a/turn/1/call/1", "input_hash": "", "outcome": "ok", "agent": "clerk", "elapsed_ms": 400}
    (use,) = tool_uses([turn, StepRecord(**made, cost_nusd=5, data=data)])  # type: ignore[arg-type]
    shown = call_line(use, approved_by="Lee")
    words = 'title: Export fails, labels: ["p1"], api_token: ••••'
    assert shown == ToolCallLine("clerk", "tickets.create", words, 0.4, 2310, 5, "Lee")


def test_how_a_call_did_not_answer_is_known() -> None:
    cases = ({"bytes": 1, "is_error": True}, {}, {"uncertain_nusd": 5}, {"said": "unknown"}, {"said": "done"})
    uses = [
        tool_uses([StepRecord(path="a/turn/1/call/1", input_hash="", outcome="ok", data={"tool": "t", **data})])[0]
        for data in cases
    ]
    assert [call_line(use, approved_by="").ended for use in uses] == [
        "failed", "not made", "unknown", "unknown", "said done",
    ]  # fmt: skip


def test_arguments_that_are_none_are_shown_as_they_stand() -> None:
    assert [arguments_in_a_line(text) for text in ("", "not JSON", "[1]")] == ["", "not JSON", "[1]"]
