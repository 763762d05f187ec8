"""A model in a loop says the same lines, sentences or words over and over until its cap: seen early, it costs less.

What counts is a cycle that comes again exactly and says something in prose. What may have been asked for as it stands
(`data_lines`, and code) is a loop only where nobody can have meant it. A list that is numbered on counts as repeated.
"""

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from patterns.core.data_lines import is_data

CHARS_MIN = 400
"""So much text must be repetition before it is called that."""
TIMES_MIN = 5
TIMES_OF_LONG = ((1500, 3), (500, 4))
"""Cycles of at least so many characters are a loop after fewer times: no page is written thrice by accident."""
TIMES_OF_ANY = 1000
"""So often nothing with a letter in it comes in a row by intention."""
LETTERS_MIN = 8
WORDS_MIN = 3
WORDS_IN_LINE_MIN = 5
"""What comes again within a line, and is no sentence, is more often meant than whole lines that do."""
_PERIOD_MAX = 64
"""The longest cycle that is looked for, in lines and sentences, and in words."""
_PART = re.compile(
    r"[^\n]{0,800}?(?:[.!?\u2026]{1,5}[)\"'\u201d*_]{0,3}[ \t]+|[\u3002\uff01\uff1f]|\n)"
    r"|[^\n]{400,800}[ \t]|[^\n]{800}"
)
"""A sentence or a line; what ends in neither is cut between words."""
_UNSPACED = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
"""Letters of scripts that put no spaces between words, or of which each says as much as a syllable."""
_WORD = re.compile(r"\S+")
_SENTENCE_MAX = 150
"""Where no sentence ends for longer, a cycle is looked for inside of what has no spaces."""
_TAIL_MAX = 800
_HEAD_MAX = 200
"""No number and no mark before a line is longer."""
_CYCLE_CHARS = range(4, CHARS_MIN // 4 + 1)
_SAYS = re.compile(r"[^\W_]")
_NUMBERING = re.compile(r"[ \t>]*(?:(?:[-*+\u2022]|\(?\d{1,4}[.):]|step \d{1,4}[.:]?|#{1,6})[ \t]+)+", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_WORD_LETTERS = re.compile(rf"{_UNSPACED}|(?:(?!{_UNSPACED})[^\W\d_])+")
_IS_UNSPACED = re.compile(_UNSPACED)
_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f]\W*$")
_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})")
_LETTERED = re.compile(r"(?<!\S)(?!>*step\s)[^\sa-z]*[a-z]\S*")
"""Words in small letters, but for those that a line may be numbered with."""
_LETTERED_MAX = 60


