"""Thinking is not an answer: what models think aloud, and the tokens of their templates, are taken out of a text.

One machine reads whole texts and streams, so any split into pieces gives the same visible text. Code is left alone: an
answer may explain `<think>`. A closing tag that nothing opened means that all before it was thinking.
"""

import re
from dataclasses import dataclass, field

from patterns.core import thinking_marks as marks
from patterns.core.lost_marks import LostMarks
from patterns.core.soft_marks import SoftMarks


@dataclass
class ThinkingFilter:
    """Takes a text in pieces. `withdrawals` counts how often all that was given out turned out to be thinking."""

    withdrawals: int = 0
    has_thought: bool = False
    """Whether a block of thinking has ended: what follows is the answer."""
    _given: list[str] = field(default_factory=list)
    _out: list[str] = field(default_factory=list)
    _rest: str = ""
    _blank: list[str] | None = field(default_factory=list)
    """The white space a text begins with, until something else comes: to look at all of it each time is quadratic."""
    _lost: LostMarks = field(default_factory=LostMarks)
    _line_begins: bool = True
    _line_has_text: bool = False
    _depth: int = 0
    _is_details: bool = False
    _unsure: list[str] | None = None
    _literal: list[str] | None = None
    _ticks: int = 0
    _fence: str = ""
    _tags_in_code: int = 0
    _tail: list[str] = field(default_factory=list)
    _is_hidden: bool = False
    _header: str = ""
    _header_of: str = ""
    _space: list[str] = field(default_factory=list)
    _has_gap: bool = False
    _is_taken_back: bool = False
    _has_wrapper: bool = False
    _may_be_answer: bool = False
    soft: SoftMarks = field(default_factory=SoftMarks)

    def feed(self, piece: str) -> str:
        """Return what can be shown now."""
        if self._blank is not None:
            self._blank.append(piece)
            if not piece.strip():
                return ""
            self._begin()
        else:
            self._rest += piece
        if not self._is_readable(is_last=False) or not self.soft.is_settled(self._rest, is_last=False):
            return ""
        self._scan(is_last=False)
        return self._taken()

    def close(self) -> str:
        """Return what is left to show at the end."""
        self._begin()
        self._is_readable(is_last=True)
        self.soft.is_settled(self._rest, is_last=True)
        self._scan(is_last=True)
        if self._depth and self._literal is not None and self._unsure is None:
            self._again("".join(self._literal), is_text=True)
        elif self._depth and self._unsure is not None:
            self._again("".join(self._unsure), is_text=False)
        if self._is_taken_back and not self.has_thought and not self._may_be_answer:
            self._take_back()
        if self.soft.rest():
            self._depth = 0
            self._emit(self.soft.rest())
        if not self._has_gap:
            self._out.extend(self._space)
        return self._taken()

    @property
    def text(self) -> str:
        """Return everything that is visible so far."""
        return "".join(self._given)

    def _begin(self) -> None:
        """Take the white space that the text begins with."""
        self._rest, self._blank = "".join([*(self._blank or ()), self._rest]), None

    def _again(self, text: str, *, is_text: bool) -> None:
        """Read the rest of a block that never ended: its tag was only talked about, or was opened twice."""
        inner = ThinkingFilter(_lost=LostMarks(is_thinking=False))
        self._depth = 0
        self.has_thought = self.has_thought or not is_text
        shown = text if is_text else inner.feed(text) + inner.close()
        self._has_gap = self._has_gap and not is_text
        self._emit(shown)

    def _is_readable(self, *, is_last: bool) -> bool:
        """Return whether the text can be scanned: not while it is thinking whose marks were lost on the way."""
        if not self._lost.is_settled:
            self._rest = self._lost.settle(self._rest, is_last=is_last)
            if self._lost.has_ended:
                self.has_thought = self._has_gap = True
        return self._lost.is_settled

    def _scan(self, *, is_last: bool) -> None:
        text, at = self._rest, 0
        while at < len(text):
            if self._line_begins and self._is_shown:
                fence = marks.FENCE.match(text, at)
                if not is_last and (marks.FENCE_BEGUN.match(text, at) or (fence and fence["end"] == "")):
                    break
                if fence and fence["end"] is not None and self._take_fence(fence):
                    self._line_begins, at = False, fence.start("end")
                    continue
            self._line_begins = False
            found = marks.found(text, at)
            if found is None or (found["ticks"] and found.end() == len(text) and not is_last):
                begun = None if is_last else marks.unfinished(text, at)
                end = begun.start() if begun else len(text)
                self._plain(text[at:end])
                at = end
                break
            self._plain(text[at : found.start()])
            self._mark(str(found.lastgroup), found.group())
            at = found.end()
        self._rest = text[at:]

    @property
    def _is_shown(self) -> bool:
        return not (self._depth or self._header_of or self._is_hidden)

    def _take_fence(self, line: re.Match[str]) -> bool:
        """Return whether the line opens or closes a code block."""
        run, info = line["run"], line["info"]
        if self._fence:
            if run[0] != self._fence[0] or len(run) < len(self._fence) or info.strip():
                return False
            self._fence = ""
        elif run[0] == "`" and "`" in info:
            return False
        else:
            self._fence, self._tags_in_code = run, 0
        self._emit(line.group().removesuffix("\n"))
        return True

    def _plain(self, text: str) -> None:
        if not text:
            return
        if self._depth:
            self.soft.hold(text)
            for kept in (self._unsure, self._literal):
                if kept is not None:
                    kept.append(text)
        elif self._header_of:
            self._header = (self._header + text)[: marks.HEADER_MAX]
        elif not self._is_hidden:
            self._emit(text)

    def _mark(self, kind: str, mark: str) -> None:
        if kind == "line":
            self._end_line()
        elif self._depth:
            self._mark_in_thinking(kind, mark)
        elif self._header_of or self._is_hidden:
            (self._token if kind == "token" else self._plain)(mark)
        elif self._fence or self._ticks:
            self._mark_in_code(kind, mark)
        else:
            self._mark_in_answer(kind, mark)

    def _mark_in_answer(self, kind: str, mark: str) -> None:
        is_own = kind == "token" and self.soft.is_strike(mark, is_first=not self._has_output, has_gap=self._has_gap)
        if is_own or self.soft.is_element(kind, mark, (self._out or self._given or [""])[-1]):
            self._emit(mark)
        elif kind == "token":
            self._token(mark)
        elif kind == "open":
            self.soft.open(mark)
            self._depth, self._unsure, self._has_gap = 1, None, True
            self._is_details = mark[1:2] in "dD"
            self._literal = [mark] if self._line_has_text else None
        elif kind == "close":
            self._may_be_answer = self.soft.may_end(mark)
            self._lone()
        elif kind == "void" or (kind == "wrapper" and self._is_wrapper(mark)):
            self._has_gap = True
        else:
            self._ticks = len(mark) if kind == "ticks" else 0
            self._emit(mark)

    def _end_line(self) -> None:
        if self._header_of in marks.LINE_HEADERS:
            self._end_header(said="\n")
        else:
            self._plain("\n")
        self._line_begins, self._line_has_text, self._ticks = True, False, 0

    def _mark_in_thinking(self, kind: str, mark: str) -> None:
        if kind == "open":
            self._depth, self._unsure, self._literal = self._depth + 1, None, None
        elif kind == "close" or (kind == "details" and self._is_details):
            self._depth, self._unsure, self._literal = self._depth - 1, [], None
            self.has_thought = self.has_thought or not self._depth
        else:
            self._plain(mark)

    def _mark_in_code(self, kind: str, mark: str) -> None:
        if self._fence and kind == "token":
            self._tail.append(mark)
            return
        if self._fence and kind == "close" and not self._tags_in_code and not self._line_has_text:
            self._fence = ""
            self._lone()
            return
        self._tags_in_code += {"open": 1, "close": -1}.get(kind, 0)
        if kind == "ticks" and not self._fence and len(mark) == self._ticks:
            self._ticks = 0
        self._emit(mark)

    def _is_wrapper(self, mark: str) -> bool:
        if mark.startswith("</"):
            return self._has_wrapper
        self._has_wrapper = self._has_wrapper or (self.has_thought and (self._is_taken_back or not self._has_output))
        return self._has_wrapper

    def _token(self, mark: str) -> None:
        name = marks.token_name(mark)
        self._has_gap = True
        if name in marks.HEADERS:
            if self._header_of == "start":
                self._is_hidden = marks.role(self._header) in marks.OTHERS
            self._header_of, self._header = name, ""
        elif name in marks.HEADER_ENDS:
            self._end_header()
        elif name in marks.ENDINGS:
            self._header_of, self._is_hidden, self._line_has_text = "", False, False
        elif not self._line_has_text and name.removesuffix("_token") in marks.OTHERS | {"inst", "sys"}:
            self._is_hidden = True
        elif name.removesuffix("_token") in marks.OURS | {"/sys"}:
            self._is_hidden = False

    def _end_header(self, said: str = "") -> None:
        """Note whose text follows a finished header: another role's, thinking, or the answer."""
        kind, header = self._header_of, self._header
        self._header_of, self._header = "", ""
        if kind == "channel":
            self._is_hidden = self._is_hidden or marks.role(header) != "final"
            self.has_thought = self.has_thought or self._is_hidden
        elif marks.role(header) in marks.OTHERS | marks.OURS:
            self._is_hidden = marks.role(header) in marks.OTHERS
        elif kind in marks.LINE_HEADERS:
            self._emit(header + said)

    def _lone(self) -> None:
        """Handle a closing tag that nothing opened; whether all before it was thinking shows when something follows."""
        self._is_taken_back, self._has_gap, self._line_has_text = True, True, False

    @property
    def _has_output(self) -> bool:
        return any(self._out) or any(self._given)

    def _emit(self, text: str) -> None:
        """Show text. White space waits for what follows, because it goes where something was taken out."""
        if self._tail:
            self._tail.append(text)
            if not text.strip():
                return
            text = "".join(self._tail)
            self._tail.clear()
        core = text.strip()
        if not core:
            self._space.append(text)
            return
        self.soft.show(core)
        start = text.index(core[0])
        space = "".join([*self._space, text[:start]])
        self._space[:] = [text[start + len(core) :]]
        if self._is_taken_back:
            self._take_back()
        if self._has_gap:
            space = marks.joining(space, is_first=not self._has_output)
            self._has_gap = False
        self._out.append(space + core)
        self._line_has_text = True

    def _take_back(self) -> None:
        if self._given:
            self.withdrawals += 1
        self._given.clear()
        self._out.clear()
        self._is_taken_back, self.has_thought = False, True

    def _taken(self) -> str:
        new = "".join(self._out)
        self._out.clear()
        if new:
            self._given.append(new)
        return new
