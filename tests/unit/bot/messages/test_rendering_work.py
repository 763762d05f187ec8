"""The work of rendering grows with the text and no faster: counted in characters looked at, never in seconds."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messages import markdown_parser, pagination
from bot.messages.markdown import pieces
from bot.messages.markdown_parser import INLINE_MAX, parser
from bot.messages.mrkdwn import WORD_JOINER, literal
from bot.messages.pagination import Profile, paginate

LABELLED = re.compile(r"<(?=[a-z]+:[^>\s]*\|)")
"""What `literal` breaks, as one would write it if `<http://a` over and over did not make it quadratic."""


@given(st.text("<>|: ah\n", max_size=40))
def test_labelled_links_are_broken_where_the_plain_rule_finds_them(text: str) -> None:
    assert literal(text) == LABELLED.sub(f"<{WORD_JOINER}", text)


@pytest.mark.parametrize("profile", ["plain", "rich"])
@pytest.mark.parametrize("unit", ["Yes.\n\n", "- a\n", "# a\n", "---\n", "a ", "a"])
def test_each_character_is_measured_a_few_times(unit: str, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = 0
    real = pagination.size

    def counted(text: str) -> int:
        nonlocal measured
        measured += len(text)
        return real(text)

    monkeypatch.setattr(pagination, "size", counted)
    text = unit * (20_000 // len(unit))
    pages = paginate(text, profile)

    shown = sum(len(part.text) for page in pages for part in page)
    assert measured < 12 * shown


@pytest.mark.parametrize("unit", ["a", "<http://a", "\\(a ", "\u6f22", "![", "word ", "a. "])
def test_a_paragraph_is_parsed_in_stretches(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    markdown, parsed = parser(), []
    real = markdown.inline.parse

    def noted(src: str, *rest: Any) -> Any:
        parsed.append(src)
        return real(src, *rest)

    monkeypatch.setattr(markdown.inline, "parse", noted)
    text = (unit * INLINE_MAX).strip()
    markdown.parse(text)

    assert "".join(parsed) == text
    assert max(map(len, parsed)) <= INLINE_MAX


def test_a_stretch_ends_behind_a_word() -> None:
    words = "word " * 2_000
    assert {part[-1] for part in markdown_parser._stretches(words)} == {" "}


def test_no_word_of_a_long_paragraph_is_lost() -> None:
    words = [f"word{at}" for at in range(3_000)]
    [piece] = pieces(" ".join(words))
    assert piece.mrkdwn.split() == words


def test_attributes_behind_a_fence_are_read_one_way_only() -> None:
    """Two ways to read each of thirty would take until tomorrow."""
    [piece] = pieces("``` x " + "a=b" * 30 + " !\ncode\n```")
    assert piece.code == "x " + "a=b" * 30 + " !\ncode"
