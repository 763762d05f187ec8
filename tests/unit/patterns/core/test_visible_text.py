"""Whether anybody would see anything in a text, and what of it."""

import pytest

from patterns.core.visible_text import VisibleText, is_blank, thinks_aloud, visible_text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "```\n```",
        "```json\n\n```",
        "~~~\n~~~",
        "#",
        "## \n\n###",
        "---",
        "- \n- ",
        "1.\n2.",
        "> ",
        "**",
        "|  |\n|--|",
        "<!-- nothing -->",
        "<br>",
        "&nbsp;",
        "- [ ] ",
        "⠀",
    ],
)
def test_nothing_can_be_seen(text: str) -> None:
    assert is_blank(text) is True


@pytest.mark.parametrize(
    "text", ["4", "# Paris", "- a", "\U0001f44d", "?", "```\nx\n```", "| a |\n|--|", "1. one", "`x`", "\u4eca"]
)
def test_something_can_be_seen(text: str) -> None:
    assert is_blank(text) is False


def test_invisible_characters_do_not_hide_a_tag() -> None:
    assert visible_text("\ufeff<th\u200bink>secret</think>Ada") == "Ada"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("hosted_vllm/Qwen/Qwen3-32B", True),
        ("openrouter/deepseek/deepseek-r1", True),
        ("ollama/magistral", True),
        ("openai/gpt-oss-120b", True),
        ("openai/gpt-4.1-mini", False),
        ("anthropic/claude-sonnet-4-5", False),
        ("gemini/gemini-2.5-flash", False),
    ],
)
def test_models_that_think_in_their_text_are_known_by_name(model: str, expected: bool) -> None:  # noqa: FBT001
    assert thinks_aloud(model) is expected


@pytest.mark.parametrize(
    ("pieces", "given"),
    [
        (["sec", "ret</think>", "Ada", " L."], ["", "", "Ada", " L.", ""]),
        (["<think>x", "</think>A", "da"], ["", "A", "da", ""]),
        (["no ", "thinking"], ["", "", "no thinking"]),
    ],
)
def test_a_text_held_back_comes_out_once_the_thinking_is_over(pieces: list[str], given: list[str]) -> None:
    stream = VisibleText(hold_back=True)
    assert [*[stream.feed(piece) for piece in pieces], stream.close()] == given


@pytest.mark.parametrize("text", ["<|`|>", "<think a`b>c", "<|c`annel|>analysis"])
def test_no_mark_has_a_backtick_in_it_in_pieces_and_whole(text: str) -> None:
    """Found by `make fuzz`."""
    parts = VisibleText()
    for letter in text:
        parts.feed(letter)
    parts.close()
    assert (parts.text, visible_text(text)) == (text, text)
