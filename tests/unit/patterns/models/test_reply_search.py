"""How many searches a reply is billed for, whatever its provider tells."""

import pytest

from patterns.models.parts import SearchPiece
from patterns.models.reply_search import ReplySearch, Searching, Unit


@pytest.mark.parametrize(
    ("told", "billed"),
    [(2, 2), ("2", 2), (7, 7), (0, 0), (1_000, 1_000), (1_001, 5), (10**9, 5), (10**400, 5), (-1, 5), ("many", 5)],
)
def test_a_number_that_none_can_be_counts_as_all_that_were_allowed(told: object, billed: int) -> None:
    search = ReplySearch(Searching(5, "told"))
    search.take(SearchPiece())
    assert search.billed({"server_tool_use": {"web_search_requests": told}}) == billed


@pytest.mark.parametrize("unit", ["items", "queries"])
def test_a_list_that_none_can_be_counts_as_all_that_were_allowed(unit: Unit) -> None:
    search = ReplySearch(Searching(5, unit))
    search.take(SearchPiece(made=5_000, listed=["tea"] * 5_000))
    assert search.billed({}) == 5
