"""Marks that are thinking or template here and part of the answer there: `<analysis>` around it, `<s>` striking out.

Used by the filter of thinking alone, which tells what it sees and asks what a mark is here.
"""

from dataclasses import dataclass

from patterns.core import thinking_marks as marks


@dataclass
class SoftMarks:
    """What one text has shown of such marks. With `are_kept` False every soft block is thinking."""

    are_kept: bool = True
    _held: list[str] | None = None
    _begins_struck: bool | None = None
    _strikes: bool = False
    _elements: int = 0

    def is_settled(self, text: str, *, is_last: bool) -> bool:
        """Return whether it is known if a text, by its beginning, begins with something struck out."""
        if self._begins_struck is None and (is_last or not marks.STRUCK_BEGUN.match(text)):
            self._begins_struck = marks.STRUCK.match(text) is not None
        return self._begins_struck is not None

    def is_strike(self, mark: str, *, is_first: bool, has_gap: bool) -> bool:
        """Return whether a mark strikes out what it stands around, and is no token of a template."""
        if mark.lower() == "<s>":
            self._strikes = bool(self._begins_struck) if is_first else not has_gap
            return self._strikes
        was_struck, self._strikes = self._strikes, False
        return was_struck and mark.lower() == "</s>"

    def is_element(self, kind: str, mark: str, shown: str) -> bool:
        """Return whether a tag stands among other tags behind what was `shown`, as part of what was asked for."""
        if kind not in ("open", "close") or not marks.SOFT.search(mark):
            return False
        is_one = shown.endswith(">") if kind == "open" else self._elements > 0
        self._elements += is_one if kind == "open" else -is_one
        return is_one

    def open(self, mark: str) -> None:
        """Note that a block begins."""
        self._held = [] if self.are_kept and marks.SOFT.search(mark) else None

    def hold(self, text: str) -> None:
        """Note what stands in the block under way."""
        if self._held is not None:
            self._held.append(text)

    def show(self, text: str) -> None:
        """Note what is shown; once that says something, the block before it was thinking."""
        if any(map(str.isalnum, text)):
            self._held = None

    def rest(self) -> str:
        """Return what turned out to be the answer, at the end of the text."""
        return "".join(self._held or ())

    def may_end(self, mark: str) -> bool:
        """Return whether a closing tag that nothing opened and nothing follows ends the answer itself."""
        return self.are_kept and marks.SOFT.search(mark) is not None
