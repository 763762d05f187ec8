"""Server-sent events out of chunks of bytes, as the HTML standard has them and for any split of the stream.

Ours, because no maintained parser we looked at takes BOM, lone CR and any split at once (DECISIONS.md says which).
"""

import re
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LOST = re.compile(rb"^[^:]*data[^a-z:]*:|^[^\w:]*[{\[]|\"(?:choices|candidates|delta|message)\"", re.IGNORECASE)
"""A line of no field that anybody knows, in which a part of an answer stands: behind a mark or without its name."""


class Event(NamedTuple):
    """One event: its name, empty where none was given, and its data lines joined."""

    name: bytes
    data: bytes


class ServerSentEvents:
    """Collects the bytes of one stream and hands out its events as they become complete."""

    def __init__(self) -> None:
        self.damaged_at: int | None = None
        """Before which event the standard passed over a line that holds a part of an answer, counted from 0."""
        self._count = 0
        self._rest: list[bytes] = []
        self._is_after_cr = False
        self._is_first_line = True
        self._name = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that are complete now."""
        if self._is_after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        elif not chunk:
            return []
        self._is_after_cr = chunk.endswith(b"\r")
        *lines, rest = _LINE_END.split(chunk)
        if not lines:
            self._rest.append(rest)
            return []
        lines[0] = b"".join([*self._rest, lines[0]])
        self._rest = [rest]
        return [event for line in lines if (event := self._line(line)) is not None]

    def pending(self) -> list[Event]:
        """Return what the end of the stream left without its empty line.

        The standard drops it. A caller may look whether it is whole: many gateways forget the last empty line.
        """
        return [event for line in (b"".join(self._rest), b"") if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> Event | None:
        if self._is_first_line:
            line, self._is_first_line = line.removeprefix(BOM), False
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")  # a comment has an empty field
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        elif field == b"event":
            self._name = value.removeprefix(b" ")
        elif field and _LOST.search(line):
            self.damaged_at = self._count if self.damaged_at is None else self.damaged_at
        return None

    def _dispatch(self) -> Event | None:
        event = Event(self._name, b"\n".join(self._data)) if self._data else None
        self._name, self._data = b"", []
        self._count += event is not None
        return event
