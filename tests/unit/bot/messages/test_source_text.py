"""What an answer was made from: numbered, counted, and every call with what it took."""

from bot.messages.source_text import CALLS_SHOWN, SOURCES_SHOWN, calls, looked_up, numbered
from bot.messages.views import ToolCallLine
from patterns.core.tools import Source

WIKI = Source(title="The runbook", url="https://wiki.example/runbook")


def test_an_answer_says_how_much_was_looked_up_and_nothing_where_nothing_could_be() -> None:
    assert looked_up((WIKI,) * 4, had_tools=True) == "Looked up 4 sources"
    assert looked_up((WIKI,), had_tools=True) == "Looked up 1 source"
    assert looked_up((), had_tools=True) == "No sources looked up"
    assert looked_up((), had_tools=False) == ""


def test_sources_have_numbers_and_links_that_read_as_where_they_lead() -> None:
    plain = Source(title="https://orders.example/7", url="https://orders.example/7")
    lookup = Source(title="tickets.search_issues query: export")
    assert numbered((WIKI, plain, lookup)).splitlines() == [
        "1. The runbook · <https://wiki.example/runbook>",
        "2. <https://orders.example/7>",
        "3. tickets.search_issues query: export",
    ]


def test_a_title_cannot_act_or_hide_where_a_link_leads() -> None:
    shown = numbered((Source(title="<!channel> <https://evil.example|ours>", url="javascript:alert(1)"),))
    assert "<!channel>" not in shown
    assert "<https" not in shown
    assert "<javascript" not in shown


def test_a_long_list_says_how_many_more_there_are() -> None:
    many = tuple(Source(title=f"page {n}") for n in range(SOURCES_SHOWN + 3))
    assert numbered(many).splitlines()[-1] == "… and 3 more sources: see Details"


def test_a_call_says_who_made_it_with_what_and_what_it_took() -> None:
    line = ToolCallLine("clerk", "orders.cancel", "number: 7", 0.4, 2_310, 20_000_000, "Lee")
    assert calls((line,)) == "clerk: `orders.cancel` · number: 7 · 0.4 s · 2,310 bytes · $0.02 · approved by Lee"


def test_how_a_call_did_not_answer_is_said() -> None:
    said = [calls((ToolCallLine("clerk", "t", ended=ended),)) for ended in ("failed", "not made", "unknown")]
    assert [one.rpartition(" · ")[2] for one in said] == ["failed", "not made", "nobody knows whether it was done"]


def test_many_calls_are_counted() -> None:
    assert calls((ToolCallLine("clerk", "t"),) * (CALLS_SHOWN + 1)).splitlines()[-1] == "… and 1 more call"
