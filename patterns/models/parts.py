"""What a provider's reply is made of, in the provider's own words: the values that the readers of `shapes` give out."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from patterns.core.money import Usage
from patterns.models.told import Told

Json = Mapping[str, Any]

PARAGRAPH = "\n\n"
"""Between what a model said before a search and after it."""
_TEXT_PARTS = (None, "text", "output_text", "refusal")


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A tool call of a reply, or a piece of one.

    `number` is its place in the reply; None where the provider gives none. `is_whole` means that nothing of it is in
    another piece, `is_opening` that arguments in later pieces replace those of this one, `is_object` that arguments
    came parsed: what was cut off them can no longer be seen. `marks` are fields beside the call that the provider wants
    back with it, such as the signature of a thought.
    """

    number: object = None
    id: str = ""
    name: str = ""
    arguments: str = ""
    is_whole: bool = False
    is_opening: bool = False
    is_object: bool = False
    marks: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ThoughtPiece:
    """A block of thinking, or a piece of one, that the provider wants back as it was.

    `kind` says where it stood: a `block` of a message, a `detail` in a list of them, or the name of a field with text.
    `fields` replace those of the pieces before, `grown` go on from them. `begins` means that another block begins,
    whatever its number.
    """

    kind: str
    number: object
    fields: Json = field(default_factory=dict)
    grown: Json = field(default_factory=dict)
    begins: bool = False


@dataclass(frozen=True, slots=True)
class TextMark:
    """The place of the text among calls and thinking, with the marks that belong to it."""

    marks: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SearchPiece:
    """A search of the web that the provider makes for its model, or what came of one.

    `number` is the place of the block whose arguments, in later pieces, are its query. `made` counts the searches that
    the piece shows; `listed` is the list of all queries so far, as the provider told it. `read` and `cited` are
    addresses with titles. `pauses` means that the text goes on as a new paragraph, `is_unread` that searches may stand
    there and cannot be read.
    """

    number: object = None
    queries: tuple[object, ...] = ()
    listed: object = None
    made: int = 0
    read: tuple[tuple[object, object], ...] = ()
    cited: tuple[tuple[object, object], ...] = ()
    error: str = ""
    pauses: bool = False
    is_unread: bool = False


Piece = CallPiece | ThoughtPiece | TextMark | SearchPiece


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a reply.

    `text` goes on from the pieces before, `whole` is all of the text so far. `pieces` are calls of tools and thinking,
    in their order. `finish` is the provider's word. `usage` is final where `is_bill` says so, else only once the end
    has come: `is_last` is an end that only looks like it, `has_ended` one behind which nothing matters.
    """

    text: str = ""
    whole: str | None = None
    pieces: tuple[Piece, ...] = ()
    finish: str | None = None
    usage: Told | None = None
    is_bill: bool = False
    is_last: bool = False
    has_ended: bool = False
    error: Json | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """One provider's way of answering."""

    read: Callable[[Json], Part]
    count: Callable[[Told], Usage | None]


def objects(values: object) -> list[Json]:
    """Return the objects in a list, or in one that a gateway made an object of; what else stands there says nothing."""
    members = values.values() if isinstance(values, Mapping) else values if isinstance(values, list) else ()
    return [one for one in members if isinstance(one, Mapping)]


def is_first(one: Json) -> bool:
    """Return whether it is the first of several answers, or the only one, however its number is written."""
    return str(one.get("index") or 0) == "0"


def joined(content: object) -> str:
    """Return the text of a content, whether it comes as text, as one part or as several."""
    if isinstance(content, str):
        return content
    parts = [content] if isinstance(content, Mapping) else content if isinstance(content, Iterable) else ()
    return "".join(_text_of(part) for part in parts if isinstance(part, str | Mapping))


def _text_of(part: str | Json) -> str:
    if isinstance(part, str):
        return part
    return part.get("text") or "" if part.get("type") in _TEXT_PARTS else ""


def word(value: object) -> str:
    """Return an id or a name as text; empty where it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def whole_call(call_id: object, name: object, arguments: object, *, number: object = None) -> CallPiece:
    """Return a call that came in one piece, whether its arguments are text or an object."""
    is_text = isinstance(arguments, str)
    text = arguments if isinstance(arguments, str) else as_json({} if arguments is None else arguments)
    return CallPiece(number, word(call_id), word(name), text, is_whole=True, is_object=not is_text)


def as_json(value: object) -> str:
    """Return a value as JSON text."""
    return json.dumps(value, ensure_ascii=False)
