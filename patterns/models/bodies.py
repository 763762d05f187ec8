"""The bytes of a reply, whatever they come as: events, one JSON value, several, or something else. Pure.

The first byte decides which, because content types lie: JSON and HTML begin with a bracket, an event stream never does.
"""

import json
import re
from typing import Any

from patterns.models.error_objects import is_error
from patterns.models.faults import Failure
from patterns.models.replies import BrokenReplyError, Reading
from patterns.models.shapes import says_nothing
from patterns.models.sse import BOM, Event, ServerSentEvents

_SPACE = b" \t\r\n"
_BEHIND_A_NUMBER = (",", "}", " ", "\t", "\r", "\n")
_DONE = "[DONE]"
_OPENINGS = '{["<'
"""What a value, or a page in place of one, begins with. Any other word in an event only keeps the connection open."""
_HIDDEN_VALUE = re.compile(r"\{\s*\"")
_DECODER = json.JSONDecoder()


class Body:
    """Reads the bytes of one reply into a reading, in any chunks."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._events: ServerSentEvents | None = None
        self._is_value = False
        self._is_blank = False
        self._taken = 0
        self._bytes: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            BrokenReplyError: an event that is none, or what `Reading.take` raises.
        """
        if self._events is None:
            self._bytes.append(chunk)
            if self._is_value:
                return
            if self._is_blank and not chunk.strip(_SPACE):
                return
            chunk = b"".join(self._bytes)
            begun = chunk.removeprefix(BOM).lstrip(_SPACE)
            self._is_blank = not begun
            if BOM.startswith(begun):  # nothing yet, or part of a byte order mark
                return
            self._is_value = begun[:1] in b'{["<'
            if self._is_value:
                return
            self._events = ServerSentEvents()
        for event in self._events.feed(chunk):
            self._take(event)
        self._note_damage()

    @property
    def may_be_whole(self) -> bool:
        """Return whether what has come ends as one JSON value would, for a look at it when nothing follows."""
        return self._is_value and self._bytes[-1].rstrip(_SPACE)[-1:] in (b"}", b"]")

    @property
    def is_whole(self) -> bool:
        """Return whether what has come is a whole JSON value, so that an open connection adds nothing to it."""
        return self.may_be_whole and _is_json(b"".join(self._bytes).decode("utf-8-sig", errors="replace"))

    def close(self) -> None:
        """Note that no more bytes come.

        Raises:
            BrokenReplyError: what came is not an answer, or what `Reading.take` raises.
        """
        if self._events is None:
            self._take_value(b"".join(self._bytes).decode("utf-8-sig", errors="replace").strip())
            return
        for event in self._events.pending():
            self._take(event, is_pending=True)

    def _take(self, event: Event, *, is_pending: bool = False) -> None:
        """Read one event. Where events are parted by one line end instead of two, it holds several values.

        What the end of the bytes cut off is no fault of what came before.
        """
        self._note_damage()
        self._taken += 1
        text, at = event.data.decode(errors="replace").strip(), 0
        while at < len(text) and not self._reading.has_ended:
            if text.startswith(_DONE, at):
                self._reading.end()
                return
            if text[at] not in _OPENINGS:
                self._reading.is_damaged |= _HIDDEN_VALUE.search(text, at) is not None
                return
            try:
                value, at = _next_value(text, at)
            except BrokenReplyError:
                if is_pending:
                    return
                raise
            for part in value if isinstance(value, list) else [value]:
                self._take_object(event, part)

    def _note_damage(self) -> None:
        lost_at = None if self._events is None else self._events.damaged_at
        if lost_at is not None and lost_at <= self._taken and not self._reading.has_ended:
            self._reading.is_damaged = True

    def _take_object(self, event: Event, value: object) -> None:
        if not isinstance(value, dict):
            return
        if event.name == b"error":
            value = {"error": value, **value}
        if is_error(value) or not says_nothing(value):
            self._reading.take(value)

    def _take_members(self, found: dict[str, Any]) -> None:
        """Read what is whole of a value that was cut: its bill, and all of the answer or nothing of it."""
        if not found:
            return
        self._reading.take_bill(found)
        self._reading.end()
        try:
            self._reading.take(found)
        except BrokenReplyError as error:
            if error.failure.reason != "malformed":
                raise

    def _take_value(self, text: str) -> None:
        """Read a body that is no event stream: one value, a list of them, or one a line. What follows is no matter."""
        at = _after_space(text, 1 if text.startswith("[") else 0)
        while at < len(text) and text[at] != "]":
            try:
                value, at = _next_value(text, at)
            except BrokenReplyError as error:
                self._take_members(members(text[at:]))
                raise BrokenReplyError(Failure("truncated") if _looks_cut(text) else error.failure) from None
            try:
                self._reading.take(value)
            except BrokenReplyError:
                self._reading.end()  # the value is whole, so its bill is the bill
                raise
            at = _after(text, at, ",")
            if self._reading.is_complete or not text.startswith("{", at):
                break
        self._reading.end()


def members(text: str) -> dict[str, Any]:
    """Return the members of a JSON object that are whole, though its end is missing."""
    found: dict[str, Any] = {}
    position = 1
    while text.startswith("{"):
        try:
            name, position = _DECODER.raw_decode(text, _after(text, position, ","))
            value, position = _DECODER.raw_decode(text, _after(text, position, ":"))
        except (ValueError, RecursionError):
            break
        if isinstance(value, int | float) and text[position : position + 1] not in _BEHIND_A_NUMBER:
            break  # its digits may not be all
        found[str(name)] = value
    return found


def _after(text: str, position: int, separator: str) -> int:
    while position < len(text) and text[position] in " \t\r\n" + separator:
        position += 1
    return position


def _next_value(text: str, at: int) -> tuple[Any, int]:
    """Return the value at a place and where the next one begins; to cut the text there would be quadratic."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        raise BrokenReplyError(Failure("malformed")) from None
    return value, _after_space(text, end)


def _after_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _looks_cut(text: str) -> bool:
    """Return whether it began as JSON or as a page and did not come to its end."""
    return text.startswith(("{", "[")) or (text.startswith("<") and "</html>" not in text.lower())
