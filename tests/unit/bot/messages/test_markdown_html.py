"""Markdown on a page: a few tags, no attribute, no address to go to."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messages.markdown_html import blocks
from tests.support.stories import HOSTILE


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Hi\n\n**a** and `b<c`", "<h3>Hi</h3><p><strong>a</strong> and <code>b&lt;c</code></p>"),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("[Log in](https://evil.example) now", "<p>Log in (https://evil.example) now</p>"),
        ("![x](https://evil.example/p.png)", "<p>x (https://evil.example/p.png)</p>"),
        ("```py\nx<1\n```", "<pre>x&lt;1\n</pre>"),
        (
            "| a |\n|---|\n| 1 |",
            "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
        ),
        ('{"score": 8}', "<pre>{&#34;score&#34;: 8}</pre>"),
        ("[not JSON", "<p>[not JSON</p>"),
        ("<b onclick=x>b</b>", "<p>&lt;b onclick=x&gt;b&lt;/b&gt;</p>"),
    ],
)
def test_what_is_known_is_marked_and_the_rest_is_text(text: str, html: str) -> None:
    assert blocks(text) == html


@given(st.text(max_size=300) | st.sampled_from([HOSTILE, f"**{HOSTILE}**", f"[{HOSTILE}]({HOSTILE})"]))
def test_no_tag_has_an_attribute_whatever_is_written(text: str) -> None:
    assert all(re.fullmatch(r"</?[a-z1-6]+>", tag) for tag in re.findall(r"<[^>]*>?", blocks(text)))
