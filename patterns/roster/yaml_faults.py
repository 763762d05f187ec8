"""A YAML file read as far as it can be: what is broken is told with its line, and the rest is still there to check.

A parser stops at the first mistake. So the broken line is left out with what is indented under it and the file read
again, then more of what surrounds it, until the rest can be read.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import yaml

FAULTS_MAX = 30
TOO_LARGE = "the file is too large or too deep for a roster"
_INDENT = re.compile(r"[ ]*")
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)\s*(?::|$)")
_LONE_WORD = re.compile(r"\s*[A-Za-z_][A-Za-z0-9_-]*\s*$")
_OPEN_QUOTE = re.compile(r"""[:\-,\[{]\s+(?:"[^"]*|'[^']*)$""")
_TAB = re.compile(r" *\t[ \t]*")
_OPENED_ABOVE = (
    "while parsing a flow mapping",
    "while parsing a flow sequence",
    "while scanning a quoted scalar",
    "while scanning a simple key",
)
"""Contexts whose beginning is the line to mend; the parser notices them only further down."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is no YAML: its line, counted from 1, and the fix."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Composed:
    """A file as nodes, without the lines that could not be read.

    `lost_lines` are those, counted from 1; `lost_names` are the keys that stood in them.
    """

    node: yaml.Node | None
    faults: tuple[Fault, ...] = ()
    lost_lines: frozenset[int] = frozenset()
    lost_names: frozenset[str] = frozenset()


def compose(text: str, *, file: str) -> Composed:
    """Read a file; `file` is the name its marks carry. Faults are collected, not raised."""
    lines = text.splitlines()
    faults = list(_untabbed(lines))
    lost: dict[int, str] = {}
    anchor, level = -1, 0
    while True:
        try:
            node = _compose("\n".join(lines), file)
            break
        except RecursionError:
            node, faults = None, [*faults, Fault(1, TOO_LARGE)]
            break
        except yaml.YAMLError as error:
            if level > len(_WIDER) or len(faults) >= FAULTS_MAX:
                node = None
                break
            at = _line_of(error, lines)
            if level and (at in lost or at - 1 in lost or at <= anchor or at >= len(lines)):
                at = anchor
            else:
                anchor, level = at, 0
                faults.append(Fault(at + 1, f"this is not YAML: {_words(error, lines, at)}"))
            level += 1
            if level == 1 and _LONE_WORD.match(lines[at]):
                lines[at] = f"{lines[at].rstrip()}:"
                continue
            for index in _WIDER[min(level, len(_WIDER)) - 1](lines, at):
                lost.setdefault(index, lines[index])
                lines[index] = ""
    names = frozenset(name for line in lost.values() for name in _KEY.findall(line))
    return Composed(node, tuple(faults), frozenset(index + 1 for index in lost), names)


def _compose(text: str, file: str) -> yaml.Node | None:
    loader = yaml.SafeLoader(text)
    loader.name = file
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _untabbed(lines: list[str]) -> Iterable[Fault]:
    """Put spaces where lines begin with tabs, and tell so once."""
    with_tabs = [index for index, line in enumerate(lines) if _TAB.match(line) and line.strip()]
    is_rare = 2 * len(with_tabs) < sum(line.startswith(" ") for line in lines)
    for index in with_tabs:
        above = next((line for line in reversed(lines[:index]) if line.strip()), "")
        as_above = " " * (_indent(above) + (2 if above.rstrip().endswith(":") else 0))
        spaces = as_above if is_rare else _TAB.sub(lambda tabs: tabs.group().replace("\t", "  "), lines[index], count=1)
        lines[index] = f"{spaces}{lines[index].lstrip()}" if is_rare else spaces
    if with_tabs:
        first, *more = (str(index + 1) for index in with_tabs)
        also = f" (and line{'s' if len(more) > 1 else ''} {', '.join(more)})" if more else ""
        text = f"this is not YAML: the line begins with a tab{also}; indent with spaces"
        yield Fault(int(first), text)


