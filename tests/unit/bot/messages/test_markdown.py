"""Markdown becomes what Slack shows: nothing lost, nothing live, long texts split between their parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.messages.markdown import pieces
from bot.messages.markdown_parser import parser
from bot.messages.mrkdwn import Mrkdwn, clip, cut_at, escape, link, mention, mrkdwn, size, unescape
from bot.messages.pagination import PAGE_BLOCKS, Profile, paginate, split
from tests.support.examples import examples


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("**bold** *it* ~~no~~ `x<y`", "*bold* _it_ ~no~ `x&lt;y`"),
        ("# Title **now**", "*Title now*"),
        ("- a\n- b", "• a\n• b"),
        ("- a\n  - b", "• a\n    • b"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("- [x] done\n- [ ] open", "☑ done\n☐ open"),
        ("> one\n> two", "> one\n> two"),
        ("[good](https://evil.example)", "good (<https://evil.example>)"),
        ("[https://good.example](https://evil.example)", "https://good.example (<https://evil.example>)"),
        ("https://a.example/?x=1&y=2.", "<https://a.example/?x=1&amp;y=2>."),
        ("![pixel](https://evil.example/?q=1)", "pixel (<https://evil.example/?q=1>)"),
        ("<!channel> <@U1> &lt;!here&gt;", "&lt;!channel&gt; &lt;@U1&gt; &lt;!here&gt;"),
        ("@here", "@\u2060here"),
        ("```py\nif a < b:\n    pass\n```", "```\nif a &lt; b:\n    pass\n```"),
        ("```SELECT * FROM t\nWHERE a\n```", "```\nSELECT * FROM t\nWHERE a\n```"),
        ("~~~~The answer is 42", "```\nThe answer is 42\n```"),
        ("```42\n```", "```\n42\n```"),
        ('```python title="a b.py"\nx\n```', "```\nx\n```"),
        ("```{.py}\nx\n```", "```\nx\n```"),
        ("```js:src/app.js\nx\n```", "```\nx\n```"),
        ("|a|b|\n|-|-|\n|1|22|", "```\na   b\n-   --\n1   22\n```"),
        ("<b>html</b>", "&lt;b&gt;html&lt;/b&gt;"),
    ],
)
def test_markdown_becomes_mrkdwn(markdown: str, expected: str) -> None:
    assert "\n".join(piece.mrkdwn for piece in pieces(markdown)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "3*4*5",
        "2**3**4",
        "snake_case_name",
        "__init__",
        "__version__ = 1",
        "call __init__() in __main__.py",
        "\\[ x^2 \\]",
        "\\( a_1 * b_2 * c \\)",
        "$$x_1 * y_2 * z$$",
        "$a_1*b_2*c$",
        "\\{a\\}",
        "C:\\new\\_dir\\*x",
        "\\\\server\\_share\\x",
        "[31mred[0m",
        "a_b*c_d*e",
        "(a)*(b)*(c)",
        "*.py and *.md",
        "5 * 3 * 2",
        "**bold**ness",
    ],
)
def test_what_is_no_mark_comes_out_as_it_went_in(text: str) -> None:
    (piece,) = pieces(text)
    assert (piece.mrkdwn, shown(piece.markdown)) == (text, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("hi\U000e0041\U000e0042\u200b\u2060!", "hi!"),
        ("\u8fd9\u662f**\u91cd\u70b9**\u5185\u5bb9", "\u8fd9\u662f*\u91cd\u70b9*\u5185\u5bb9"),
        ("**2*3*4** = 24", "*2*3*4* = 24"),
        ("__Note__ well", "*Note* well"),
        ("# C# 3*4*5 **now**", "*C# 3*4*5 now*"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
    ],
)
def test_marks_beside_text_stay_marks_and_nothing_invisible_is_left(text: str, expected: str) -> None:
    assert pieces(text)[0].mrkdwn == expected


def shown(markdown: str) -> str:
    """What a reader sees of one paragraph in any Markdown parser."""
    tokens = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").parseInline(markdown)[0].children or []
    return "".join(token.content for token in tokens)


@given(st.text("ab12 *_\\`~()[]{}$.!", max_size=60).map(lambda text: f"a{text.replace('](', '] (')}a"))
@examples(300)
def test_the_rich_spelling_shows_the_same_text_in_any_parser(text: str) -> None:
    (piece,) = pieces(text)
    tokens = parser().parseInline(text)[0].children or []
    expected = "".join(token.content for token in tokens)
    assert shown(piece.markdown).replace("\u2060", "") == expected


def test_code_stays_exact_in_the_rich_profile() -> None:
    code = '<!DOCTYPE html>\n<a href="x">&amp;</a>\n\tif a < b && c: pass'
    (page,) = paginate(f"```\n{code}\n```", "rich")
    assert page[0].block["elements"][0]["elements"][0]["text"] == code


def test_only_the_first_table_of_a_message_is_a_table() -> None:
    pages = paginate("|a|\n|-|\n|1|\n\ntext\n\n|b|\n|-|\n|2|\n", "rich")
    assert [[unit.block["type"] for unit in page] for page in pages] == [["table", "markdown"], ["table"]]


@pytest.mark.parametrize("profile", ["plain", "rich"])
def test_no_word_of_a_long_answer_is_lost(profile: Profile) -> None:
    words = [f"w{number}" for number in range(9_000)]
    text = "\n\n".join(" ".join(words[at : at + 90]) for at in range(0, len(words), 90))
    shown = " ".join(str(unit.block["text"]) for page in paginate(text, profile) for unit in page)
    seen = set(shown.replace("'", " ").replace("\\n", " ").split())
    assert [word for word in words if word not in seen] == []


@given(st.text(max_size=3_000), st.integers(20, 400))
@examples(100)
def test_splitting_loses_nothing_but_line_ends_and_keeps_the_limit(text: str, limit: int) -> None:
    parts = list(split(text, limit))
    assert "".join(parts).replace("\n", "") == text.replace("\n", "")
    assert all(size(part) <= limit for part in parts)


@given(st.text(max_size=2_000), st.sampled_from(["plain", "rich"]))
@examples(60)
def test_any_text_has_pages_within_the_block_limit(text: str, profile: Profile) -> None:
    assert all(len(page) <= PAGE_BLOCKS for page in paginate(text, profile))


@given(st.text("&<>;ab@here\n", max_size=300))
def test_escaping_is_reversible_and_dead(text: str) -> None:
    assert "<" not in escape(text)
    assert unescape(escape(text)).replace("\u2060", "") == text.replace("\u2060", "")


def test_a_cut_never_halves_an_entity_or_a_link() -> None:
    assert [cut_at("ab&amp;cd", limit) for limit in (3, 5, 7)] == [2, 2, 7]
    assert cut_at("ab<https://x.example>cd", 9) == 2
    assert clip("a" * 10, 5) == "aaaa…"


def test_values_in_our_sentences_are_escaped_once() -> None:
    inner = mrkdwn("<{x}>", x="a&b")
    assert mrkdwn("{a} {b}", a=inner, b="<!here>") == "<a&amp;b> &lt;!here&gt;"


def test_joining_by_hand_loses_the_type_and_is_escaped_again() -> None:
    assert escape(mention("U0DANA", "Dana") + "!") == "&lt;@U0DANA&gt;!"


def test_only_real_ids_mention_and_only_web_addresses_link() -> None:
    assert [mention("U0DANA", "Dana"), mention("U1> <!here", "D<")] == ["<@U0DANA>", "@D&lt;"]
    assert [link("https://a.example"), link("javascript:x"), link("https://a|b")] == [
        Mrkdwn("<https://a.example>"),
        "javascript:x",
        "https://a|b",
    ]
