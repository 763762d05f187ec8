"""The visible part of a model's text: no thinking, no template tokens, nothing invisible; and whether that is empty.

Every reader of a model's text (people, the next model, the journal) gets it from here. Pure; for whole texts and, in
pieces, for streams.
"""

import re

from patterns.core.invisible import InvisibleFilter
from patterns.core.soft_marks import SoftMarks
from patterns.core.thinking import ThinkingFilter

_THINKERS = re.compile(
    r"\br1\b|qwq|qwen-?3|qvq|thinking|reason(?:er|ing)|magistral|deepseek-v3\.[1-9]|glm-?(?:4\.[5-9]|[5-9])|exaone"
    r"|minimax-?m|hunyuan|seed-oss|nemotron|smollm-?3|cogito|gpt-oss|-think\b|openthinker|marco-o1|skywork-o1"
    r"|kimi-k2|ernie-4\.5|granite-?(?:3\.[2-9]|[4-9])",
    re.IGNORECASE,
)
"""Open models whose servers may leave thinking in the text, often with its opening tag in the prompt."""
_EMPTY_SCAFFOLD = re.compile(
    r"^[ \t>]*(?:`{3,}|~{3,})[\w.+-]*[ \t]*$"  # the lines of a fence, with its language
    r"|^[ \t>]*#{1,6}[ \t#]*$"
    r"|^[ \t>]*(?:[-*+]|\d{1,3}[.)])(?:[ \t]+\[[ xX]?\])?[ \t]*$"
    r"|<!--.*?-->|<br\s*/?>|&(?:nbsp|zwnj|zwj|ensp|emsp|thinsp|shy|#8203|#160|#x200b|#xa0);",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_EMPTY_MARKS = re.compile(r"[\s>#*_~`|:=+\u2800-]+")
_MAY_BE_EMPTY_CHARS = 10_000


def visible_text(text: str, *, keeps_soft: bool = True) -> str:
    """Return the part of a whole text that is an answer; empty when there is none.

    `keeps_soft` takes `<analysis>` for the answer where nothing follows it: not good enough for a verdict.
    """
    visible = VisibleText(keeps_soft=keeps_soft)
    visible.feed(text)
    visible.close()
    return visible.text


def is_blank(text: str) -> bool:
    """Return whether a reader sees nothing: not even a word between headings, fences and rules."""
    if text[:1].isalpha():  # nothing that is not seen begins with a letter
        return False
    if len(text) > _MAY_BE_EMPTY_CHARS:
        return not text.strip()
    return not _EMPTY_MARKS.sub("", _EMPTY_SCAFFOLD.sub("", text))


def thinks_aloud(model: str) -> bool:
    """Return whether a model of that name may begin its text with thinking that only a closing tag gives away."""
    return _THINKERS.search(model) is not None


class VisibleText:
    """A text in pieces. `hold_back` gives nothing out before thinking has ended, or the text."""

    def __init__(self, *, hold_back: bool = False, keeps_soft: bool = True) -> None:
        self._invisible = InvisibleFilter()
        self._thinking = ThinkingFilter(soft=SoftMarks(keeps_soft))
        self._hold_back = hold_back

    @property
    def withdrawals(self) -> int:
        """Return how often everything given out so far turned out to be thinking."""
        return self._thinking.withdrawals

    @property
    def text(self) -> str:
        """Return everything that is visible so far."""
        return self._thinking.text

    def feed(self, piece: str) -> str:
        """Return what can be shown now."""
        visible = self._thinking.feed(self._invisible.feed(piece))
        if not self._hold_back:
            return visible
        if not self._thinking.has_thought:
            return ""
        self._hold_back = False
        return self.text

    def close(self) -> str:
        """Return the rest."""
        rest = self._thinking.feed(self._invisible.close()) + self._thinking.close()
        return self.text if self._hold_back else rest
