"""A Markdown parser that keeps the text: what looks like marks inside words, names, paths and formulas is text.

Models write `3*4*5`, `__init__`, Windows paths and LaTeX without thinking of Markdown, and Slack could not show marks
inside a word anyway.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter

_NAME = re.compile(r"__(?:[a-z0-9]\w*?|[A-Z0-9_]+?|\w+_\w+?)__(?![^\W_])")
"""`__init__`, `__FILE__`: a name with its underscores. `__Note__` is bold."""
_DRIVE = re.compile(r"(?:^|\W)[A-Za-z]:\Z")
_PATH = re.compile(r"\\[^\s<>|\"?*`]*")
_SHARE = re.compile(r"\\\\[\w.$-]+\\[^\s<>|\"?*`]*")
_FORMULA = re.compile(
    r"\\\[.*?\\\]|\\\(.*?\\\)|\$\$.+?\$\$|\$(?=\S)(?=[^$\n]*[\\^_])[^$\n]+?(?<=\S)\$(?!\d)", re.DOTALL
)
_KEPT_ESCAPE = re.compile(r"\\[\[\](){}]")
"""What would lose its backslash, although it may be half a formula."""
_CLOSING = ")]}"
_OPENING = "([{"


def parser() -> MarkdownIt:
    """Return the parser: CommonMark without HTML, with tables and strikethrough."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.inline.ruler.before("escape", "literal", _literal)
    markdown.inline.ruler.at("emphasis", _emphasis)
    return markdown


def _literal(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the parser's signature
    """Take a formula, a path or a name with underscores as it stands."""
    text, at = state.src, state.pos
    begins_word = at == 0 or not text[at - 1].isalnum()
    found = None
    if text[at] in "\\$":
        path = _PATH if _DRIVE.search(text[max(0, at - 3) : at]) else _SHARE
        found = path.match(text, at) or _FORMULA.match(text, at) or _KEPT_ESCAPE.match(text, at)
    elif text[at] == "_" and begins_word:
        found = _NAME.match(text, at)
    if found is None:
        return False
    if not silent:
        state.push("text", "", 0).content = found.group()
    state.pos = found.end()
    return True


def _emphasis(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the parser's signature
    """Mark emphasis as CommonMark does, except where a star stands inside a word or behind a bracket."""
    marker = state.src[state.pos]
    if silent or marker not in "_*":
        return False
    scanned = state.scanDelims(state.pos, marker == "*")
    before = state.src[state.pos - 1 : state.pos]
    after = state.src[state.pos + scanned.length : state.pos + scanned.length + 1]
    may_open = scanned.can_open and not _is_inside(before, _CLOSING)
    may_close = scanned.can_close and not _is_inside(after, _OPENING)
    for _ in range(scanned.length):
        state.push("text", "", 0).content = marker
        state.delimiters.append(
            Delimiter(
                marker=ord(marker),
                length=scanned.length,
                token=len(state.tokens) - 1,
                end=-1,
                open=may_open,
                close=may_close,
            )
        )
    state.pos += scanned.length
    return True


def _is_inside(neighbour: str, brackets: str) -> bool:
    return neighbour != "" and ((neighbour.isascii() and neighbour.isalnum()) or neighbour in brackets)
