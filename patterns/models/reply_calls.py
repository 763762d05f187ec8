"""The tool calls and the thinking of one reply while it comes in, whatever pieces they come in.

Strict about what was said, lenient about how it was cut up: gateways number all calls 0, repeat ids, names and whole
arguments, or leave the numbers out. Arguments that are no JSON stay as they are: the model is told.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from patterns.core.text import storable
from patterns.core.tools import ToolCall
from patterns.models.offer import Offer
from patterns.models.parts import CallPiece, Piece, TextMark, ThoughtPiece

CALLS_MAX = 256
ARGUMENTS_CHARS_MAX = 2**20
"""Of all calls of a reply together. No output cap allows as much: who sends more is broken."""
THINKING_CHARS_MAX = 4 * 2**20
_ECHO_CHARS_MIN = 8


class TooMuchError(ValueError):
    """A reply holds more calls, arguments or thinking than any output cap allows."""


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    is_opening: bool = False
    is_object: bool = False
    marks: dict[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    def take(self, piece: CallPiece) -> None:
        self.id = self.id or piece.id
        if piece.name.startswith(self.name):
            self.name = piece.name
        elif piece.name and piece.name != self.name:
            self.name += piece.name
        self.marks.update(piece.marks)
        self.is_object = self.is_object or piece.is_object
        begins_anew = self.is_opening or (self.pieces == ["{}"] and piece.arguments.startswith("{"))
        if piece.is_whole or (piece.arguments and begins_anew):
            self.pieces, self.is_opening = [piece.arguments], piece.is_opening
        elif piece.arguments and not self._is_echo(piece.arguments):
            self.pieces.append(piece.arguments)
            self.is_opening = piece.is_opening

    def _is_echo(self, said: str) -> bool:
        """Return whether a piece says everything once more."""
        if len(said) < _ECHO_CHARS_MIN or len(said) != sum(map(len, self.pieces)):
            return False
        return said == self.arguments and _is_object(said)


@dataclass(slots=True)
class _Thought:
    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    grown: dict[str, list[str]] = field(default_factory=dict)

    def take(self, piece: ThoughtPiece) -> None:
        self.fields.update(piece.fields)
        for name, value in piece.grown.items():
            self.grown.setdefault(name, []).append(value)

    @property
    def value(self) -> Any:  # noqa: ANN401 - whatever the provider sent
        grown = {name: str(self.fields.get(name) or "") + "".join(more) for name, more in self.grown.items()}
        whole = {**self.fields, **grown}
        return whole if self.kind in ("block", "detail") else whole["text"]


@dataclass(slots=True)
class _Text:
    marks: dict[str, Any] = field(default_factory=dict)


class ReplyCalls:
    """Collects the calls of a reply, its thinking, and the order of both."""

    def __init__(self) -> None:
        self._blocks: list[_Call | _Thought | _Text] = []
        self._calls: list[_Call] = []
        self._at: dict[object, _Call] = {}
        self._thoughts: dict[object, _Thought] = {}
        self._thinking_chars = 0
        self.chars = 0
        """Characters of arguments and names so far."""

    def __bool__(self) -> bool:
        return bool(self._calls)

    def take(self, piece: Piece) -> None:
        """Take the next piece.

        Raises:
            TooMuchError: more calls, arguments or thinking than any output cap allows.
        """
        match piece:
            case CallPiece():
                self._take_call(piece)
            case ThoughtPiece():
                self._take_thought(piece)
            case TextMark():
                self._take_text(piece)

    def arguments(self) -> str:
        """Return the arguments of the first call, for an answer that was asked for as one."""
        return self._calls[0].arguments if self._calls else ""

    def _take_call(self, piece: CallPiece) -> None:
        number = piece.number if piece.number is not None else len(self._calls) - 1
        open_call = None if piece.number is None and piece.is_whole else self._at.get(number)
        if open_call is None or _begins_another(piece, open_call):
            open_call = _Call()
            number = len(self._calls) if piece.number is None else number
            self._at[number] = open_call
            self._calls.append(open_call)
            self._blocks.append(open_call)
        open_call.take(piece)
        self.chars += len(piece.arguments) + len(piece.name) + len(piece.id)
        if self.chars > ARGUMENTS_CHARS_MAX or len(self._calls) > CALLS_MAX:
            raise TooMuchError

    def _take_thought(self, piece: ThoughtPiece) -> None:
        key = piece.kind, piece.number
        thought = self._thoughts.get(key)
        if thought is None or piece.begins:
            thought = self._thoughts[key] = _Thought(piece.kind)
            self._blocks.append(thought)
        thought.take(piece)
        said = (*piece.fields.values(), *piece.grown.values())
        self._thinking_chars += sum(len(value) for value in said if isinstance(value, str))
        if self._thinking_chars > THINKING_CHARS_MAX:
            raise TooMuchError

    def _take_text(self, mark: TextMark) -> None:
        text = next((block for block in self._blocks if isinstance(block, _Text)), None)
        if text is None:
            text = _Text()
            self._blocks.append(text)
        text.marks.update(mark.marks)

    def calls(self, offer: Offer, *, is_cut: bool) -> tuple[ToolCall, ...]:
        """Return the calls in order. `is_cut`: the output cap ended the reply, so the last one may be half of it."""
        return tuple(call for _, call in self._numbered(offer, is_cut=is_cut))

    def _numbered(self, offer: Offer, *, is_cut: bool) -> list[tuple[_Call, ToolCall]]:
        made: list[tuple[_Call, ToolCall]] = []
        told, used = set[tuple[str, str, str]](), set[str]()
        for number, call in enumerate(self._calls):
            same = (call.id, call.name, call.arguments)
            if call.id and same in told:
                continue
            told.add(same)
            own = offer.id_of(storable(call.id), number, used)
            used.add(own)
            arguments = _final(call, is_cut=is_cut and call is self._blocks[-1])
            made.append((call, ToolCall(id=own, name=offer.name_of(storable(call.name)), arguments=arguments)))
        return made

    def thinking(self, offer: Offer, *, tokens: int) -> str:
        """Return what the provider wants back beside the calls, as JSON, or nothing where there is nothing.

        `tokens` is the most that it can be when it is sent again: what the provider hides counts too.
        """
        ids = {id(call): made.id for call, made in self._numbered(offer, is_cut=False)}
        blocks: list[dict[str, Any]] = []
        for block in self._blocks:
            match block:
                case _Thought():
                    blocks.append({block.kind: block.value})
                case _Text():
                    blocks.append({"text": block.marks})
                case _Call() if id(block) in ids:
                    blocks.append({"call": ids[id(block)], **({"marks": block.marks} if block.marks else {})})
        if not any(_is_wanted_back(block) for block in blocks):
            return ""
        return json.dumps({"model": offer.model, "tokens": tokens, "blocks": blocks}, separators=(",", ":"))


def _is_wanted_back(block: dict[str, Any]) -> bool:
    return bool(block.get("marks") or block.get("text")) or not {"call", "text"} & block.keys()


def _begins_another(piece: CallPiece, open_call: _Call) -> bool:
    """Return whether a piece under the number of an open call belongs to another one all the same."""
    if (piece.id and piece.id == open_call.id) or (piece.is_whole and piece.number is not None):
        return False
    if not piece.name:
        return piece.number is None and bool(piece.id and open_call.id)
    if not open_call.name:
        return False
    if not open_call.pieces:
        return piece.name != open_call.name and not piece.name.startswith(open_call.name)
    return bool(piece.id or piece.number is None) and _is_object(open_call.arguments)


def _final(call: _Call, *, is_cut: bool) -> str:
    """Return a call's arguments as text. Cut ones never parse: half of an object is no object."""
    text = storable(call.arguments)
    if is_cut:
        return text.rstrip().removesuffix("}") if call.is_object else text
    if not text.strip():
        return "{}"
    if text.lstrip().startswith('"'):  # some encode them twice
        inner = _loaded(text)
        return inner if isinstance(inner, str) and _is_object(inner) else text
    return text


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_object(text: str) -> bool:
    return isinstance(_loaded(text), dict)