def _line_of(error: yaml.YAMLError, lines: list[str]) -> int:
    """Return the index of the line to mend."""
    if isinstance(error, yaml.reader.ReaderError):
        return "\n".join(lines)[: error.position].count("\n")
    mark = getattr(error, "problem_mark", None)
    if getattr(error, "context", None) in _OPENED_ABOVE and getattr(error, "context_mark", None):
        mark = error.context_mark  # type: ignore[attr-defined]
    at = min(mark.line, len(lines) - 1) if mark else 0
    if "'<scalar>'" in (getattr(error, "problem", None) or ""):
        # Text after a closing quotation mark: most often the one that should have closed an earlier line.
        at = next((index for index in range(at - 1, -1, -1) if _OPEN_QUOTE.search(lines[index])), at)
    if "mapping values" in (getattr(error, "problem", None) or ""):
        # A key without its colon makes the next line look wrong.
        above = next((index for index in range(at - 1, -1, -1) if lines[index].strip()), at)
        at = above if _LONE_WORD.match(lines[above]) else at
    return next((index for index in range(at, -1, -1) if lines[index].strip()), 0) if mark else 0


# ---------------------------------------------------------------- what is left out, wider each time


def _indent(line: str) -> int:
    match = _INDENT.match(line)
    return len(match.group()) if match else 0


def _below(lines: list[str], at: int, indent: int | None = None) -> Iterable[int]:
    """Yield a line and what is indented under it."""
    indent = _indent(lines[at]) if indent is None else indent
    yield at
    for index in range(at + 1, len(lines)):
        if lines[index].strip() and _indent(lines[index]) <= indent:
            return
        yield index


def _around(lines: list[str], at: int, indent_max: int) -> Iterable[int]:
    """Yield the entry around a line: from the line above that is indented less, to the end of what is under it."""
    above = (i for i in range(at - 1, -1, -1) if lines[i].strip() and _indent(lines[i]) <= indent_max)
    start = next(above, 0)
    return _below(lines, start, _indent(lines[start]))


_WIDER = (
    lambda lines, at: list(_below(lines, at)),
    lambda lines, at: list(_below(lines, at, max(0, _indent(lines[at]) or 4))),
    lambda lines, at: list(_around(lines, at, 2)),
    lambda lines, at: list(_around(lines, at, 0)),
)


# ---------------------------------------------------------------- words


def _words(error: yaml.YAMLError, lines: list[str], at: int) -> str:
    """Return the fix for a fault."""
    line = lines[at] if at < len(lines) else ""
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if "${" in line and re.search(r"[\[{].*\$\{", line) and "'" not in line and '"' not in line:
        return "inside { } or [ ] put ${NAME} in quotes"
    if _LONE_WORD.match(line):
        return "the line has no colon; write `key: value`, or `key:` above lines that belong to it"
    if _OPEN_QUOTE.search(line):
        return "the quotation mark that opens here is never closed"
    for part, words in _FIXES:
        if part in problem:
            return words
    return f"{problem}; correct the line"


_FIXES = (
    ("mapping values are not allowed", "a second colon, or a wrong indentation; put text that holds ': ' in quotes"),
    ("could not find expected ':'", "the line has no colon; write `key: value`"),
    ("expected ',' or ']'", "the [ that opens here is not closed, or a comma is missing"),
    ("expected ',' or '}'", "the { that opens here is not closed, or a comma is missing"),
    ("found unexpected end of stream", "the quotation mark that opens here is never closed"),
    ("found unexpected document separator", "the quotation mark that opens here is never closed"),
    ("but found another document", "a second document begins here; remove the line ---"),
    ("undefined alias", "text that begins with * needs quotes"),
    ("found character '\\t'", "a tab stands where spaces belong; indent with spaces"),
    ("that cannot start any token", "text that begins with a special sign, such as @ or %, needs quotes"),
    ("special characters are not allowed", "the file holds a character that is no text; remove it"),
    ("unknown escape character", "in double quotes \\ begins an escape; use single quotes"),
    ("expected alphabetic or numeric character", "text that begins with & or * needs quotes"),
    ("but found '<scalar>'", "text follows where the line above ended; look for a quotation mark too many"),
    ("expected <block end>", "the line is indented differently from those it belongs to; line them up"),
    ("did not find expected", "the line is indented differently from those it belongs to; line them up"),
    ("block sequence entries are not allowed", "a list begins in the middle of a line; put the - on a line of its own"),
)
