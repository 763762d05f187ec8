"""The text of one reply while it comes in: the one place where what people will read is put together.

Streamed pieces and whole replies take the same way: `add` or `complete_to` for what came, `finish` for what came of it.
"""

import re

from patterns.core.ports import OnText

_REPEATS_MAX = 100
_REPEAT_CHARS_MIN = 3
_MAY_REPEAT = re.compile(r"[|,;<>\t\n]|^[\W_]*$")
"""A chunk of words that comes over and over is a provider in a loop; cells, rulers and indents are none."""
_ECHO_CHARS_MIN = 8
"""A last piece that says everything again is a snapshot of it, unless it is this short: `ha` and `ha` are a laugh."""


class LoopError(Exception):
    """The provider sends the same piece over and over."""


class ReplyText:
    """Collects pieces in order; `on_text` hears each as soon as it may be shown."""

    def __init__(self, on_text: OnText | None = None) -> None:
        self._on_text = on_text
        self._pieces: list[str] = []
        self._chars = 0
        self._repeats = 0

    def __bool__(self) -> bool:
        return bool(self._chars)

    def add(self, piece: str, *, is_last: bool = False) -> None:
        """Take the next piece. The last one, which comes with the finish reason, may be the whole text once more.

        Raises:
            LoopError: the provider is in a loop.
        """
        may_be_echo = is_last and len(piece) == self._chars and len(piece) >= _ECHO_CHARS_MIN
        if not piece or (may_be_echo and piece == self.finish()):
            return
        is_words = len(piece) >= _REPEAT_CHARS_MIN and _MAY_REPEAT.search(piece) is None
        again = is_words and self._pieces[-1:] == [piece]
        self._repeats = self._repeats + 1 if again else 0
        if self._repeats > _REPEATS_MAX:
            raise LoopError
        self._pieces.append(piece)
        self._chars += len(piece)
        if self._on_text is not None:
            self._on_text(piece)

    def complete_to(self, whole: str) -> None:
        """Take the whole text as it stands now: what is new of it is the next piece; another text is none."""
        # Short values after a long text would make joining it each time quadratic.
        if len(whole) > self._chars and whole.startswith(self.finish()):
            self.add(whole[self._chars :])

    def finish(self) -> str:
        """Return the text of the finished reply."""
        return "".join(self._pieces)
