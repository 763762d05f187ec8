"""A mark is looked for only where one can begin, and none is missed for it."""

import pytest

from patterns.core import thinking_marks as marks

WHOLE = (
    "<think>",
    "< thinking>",
    "</reasoning>",
    "&lt;think&gt;",
    "&lt;/think&gt;",
    "[THINK]",
    "[/THINK]",
    "\u25c1think\u25b7",
    "\u25c1/think\u25b7",
    "<|begin_of_thought|>",
    "<unused94>",
    "<|channel>",
    "<channel|>",
    "</details>",
    "<think/>",
    "<|im_start|>",
    "</s>",
    "[INST]",
    "<<SYS>>",
    "<answer>",
    "```",
    "\n",
)


@pytest.mark.parametrize("mark", WHOLE)
def test_every_mark_is_found_behind_other_text(mark: str) -> None:
    found = marks.found(f"1 < 2 & [a] {mark} b", 0)
    assert found is not None
    assert found.group() == mark


@pytest.mark.parametrize("mark", WHOLE[:-1])
def test_every_beginning_of_a_mark_is_found_at_the_end_of_a_text(mark: str) -> None:
    for size in range(1, len(mark)):
        found = marks.unfinished(f"Some text. {mark[:size]}", 0)
        assert found is not None
        assert found.group() == mark[:size]
