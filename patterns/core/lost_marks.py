"""Thinking whose marks were lost on the way: a text that begins `analysis…` and goes on `assistantfinal…`."""

from dataclasses import dataclass, field

from patterns.core import thinking_marks as marks


@dataclass
class LostMarks:
    """Whether one text begins with such thinking. Until that is settled, nothing of it may be read as an answer."""

    is_thinking: bool | None = None
    """None until enough of the text is there to tell."""
    has_ended: bool = False
    """Whether there was such thinking, and the answer has begun behind it."""
    _passed: list[str] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Return whether what `settle` gave back can be read."""
        return self.is_thinking is False

    def settle(self, text: str, *, is_last: bool) -> str:
        """Return the text that is still to be read, and decide about its beginning if that can be told by now."""
        if self.is_thinking is None:
            begin = text.lstrip()
            if not is_last and len(begin) < marks.LOSSY_MAX and begin.startswith("analysis"[: len(begin)]):
                return text
            self.is_thinking = marks.LOSSY.match(text) is not None
        if not self.is_thinking:
            return text
        _, mark, answer = text.partition(marks.LOSSY_FINAL)
        if mark:
            self.is_thinking, self.has_ended = False, True
            return answer
        if is_last:
            self.is_thinking = False
            return "".join([*self._passed, text])
        end = max(0, len(text) - len(marks.LOSSY_FINAL))
        self._passed.append(text[:end])
        return text[end:]
