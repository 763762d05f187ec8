"""Slack's search as it answers, and as it does not: one line for each find, and a sentence for each refusal."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.runs.workspace_search import NO_KEY
from bot.slack.errors import SlackError
from bot.threads.workspace_search import NO_SCOPE, TEXT_CHARS_MAX, WorkspaceSearch
from patterns.core.tools import ToolError
from storage.run_rows import RunRow

RUN = RunRow(
    id="r1",
    workspace="T1",
    channel="C1",
    channel_kind="channel",
    thread_ts="1.1",
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
URL = "https://team.slack.example/archives/C1/p1"


@dataclass
class Double:
    """Slack, its scopes and the keys of runs in one."""

    answer: Any = None
    key: str = "12.34.ab"
    granted: frozenset[str] | None = frozenset({"search:read.public", "search:read.files"})
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def of_run(self, _run_id: str) -> str:
        return self.key

    def of(self, _workspace: str) -> Any:
        return self

    async def call(self, method: str, **arguments: Any) -> Any:
        self.asked.append({"method": method, **arguments})
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class Scopes:
    double: Double

    async def of(self, _workspace: str) -> frozenset[str] | None:
        return self.double.granted


def search(double: Double) -> WorkspaceSearch:
    return WorkspaceSearch(double, double, Scopes(double))  # type: ignore[arg-type]


async def found(double: Double) -> list[tuple[str, str]]:
    return [(one.address, one.text) for one in await search(double).find(RUN, "launch", results_max=3)]


def message(**more: Any) -> dict[str, Any]:
    return {"permalink": URL, "content": "on Monday", "author_name": "Dana", "channel_name": "general", **more}


async def test_it_asks_for_what_everybody_can_open_with_the_key_of_the_message() -> None:
    double = Double({"results": {"messages": [message()], "files": []}})
    assert await found(double) == [(URL, "Dana in #general: on Monday")]
    assert double.asked == [
        {
            "method": "assistant.search.context",
            "query": "launch",
            "action_token": "12.34.ab",
            "channel_types": "public_channel",
            "content_types": "messages,files",
            "limit": 3,
        }
    ]


async def test_without_the_scope_for_files_it_asks_for_messages() -> None:
    double = Double({"results": {}}, granted=frozenset({"search:read.public"}))
    assert await found(double) == []
    assert double.asked[0]["content_types"] == "messages"


@pytest.mark.parametrize(
    "results",
    [
        None,
        [],
        {"messages": "many"},
        {"messages": ["x", None, 7]},
        {"messages": [message(permalink="javascript:alert(1)"), message(permalink=7), {"content": "x"}]},
    ],
)
async def test_what_is_no_find_is_left_out(results: Any) -> None:
    assert await found(Double({"results": results})) == []


async def test_a_find_is_one_short_line() -> None:
    double = Double({"results": {"messages": [message(content="a\n\n\u200bb " + "x" * 5_000)]}})
    ((_, text),) = await found(double)
    assert text.startswith("Dana in #general: a b x")
    assert (len(text), "\n" in text) == (TEXT_CHARS_MAX + 1, False)


@pytest.mark.parametrize(
    ("double", "words"),
    [
        (Double(key=""), NO_KEY),
        (Double(granted=frozenset()), NO_SCOPE),
        (Double(SlackError("missing_scope", code="missing_scope", method="x")), NO_SCOPE),
        (Double(SlackError("unreachable", code="connection", method="x")), "Slack could not be reached for a search."),
        (Double(SlackError("refused", code="invalid_action_token", method="x")), "Ask again in a new message."),
    ],
)
async def test_each_refusal_is_a_sentence_for_the_agent(double: Double, words: str) -> None:
    with pytest.raises(ToolError) as refused:
        await found(double)
    assert (words in str(refused.value), refused.value.was_sent) == (True, False)


async def test_it_is_known_beforehand_what_cannot_be_searched() -> None:
    assert await search(Double()).refusal(RUN) == ""
    assert await search(Double(granted=None)).refusal(RUN) == ""
    assert await search(Double(key="")).refusal(RUN) == NO_KEY
    assert await search(Double(granted=frozenset())).refusal(RUN) == NO_SCOPE
