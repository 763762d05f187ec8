"""The work of reading a reply grows with its bytes and no faster: counted in bytes and characters, never in seconds."""

import pytest

from patterns.models import bodies, reply_text
from patterns.models.bodies import Body
from patterns.models.replies import Reading
from patterns.models.reply_text import ReplyText
from patterns.models.shapes import SHAPES


class _CountedMark(bytes):
    """A byte order mark that counts the bytes it was compared with."""

    compared = 0

    def startswith(self, other: bytes, *_: object) -> bool:  # type: ignore[override]
        type(self).compared += len(other) + 1
        return super().startswith(other)


class _CountedText(str):
    """A text that counts the characters that are copied out of it."""

    __slots__ = ()

    copied = 0

    def _counted(self, found: str) -> str:
        _CountedText.copied += len(found)
        return _CountedText(found)

    def __getitem__(self, place: object) -> str:
        return self._counted(super().__getitem__(place))  # type: ignore[index]

    def removeprefix(self, prefix: str, /) -> str:
        return self._counted(super().removeprefix(prefix))

    def lstrip(self, chars: str | None = None, /) -> str:
        return self._counted(super().lstrip(chars))


def test_white_space_before_a_reply_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = _CountedMark(bodies.BOM)
    monkeypatch.setattr(bodies, "BOM", mark)
    body = Body(Reading(SHAPES["openai"]))
    for _ in range(10_000):
        body.feed(b" \n")
    assert mark.compared < 100


def test_many_values_are_not_copied_for_each() -> None:
    text = _CountedText("{} " * 2_000)
    _CountedText.copied = 0
    Body(Reading(SHAPES["openai"]))._take_value(text)
    assert _CountedText.copied < 4 * len(text)


def test_a_short_snapshot_does_not_read_the_long_text_again(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = 0
    real = ReplyText.finish

    def counted(self: ReplyText) -> str:
        nonlocal joined
        joined += 1
        return real(self)

    monkeypatch.setattr(reply_text.ReplyText, "finish", counted)
    text = ReplyText()
    text.add("A long beginning, ")
    for _ in range(50):
        text.complete_to("A short")
    text.complete_to("A long beginning, and an end.")
    text.add("another piece", is_last=True)
    assert joined == 1
    assert text.finish() == "A long beginning, and an end.another piece"
