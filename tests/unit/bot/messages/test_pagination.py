"""What of a growing text may be shown already: whole pieces, safe, and never taken back."""

import pytest

from bot.messages.pagination import finished_markdown

TEXT = """# Head

A paragraph with <!channel> and [a name](https://evil.example).

- one
- two
  still two

```python
print("one")

print("two")
```

| a | b |
|---|---|
| 1 | 2 |

The end.
"""


def test_the_last_piece_waits_until_another_begins() -> None:
    assert finished_markdown("One.") == ""
    assert finished_markdown("One.\n\nTw") == "One."


def test_half_a_code_block_is_not_shown() -> None:
    assert "print" not in finished_markdown(TEXT[: TEXT.index('print("two")')])


def test_what_was_shown_stays_as_the_text_grows() -> None:
    shown = ""
    for end in range(len(TEXT)):
        grown = finished_markdown(TEXT[:end])
        if grown.startswith(shown):
            shown = grown
    assert finished_markdown(TEXT) == shown
    assert shown.endswith("```")


@pytest.mark.parametrize("live", ["<!channel>", "](https://evil.example)"])
def test_nothing_in_it_is_live(live: str) -> None:
    assert live not in finished_markdown(TEXT)
