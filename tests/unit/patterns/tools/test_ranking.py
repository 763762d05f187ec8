"""The ranking behind the search over tools."""

import pytest

from patterns.core.tools import ToolSchema
from patterns.tools.ranking import ranked


def tool(name: str, about: str = "", *arguments: str) -> ToolSchema:
    return ToolSchema(name, about, {"type": "object", "properties": {one: {} for one in arguments}})


TOOLS = [
    tool("tickets.create_issue", "Open a new issue in the tracker.", "title", "body"),
    tool("tickets.search_issues", "Find issues by words.", "query"),
    tool("tickets.closeIssue", "Mark an issue as done.", "number"),
    tool("mail.send_message", "Send an e-mail to people.", "to", "subject"),
    tool("files.read", "Read a file of a repository.", "path"),
    tool("orders.refund", "Pay an order back to the customer.", "order_id", "reason"),
]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("create an issue", "tickets.create_issue"),
        ("close issues", "tickets.closeIssue"),
        ("search for an issue", "tickets.search_issues"),
        ("send e-mail", "mail.send_message"),
        ("pay the customer back", "orders.refund"),
        ("ORDER ID", "orders.refund"),
        ("repositories' files", "files.read"),
    ],
)
def test_the_best_tool_for_some_words_comes_first(query: str, best: str) -> None:
    assert ranked(query, TOOLS)[0].name == best


@pytest.mark.parametrize("query", ["", "???", "weather forecast"])
def test_what_no_tool_mentions_finds_nothing(query: str) -> None:
    assert ranked(query, TOOLS) == []
    assert ranked(query, []) == []


def test_equal_tools_come_in_the_order_of_their_names() -> None:
    same = [tool(f"a.{letter}_thing", "x") for letter in "cab"]
    assert [one.name for one in ranked("thing", same)] == ["a.a_thing", "a.b_thing", "a.c_thing"]


def test_a_schema_that_is_none_is_no_error() -> None:
    odd = ToolSchema("a.odd", "Odd one.", {"properties": ["not", "a", "mapping"]})
    assert ranked("odd", [odd]) == [odd]
