"""What a provider says it read on the web: addresses of the web alone, each once, called by one short line."""

import pytest

from patterns.core.tools import Source
from patterns.core.web_search import SOURCES_MAX, WebFindings, is_web_address, queries, web_sources

GOOD = [
    "https://en.wikipedia.org/wiki/Claude_Shannon",
    "http://a.example:8080/x?y=1&z=(2)#t",
    "HTTPS://EXAMPLE.COM",
    "https://münchen.example/straße",
]
BAD = [
    "",
    "javascript:alert(1)",
    "data:text/html,hi",
    "ftp://a.example",
    "mailto:a@b.example",
    "https://",
    "https:///path",
    "https://user:secret@a.example/",
    "https://a.example/ b",
    "https://a.example/\n",
    "https://a.example/|<x>",
    "https://a.example/\u202e",
    "https://a.example:99999/",
    "https://a.example:0/",
    "https://[bad/",
    "x https://a.example",
    "https://a.example/" + "x" * 2000,
]


@pytest.mark.parametrize("url", GOOD)
def test_an_address_of_the_web_is_one(url: str) -> None:
    assert is_web_address(url)


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_address_of_the_web_is_no_source(url: str) -> None:
    assert not is_web_address(url)
    assert web_sources([(url, "A title")]) == ()


def test_each_address_is_one_source_and_its_title_one_line() -> None:
    found = web_sources(
        [
            ("https://a.example", " A\n\u200btitle "),
            ("https://a.example", "Other"),
            (7, "x"),
            ("https://b.example", None),
        ]
    )
    assert found == (
        Source(title="A title", url="https://a.example"),
        Source(title="https://b.example", url="https://b.example"),
    )


def test_sources_and_queries_are_bounded() -> None:
    many = [(f"https://a.example/{n}", "x" * 900) for n in range(500)]
    assert len(web_sources(many)) == SOURCES_MAX
    assert len(web_sources(many)[0].title) <= 201
    assert len(queries([str(n) for n in range(500)])) == SOURCES_MAX
    assert queries(["a", "a", "", None, "b\n c"]) == ("a", "b c")


def test_what_is_cited_comes_before_what_was_read() -> None:
    cited, read = (Source(title="a", url="https://a.example"),), (Source(title="b", url="https://b.example"),)
    assert WebFindings(cited=cited, read=read).sources == cited
    assert WebFindings(read=read).sources == read
