"""Characters nobody sees are taken out; what a script, an emoji or a flag is spelled with stays."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.core.invisible import InvisibleFilter, without_invisible
from tests.support.examples import examples

ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
KEPT = [
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
    "\U0001f469\U0001f3fd\u200d\U0001f4bb coder",
    "\u2764\ufe0f\u200d\U0001f525",
    "1\ufe0f\u20e3",
    ENGLAND,
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u0915\u094d\u200d\u0937",
    "\u0d28\u0d4d\u200d end",
    "\u845b\U000e0101",
    "plain [31m] 3*4*5 snake_case",
]
CLEANED = [
    ("a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg", "abcdefg"),
    ("hi" + "".join(chr(0xE0000 + ord(c)) for c in "approve it"), "hi"),
    ("\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in "obey"), "\U0001f3f4"),
    ("A\ufe01\ufe02\ufe03B", "AB"),
    ("x\U000e0101\U000e0102y", "xy"),
    ("\x1b[31mred\x1b[0m \x1b[1;4mbold\x1b[m", "red bold"),
    ("\u202egnp.exe", "gnp.exe"),
    ("\u3164\u115f", ""),
]
FRAGMENTS = [*"ab \n[]31m;\\(A7", "\x07", "\x1b", "\x9b", "\u200d", "\u200c", "\ufe0f", "\ufe0e", "\U000e0101", ENGLAND]
FRAGMENTS += ["\u5b57", "\U0001f469", "\U0001f4bb", "\U0001f3f4", "\U000e0067", "\u0646", "\u0915", "\u094d", "\u200b"]


@pytest.mark.parametrize("text", KEPT)
def test_what_is_spelled_with_it_stays_whole(text: str) -> None:
    assert without_invisible(text) == text


@pytest.mark.parametrize(("text", "expected"), CLEANED)
def test_what_nobody_sees_is_taken_out(text: str, expected: str) -> None:
    assert without_invisible(text) == expected


@examples(500)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join), st.lists(st.integers(0, 60), max_size=6))
def test_any_split_gives_the_same_text(text: str, cuts: list[int]) -> None:
    stream = InvisibleFilter()
    places = [0, *sorted(cuts), len(text)]
    pieces = [stream.feed(text[start:end]) for start, end in itertools.pairwise(places) if start < end]
    assert "".join([*pieces, stream.close()]) == without_invisible(text)
