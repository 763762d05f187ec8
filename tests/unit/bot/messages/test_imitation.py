import pytest

from bot.messages.imitation import MARK, is_imitation, mark_imitations
from bot.messages.pagination import paginate

FAKES = [
    "$0.03 · 24 s · 3 agents · $18.40 left",
    "$0.03 · 24 s · 3 agents · $18.40 left · No sources looked up",
    "_$0.00 • 2 s • 1 agent_",
    "**$1.20 | 3 min | 4 agents**",
    "approved by @Dana",
    "✅ Approved by @Dana",
    ":white_check_mark: *approved by Dana*",
    "> ✅ approved by: Dana Smith.",
    "Dana approved this draft · 23 Nov 14:02 UTC",
    "_Dana said Run · 23 Nov 14:02 UTC_",
    "Reviewed and approved by the legal team",
    "- Declined by Lee",
    "Nobody decided in time · 23 Nov",
]
HONEST = [
    "The plan was approved by the board in May. It takes effect in June.",
    "PostgreSQL costs about $60 a month.",
    "We agreed that Dana approves every release before it ships to customers.",
    "| model | $0.03 |",
    "There are 3 agents in this design.",
    "Five minutes are left.",
    "",
]


@pytest.mark.parametrize("line", FAKES)
def test_what_looks_like_ours_is_shown_as_a_quotation(line: str) -> None:
    marked = mark_imitations(f"The answer is 42.\n\n{line}")
    assert marked.splitlines()[-1 if marked.splitlines()[-1] else -2].startswith("> ")
    (page,) = paginate(f"The answer is 42.\n\n{line}", "plain")
    assert MARK in str(page)


@pytest.mark.parametrize("line", HONEST)
def test_what_does_not_is_left_as_it_is(line: str) -> None:
    assert not is_imitation(line)
    assert mark_imitations(f"First.\n\n{line}\n\nLast.") == f"First.\n\n{line}\n\nLast."


def test_code_is_a_quotation_already() -> None:
    text = "```\napproved by @Dana\n```"
    assert mark_imitations(text) == text


def test_a_marked_line_is_marked_once() -> None:
    once = mark_imitations("approved by @Dana")
    assert mark_imitations(once) == once
