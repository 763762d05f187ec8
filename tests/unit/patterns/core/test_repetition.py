"""A model in a loop is recognised by what it says, however it is split; cells, rows and indents may repeat."""

import pytest

from patterns.core.repetition import Repetition, without_repetition

INTRO = "Here is the plan.\n\n"
SENTENCE = "The task: The team has to decide. "
PARAGRAPH = "This one is of a fair length and talks about the database. It has two sentences!\n\n"
LOOPS = [
    (INTRO, "The task: The team has\u2026\n"),
    (INTRO, f"{SENTENCE}\n\n"),
    ("Intro. ", SENTENCE),
    ("", "the team has to decide "),
    (INTRO, "First we look at the data.\nThen we look at the model.\n"),
    (INTRO, PARAGRAPH),
    ("", "\u4eca\u5929\u5929\u6c14\u5f88\u597d\u6211\u4eec\u53bb\u516c\u56ed\u5427\u3002"),
]
NO_LOOPS = {
    "rows of a table": "| a | b |\n|---|---|\n" + "| not decided yet | not decided yet |\n" * 150,
    "cells of one row": "| " + "We have not decided that | " * 150,
    "indents": "def f():\n" + "    pass\n" * 150,
    "blank indents": "    " * 150 + "x",
    "lines that differ": "".join(f"Server {n} is running normally today\n" for n in range(60)),
    "values": "yes," * 150,
    "numbers": "0 " * 500,
    "a ruler": "-" * 500,
    "cells of HTML": "<td>not yet decided today</td>\n" * 150,
    "tab separated": "not decided yet\tnot decided yet\tno\n" * 150,
    "lines of data": "```json\n" + '  "name": "the same value again",\n' * 15 + "```\n",
    "a refrain": "Row, row, row your boat,\nGently down the stream.\n" * 3,
    "a paragraph twice": PARAGRAPH * 2,
    "a short sentence in a line": "## Part\n\n" + "All of it matters. " * 200,
}


@pytest.mark.parametrize(("intro", "cycle"), LOOPS)
def test_a_loop_is_kept_once(intro: str, cycle: str) -> None:
    kept, is_loop = without_repetition(intro + cycle * 60)
    assert (kept.rstrip(), is_loop) == ((intro + cycle).rstrip(), True)


def test_numbers_before_the_lines_do_not_hide_a_loop() -> None:
    text = "".join(f"{n}. The team has to decide now\n" for n in range(1, 41))
    assert without_repetition(text) == ("1. The team has to decide now\n", True)


@pytest.mark.parametrize("name", NO_LOOPS)
def test_what_may_repeat_is_no_loop(name: str) -> None:
    assert without_repetition(NO_LOOPS[name]) == (NO_LOOPS[name], False)


@pytest.mark.parametrize("size", [1, 3, 7, 100, 10_000])
def test_any_split_finds_the_same_loop(size: int) -> None:
    text, stream = INTRO + SENTENCE * 40, Repetition()
    found = [stream.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert (found[-1], stream.kept) == (True, len(INTRO + SENTENCE))


def test_a_loop_is_found_long_before_its_end() -> None:
    text, stream = INTRO + SENTENCE * 1000, Repetition()
    heard = next(at for at, letter in enumerate(text) if stream.feed(letter))
    assert heard < len(INTRO) + 450
