"""Parse YAML with line numbers, and with numbers as they were written: 0.1 as a float is not ten cents."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from patterns.roster.yaml_faults import TOO_LARGE, Composed, compose

Place = tuple[str | int, ...]
"""Where something stands in the document: keys and list positions from the top."""

NODES_MAX = 20_000
DEPTH_MAX = 40
DIGITS_MAX = 20

_INT = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?[0-9]*\.?[0-9]+")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}")
_EMPTY = "the file is empty; `agents roster new` writes one to start from"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake at a place in the file; the text says the fix."""

    place: Place
    text: str


def where(place: Place) -> str:
    """Return a place as people write it: `flows.plan.pipeline[2].share`, counted from 1."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".") or "the file"


@dataclass(frozen=True, order=True, slots=True)
class Line:
    """A line of a file, counted from 1."""

    file: str
    number: int

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


@dataclass
class Document:
    """A parsed file: its value, the line of every place in it, and what was wrong with it.

    `composed` says what could not be read at all.
    """

    composed: Composed
    file: str
    value: Any = None
    lines: dict[Place, Line] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def line(self, place: Place) -> Line:
        """Return the line of a place, or of the nearest place around it that is in the file."""
        known = (place[:end] for end in range(len(place), -1, -1) if place[:end] in self.lines)
        return self.lines[next(known, ())] if self.lines else Line(self.file, 1)

    def told(self, mistake: Mistake) -> tuple[Line, str]:
        """Return a mistake with its line; one in what the file extends is told where the file can mend it."""
        line = self.line(mistake.place)
        if line.file == self.file:
            return line, mistake.text
        here = next(
            (
                one
                for end in range(len(mistake.place), -1, -1)
                if (one := self.lines.get(mistake.place[:end])) and one.file == self.file
            ),
            Line(self.file, 1),
        )
        return here, f"{where(mistake.place)}, inherited from {line.file}: {mistake.text}"

    def is_cut(self, place: Place) -> bool:
        """Say whether lines that could not be read stood in a place, so that something may be missing there."""
        if not self.composed.lost_lines:
            return False
        first = self.line(place).number
        following = [
            line.number
            for other, line in self.lines.items()
            if line.file == self.file
            and line.number > first
            and other[: len(place)] != place
            and len(other) <= len(place)
        ]
        end = min(following, default=10**9)
        return any(first <= line < end for line in self.composed.lost_lines)


def parse_yaml(text: str, *, env: Mapping[str, str], file: str = "roster.yml") -> Document:
    """Read a document; mistakes are collected, not raised."""
    return build(compose(text, file=file), env=env, file=file)


def build(
    composed: Composed, *, env: Mapping[str, str], file: str, leaves_unset: Callable[[Place], bool] | None = None
) -> Document:
    """Return the value of nodes, with what was wrong with them.

    Where `leaves_unset` says so of a place, a variable that is not set stays as it is written.
    """
    document = Document(composed, file)
    for fault in composed.faults:
        place = ("", fault.line, fault.text)
        document.lines[place] = Line(file, fault.line)
        document.mistakes.append(Mistake(place, fault.text))
    if composed.node is not None:
        document.value = _Builder(document, env, leaves_unset).build(composed.node, ())
    if document.value is None and not document.mistakes:
        document.mistakes.append(Mistake((), _EMPTY))
    return document


@dataclass
class _Builder:
    """Builds plain values from YAML nodes; aliases are followed, so the number of nodes is bounded."""

    document: Document
    env: Mapping[str, str]
    leaves_unset: Callable[[Place], bool] | None
    built: int = 0

    def build(self, node: yaml.Node, place: Place) -> Any:  # noqa: ANN401 - YAML is anything
        self.built += 1
        self.document.lines.setdefault(place, _line(node))
        if self.built > NODES_MAX or len(place) > DEPTH_MAX:
            too_large = Mistake((), TOO_LARGE)
            self.document.mistakes = [*(m for m in self.document.mistakes if m != too_large), too_large]
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*place, index)) for index, item in enumerate(node.value)]
        text = self._expand(str(node.value), place)
        return _scalar(text) if isinstance(node, yaml.ScalarNode) and node.style is None else text

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            inside = (*place, key)
            if key in built:
                again = Mistake((*inside, "again"), f"{key} stands here twice; keep one")
                self.document.lines[again.place] = _line(key_node)
                self.document.mistakes.append(again)
            self.document.lines[inside] = _line(key_node)
            built[key] = self.build(value_node, inside)
        return built

    def _expand(self, text: str, place: Place) -> str:
        def value(match: re.Match[str]) -> str:
            name, has_default, default = match.group(1), match.group(2), match.group(3)
            if self.env.get(name):
                return self.env[name]
            if has_default is None and self.leaves_unset and self.leaves_unset(place):
                return match.group()
            if has_default is None:
                self.document.mistakes.append(
                    Mistake(place, f"{name} is not set; set it or write ${{{name}:-default}}")
                )
            return default or ""

        return VARIABLE.sub(value, text)


def _line(node: yaml.Node) -> Line:
    return Line(str(node.start_mark.name), node.start_mark.line + 1)


def _scalar(text: str) -> str | int | Decimal | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) <= DIGITS_MAX else text
    return Decimal(text) if _DECIMAL.fullmatch(text) else text
