"""A thread printed as text, as its reader in Slack sees it."""

import pytest

from bot.demo.once import thread_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<@U0ADA> asked", "@Ada asked"),
        ("<@U0DANA|dana> looks after <#C0TRYIT>", "@dana looks after #try-it"),
        ("in <#C0TRYIT|try-it>", "in #try-it"),
        ("<@U0AGENTS>", "@agents"),
        ("<https://example.com|the page>", "the page (https://example.com)"),
        ("<https://example.com>", "https://example.com"),
        ("<!date^1^{date}|29 November>", "29 November"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("<@U0STRANGER>", "@U0STRANGER"),
    ],
)
def test_people_and_channels_have_their_names(text: str, shown: str) -> None:
    assert thread_text([{"ts": "1", "text": text}]) == f"{shown}\n"


def test_replies_are_indented() -> None:
    messages = [{"ts": "1", "text": "asked"}, {"ts": "2", "thread_ts": "1", "text": "one\n\ntwo"}]
    assert thread_text(messages) == "asked\n  one\n\n  two\n"
