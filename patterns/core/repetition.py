"""A model in a loop says the same lines, sentences or words over and over until its cap: seen early, it costs less.

What counts is a cycle that comes again exactly and says something: cells, rows, rulers and indents may repeat, and what
stands in code must repeat far more often. A list that is numbered on counts as repeated.
"""

import re
from collections import deque
from dataclasses import dataclass, field

CHARS_MIN = 400
"""So much text must be repetition before it is called that."""
TIMES_MIN = 5
TIMES_OF_LONG = ((1500, 3), (500, 4))
"""Cycles of at least so many characters are a loop after fewer times: no page is written thrice by accident."""
TIMES_OF_ANY = 1000
"""So often nothing with a letter in it comes in a row by intention."""
CODE_FACTOR = 4
LETTERS_MIN = 12
WORDS_MIN = 3
WORDS_IN_LINE_MIN = 5
"""What comes again within a line is more often meant than whole lines that do."""
_PERIOD_MAX = 64
"""The longest cycle that is looked for, in lines and sentences, and in words."""
_PART = re.compile(
    r"[^\n]{0,800}?(?:[.!?\u2026]{1,5}[)\"'\u201d*_]{0,3}[ \t]+|[\u3002\uff01\uff1f]|\n)"
    r"|[^\n]{400,800}[ \t]|[^\n]{800}"
)
"""A sentence or a line; what ends in neither is cut between words."""
_WORD = re.compile(r"\S+")
_SAYS = re.compile(r"[^\W_]")
_NUMBERING = re.compile(r"[ \t>]*(?:(?:[-*+\u2022]|\(?\d{1,4}[.):]|step \d{1,4}[.:]?|#{1,6})[ \t]+)+", re.IGNORECASE)
_NO_PROSE = re.compile(r"^[ \t>]*[|<{}\[\]]|\t[^\t\n]*\t|\|.*\|")
"""Rows of tables, markup and data."""
_LETTER = re.compile(r"[^\W\d_]")
_WORD_LETTERS = re.compile(r"[\u3040-\u9fff\uac00-\ud7af]|[^\W\d_]+")
_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class _Item:
    """A part of the text as it is compared, and where in the text it ends."""

    said: str
    end: int
    size: int
    is_prose: bool
    is_code: bool
    is_line: bool


@dataclass(slots=True)
class _Cycles:
    """How often the newest items have come round, for every length of cycle."""

    items: deque[_Item] = field(default_factory=lambda: deque(maxlen=_PERIOD_MAX + 1))
    count: int = 0
    places: dict[str, deque[int]] = field(default_factory=dict)
    runs: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By length of the cycle: how many items in a row came again, and where in the text the first cycle ended."""

    def take(self, item: _Item) -> int | None:
        """Return where the first cycle of a loop ends; None as long as there is no loop."""
        before = self.items[-1].end if self.items else 0
        self.items.append(item)
        places = self.places.setdefault(item.said, deque(maxlen=_PERIOD_MAX))
        while places and self.count - places[0] > _PERIOD_MAX:
            places.popleft()
        again = [self.count - place for place in places]
        sure = next((period for period, (times, _) in self.runs.items() if times > _PERIOD_MAX and period in again), 0)
        runs = {}
        for period in [sure] if sure else again:
            times, began = self.runs.get(period, (0, before))
            runs[period] = (times + 1, began)
        places.append(self.count)
        self.count += 1
        self.runs = runs
        cycles: list[int] = []
        for period in sorted(runs):
            times, began = runs[period]
            if any(period % shorter == 0 for shorter in cycles):
                continue  # twice a cycle comes again wherever the cycle does
            if times >= period:
                cycles.append(period)
            if times % period == 0 and self._is_loop(period, times // period + 1):
                return began
        return None

    def _is_loop(self, period: int, times: int) -> bool:
        if times < TIMES_OF_LONG[0][1]:
            return False
        cycle = [self.items[-at] for at in range(period, 0, -1)]
        size = sum(item.size for item in cycle)
        factor = CODE_FACTOR if any(item.is_code for item in cycle) else 1
        times_min = next((few for long, few in TIMES_OF_LONG if size >= long), TIMES_MIN)
        if times < times_min * factor or times * size < CHARS_MIN * factor or not all(item.is_prose for item in cycle):
            return False
        said = " ".join(item.said for item in cycle)
        if times >= TIMES_OF_ANY:
            return _LETTER.search(said) is not None
        words = _WORD_LETTERS.findall(said)
        words_min = WORDS_MIN if all(item.is_line for item in cycle) else WORDS_IN_LINE_MIN
        return len(_LETTER.findall(said)) >= LETTERS_MIN and len(words) >= words_min and len(set(words)) >= WORDS_MIN


@dataclass(slots=True)
class Repetition:
    """Looks for a loop in a text that comes in pieces. `kept` is how much of it to keep, once there is a loop."""

    kept: int | None = None
    _rest: str = ""
    _at: int = 0
    _fence: str = ""
    _is_prose: bool = True
    _is_new_line: bool = True
    _sentences: _Cycles = field(default_factory=_Cycles)
    _words: _Cycles = field(default_factory=_Cycles)

    def feed(self, piece: str) -> bool:
        """Return whether the text is in a loop by now."""
        self._rest += piece
        start = 0
        while self.kept is None:
            found = _PART.match(self._rest, start)
            if found is None:
                break
            self._take(found.group())
            start = found.end()
        self._rest = self._rest[start:]
        return self.kept is not None

    def close(self) -> bool:
        """Return the same at the end of the text."""
        if self.kept is None and self._rest:
            self._take(self._rest)
        return self.kept is not None

    def _take(self, part: str) -> None:
        if self._is_new_line:
            self._is_prose = _NO_PROSE.search(part) is None
            fence = _FENCE.match(part)
            if fence and (not self._fence or fence[1].startswith(self._fence)):
                self._fence = "" if self._fence else fence[1]
        numbering = _NUMBERING.match(part) if self._is_new_line else None
        body = part[numbering.end() :] if numbering else part
        at, self._at = self._at + len(part) - len(body), self._at + len(part)
        is_line = self._is_new_line and part.endswith("\n")
        self._is_new_line = part.endswith("\n")
        if not _SAYS.search(body):
            return
        is_code, words = bool(self._fence), list(_WORD.finditer(body))
        said = " ".join(word.group() for word in words)
        self.kept = self._sentences.take(_Item(said, self._at, len(part), self._is_prose, is_code, is_line))
        for word in words if self.kept is None else ():
            item = _Item(word.group(), at + word.end(), len(word.group()) + 1, self._is_prose, is_code, is_line=False)
            self.kept = self._words.take(item)
            if self.kept is not None:
                return


def without_repetition(text: str) -> tuple[str, bool]:
    """Return the text up to the end of a loop's first cycle, and whether there was a loop."""
    repetition = Repetition()
    is_loop = repetition.feed(text) or repetition.close()
    return (text[: repetition.kept], True) if is_loop else (text, False)