class _Item(NamedTuple):
    """A part of the text as it is compared, and where in the text it ends."""

    said: str
    end: int
    size: int
    is_prose: bool
    is_whole: bool
    """Whether it is a line or a sentence, and no word of one."""


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
        places = self.places.get(item.said)
        if places is None:  # most of a text is new
            self.places[item.said] = deque([self.count], maxlen=_PERIOD_MAX)
            self.count += 1
            self.runs = {}
            return None
        while places and self.count - places[0] > _PERIOD_MAX:
            places.popleft()
        again = [self.count - place for place in places]
        sure = 0
        for period, (times, _) in self.runs.items():
            if times > _PERIOD_MAX and period in again:
                sure = period
                break
        runs = {}
        for period in [sure] if sure else again:
            times, began = self.runs.get(period, (0, before))
            runs[period] = (times + 1, began)
        places.append(self.count)
        self.count += 1
        self.runs = runs
        cycles: list[int] = []
        for period in sorted(period for period, (times, _) in runs.items() if times >= period):
            if cycles and any(period % shorter == 0 for shorter in cycles):
                continue  # twice a cycle comes again wherever the cycle does
            cycles.append(period)
            times, began = runs[period]
            if times % period == 0 and self._is_loop(period, times // period + 1):
                return began
        return None

    def _is_loop(self, period: int, times: int) -> bool:
        if times < TIMES_OF_LONG[0][1]:
            return False
        cycle = [self.items[-at] for at in range(period, 0, -1)]
        size = sum(item.size for item in cycle)
        said = " ".join(item.said for item in cycle)
        is_whole = all(item.is_whole for item in cycle)
        if times >= TIMES_OF_ANY and times * size >= CHARS_MIN:
            return _LETTER.search(said) is not None
        times_min = next((few for long, few in TIMES_OF_LONG if size >= long), TIMES_MIN)
        prose = sum(item.size for item in cycle if item.is_prose)
        if times < times_min or times * size < CHARS_MIN or 2 * prose <= size:
            return False
        return _says_enough(said, is_whole=is_whole)


def _says_enough(said: str, *, is_whole: bool) -> bool:
    words = _WORD_LETTERS.findall(said)
    letters = len(_LETTER.findall(said)) + len(_IS_UNSPACED.findall(said))
    words_min = WORDS_MIN if is_whole else WORDS_IN_LINE_MIN
    return letters >= LETTERS_MIN and len(words) >= words_min and len(set(words)) >= WORDS_MIN


@dataclass(slots=True)
class Repetition:
    """Looks for a loop in a text that comes in pieces. `kept` is how much of it to keep, once there is a loop."""

    kept: int | None = None
    _rest: str = ""
    _at: int = 0
    _head: str = ""
    """The number or the mark that the line under way begins with, as long as nothing else of it has come."""
    _tail: str = ""
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
            self._is_prose = not is_data(self._head + part)
            fence = _FENCE.match(part)
            if fence and (not self._fence or fence[1].startswith(self._fence)):
                self._fence = "" if self._fence else fence[1]
        numbering = _NUMBERING.match(part) if self._is_new_line else None
        body = part[numbering.end() :] if numbering else part
        at, self._at = self._at + len(part) - len(body), self._at + len(part)
        is_whole = (self._is_new_line and part.endswith("\n")) or _SENTENCE_END.search(body) is not None
        is_said = _SAYS.search(body) is not None
        is_head = self._is_new_line and not is_said and not part.endswith("\n")
        self._head = (self._head + part)[:_HEAD_MAX] if is_head else ""
        self._is_new_line = part.endswith("\n") or bool(self._head)
        if not is_said:
            return
        is_prose = self._is_prose and not self._fence
        words = list(_WORD.finditer(body))
        said = " ".join(word.group() for word in words)
        self.kept = self._sentences.take(_Item(said, self._at, len(part), is_prose, is_whole))
        if self.kept is None and is_prose and len(body) > _SENTENCE_MAX:
            self.kept = self._inside(body)
        for word in words if self.kept is None else ():
            item = _Item(word.group(), at + word.end(), word.end() - word.start() + 1, is_prose, is_whole=False)
            self.kept = self._words.take(item)
            if self.kept is not None:
                return
        self._tail = "" if self._is_new_line else (self._tail + body)[-_TAIL_MAX:]

    def _inside(self, body: str) -> int | None:
        """Return where the first cycle ends of what comes again within one long run of letters."""
        text = (self._tail + body).rstrip()
        end = text[-CHARS_MIN:]
        period = next((size for size in _CYCLE_CHARS if end[size:] == end[:-size]), 0)
        if not period or len(end) < CHARS_MIN or not _says_enough(end[:period], is_whole=False):
            return None
        begin = len(text) - len(end)
        while begin and text[begin - 1] == text[begin - 1 + period]:
            begin -= 1
        return self._at - len(self._tail + body) + begin + period


def without_repetition(text: str) -> tuple[str, bool]:
    """Return the text up to the end of a loop's first cycle, and whether there was a loop."""
    if len(text) < CHARS_MIN or not _may_repeat(text):
        return text, False
    repetition = Repetition()
    is_loop = repetition.feed(text) or repetition.close()
    return (text[: repetition.kept], True) if is_loop else (text, False)


def _may_repeat(text: str) -> bool:
    """Return whether a text may hold a loop, at a tenth of the price of looking for it.

    In a loop three words come in the same order three times, however its lines are numbered. Words are told apart by
    spaces here, which only some scripts put between them.
    """
    if not text.isascii():
        return True
    words = _LETTERED.findall(text.lower())
    if max(map(len, words), default=0) > _LETTERED_MAX:
        return True
    times = Counter(zip(words, words[1:], words[2:], strict=False))
    return max(times.values(), default=0) >= TIMES_OF_LONG[0][1]
