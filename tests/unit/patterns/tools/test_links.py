"""Links of an answer: those it was really given stay, all others become text with a mark."""

import pytest

from patterns.tools.links import links_in, mark_strange_links, strange_links

KNOWN = ['{"url": "https:\\/\\/shop.example\\/tea?a=1&amp;b=2"}', "See <https://docs.example/x|the docs> (2026)."]


@pytest.mark.parametrize(
    "link",
    [
        "https://shop.example/tea?a=1&b=2",
        "https://docs.example/x",
        "HTTPS://Docs.Example/x",
        "[the docs](https://docs.example/x)",
        "(https://docs.example/x).",
    ],
)
def test_what_stands_in_a_source_stays_a_link(link: str) -> None:
    assert mark_strange_links(f"Look: {link}", KNOWN) == f"Look: {link}"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("https://evil.example/x", "`evil.example/x` (not from a source)"),
        ("https://docs.example/x?leak=secret", "`docs.example/x?leak=secret` (not from a source)"),
        ("https://docs.example/x/y", "`docs.example/x/y` (not from a source)"),
        ("https://docs.example", "`docs.example` (not from a source)"),
        ("[click](https://evil.example/a)", "click (`evil.example/a`, not from a source)"),
        ('[click](<https://evil.example/a> "title")', "click (`evil.example/a`, not from a source)"),
        ("![](https://evil.example/a.png)", "`evil.example/a.png` (not from a source)"),
        ("[https://docs.example/x](https://evil.example)", "`evil.example` (not from a source)"),
        ("mailto:me@evil.example", "`me@evil.example` (not from a source)"),
    ],
)
def test_what_stands_nowhere_is_text_with_a_mark(said: str, shown: str) -> None:
    assert mark_strange_links(f"Look: {said}, now.", KNOWN) == f"Look: {shown}, now."


def test_a_mark_leaves_nothing_that_is_a_link() -> None:
    text = "a https://evil.example/1, [b](https://evil.example/2) and <https://evil.example/3>"
    assert links_in(mark_strange_links(text, KNOWN)) == ()


def test_links_keep_brackets_that_are_theirs() -> None:
    assert links_in("(see https://en.example/wiki/Tea_(plant))") == ("https://en.example/wiki/Tea_(plant)",)


def test_every_strange_link_is_told_once() -> None:
    text = "https://a.example https://a.example https://docs.example/x"
    assert strange_links(text, KNOWN) == ("https://a.example",)
