"""Parse YAML with line numbers, and with numbers as they were written: 0.1 as a float is not ten cents."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

Place = tuple[str | int, ...]
"""Where something stands in the document: keys and list positions from the top."""

NODES_MAX = 20_000
DEPTH_MAX = 40
DIGITS_MAX = 20

_INT = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?[0-9]*\.?[0-9]+")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake at a place in the file; the text says the fix."""

    place: Place
    text: str


@dataclass
class Document:
    """A parsed file: its value, the line of every place in it, and its mistakes."""

    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def line(self, place: Place) -> int:
        """Return the line number of a place, or of the nearest enclosing place that is in the file."""
        known = (place[:end] for end in range(len(place), -1, -1) if place[:end] in self.lines)
        return self.lines[next(known, ())] if self.lines else 1


def parse_yaml(text: str, *, env: Mapping[str, str]) -> Document:
    """Return the parsed document; mistakes are collected in it, not raised."""
    document = Document()
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        document.lines[()] = mark.line + 1 if mark else 1
        hint = "; inside { } put ${NAME} in quotes" if "${" in text.splitlines()[document.lines[()] - 1] else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        document.mistakes.append(Mistake((), f"this is not YAML: {problem}{hint}"))
        return document
    if node is None:
        document.mistakes.append(Mistake((), "the file is empty; start from the shipped roster"))
        return document
    document.value = _Builder(document, env).build(node, ())
    return document


@dataclass
class _Builder:
    """Builds plain values from YAML nodes; aliases are followed, so the number of nodes is bounded."""

    document: Document
    env: Mapping[str, str]
    built: int = 0

    def build(self, node: yaml.Node, place: Place) -> Any:  # noqa: ANN401 - YAML is anything
        self.built += 1
        self.document.lines.setdefault(place, node.start_mark.line + 1)
        if self.built > NODES_MAX or len(place) > DEPTH_MAX:
            too_large = Mistake((), "the file is too large or too deep for a roster")
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
            key = str(key_node.value)
            inside = (*place, key)
            if key in built:
                again = Mistake((*inside, "again"), f"{key} stands here twice; keep one")
                self.document.lines[again.place] = key_node.start_mark.line + 1
                self.document.mistakes.append(again)
            self.document.lines[inside] = key_node.start_mark.line + 1
            built[key] = self.build(value_node, inside)
        return built

    def _expand(self, text: str, place: Place) -> str:
        def value(match: re.Match[str]) -> str:
            name, has_default, default = match.group(1), match.group(2), match.group(3)
            if self.env.get(name):
                return self.env[name]
            if has_default is None:
                self.document.mistakes.append(
                    Mistake(place, f"{name} is not set; set it or write ${{{name}:-default}}")
                )
            return default or ""

        return _VARIABLE.sub(value, text)


def _scalar(text: str) -> str | int | Decimal | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) <= DIGITS_MAX else text
    return Decimal(text) if _DECIMAL.fullmatch(text) else text
