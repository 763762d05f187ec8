"""A Markdown parser that keeps the text: what looks like marks inside words, names, paths and formulas is text.

Models write `3*4*5`, `__init__`, Windows paths and LaTeX without thinking of Markdown, and Slack could not show marks
inside a word anyway. Each rule looks at a bounded stretch, so that the work grows with the text and no faster.
"""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter

INLINE_MAX = 4_000
"""Characters of a paragraph that are parsed at once; parsers of inline marks look back and ahead in all of them."""
_NAME = re.compile(r"__(?:[a-z0-9]\w{0,60}?|[A-Z0-9_]{1,60}?|\w{1,30}_\w{1,30}?)__(?![^\W_])")
"""`__init__`, `__FILE__`: a name with its underscores. `__Note__` is bold."""
_DRIVE = re.compile(r"(?:^|\W)[A-Za-z]:\Z")
_PATH = re.compile(r"\\[^\s<>|\"?*`]*")
_SHARE = re.compile(r"\\\\[\w.$-]+\\[^\s<>|\"?*`]*")
_FORMULA = re.compile(r"\$(?=\S)(?=[^$\n]*[\\^_])[^$\n]+?(?<=\S)\$(?!\d)")
_FORMULA_ENDS = {"\\[": "\\]", "\\(": "\\)", "$$": "$$"}
_KEPT_ESCAPE = re.compile(r"\\[\[\](){}]")
"""What would lose its backslash, although it may be half a formula."""
_CLOSING = ")]}"
_OPENING = "([{"


def parser() -> MarkdownIt:
    """Return the parser: CommonMark without HTML, with tables and strikethrough."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.inline.ruler.before("escape", "literal", _literal)
    markdown.inline.ruler.at("emphasis", _emphasis)
    markdown.core.ruler.at("inline", _parse_inline)
    markdown.parse("a")  # puts its rules in order, which two threads must not do at once
    return markdown


def _parse_inline(state: StateCore) -> None:
    """Parse the text of each block, in stretches where it is very long."""
    for token in state.tokens:
        if token.type == "inline":
            token.children = token.children or []
            for part in _stretches(token.content):
                state.md.inline.parse(part, state.md, state.env, token.children)


def _stretches(text: str) -> Iterator[str]:
    """Yield a text in stretches of at most `INLINE_MAX` characters, cut behind a line, a sentence or a word."""
    at = 0
    while len(text) - at > INLINE_MAX:
        half, end = at + INLINE_MAX // 2, at + INLINE_MAX
        found = next((f + len(cut) for cut in ("\n", ". ", " ") if (f := text.rfind(cut, half, end)) >= 0), end)
        yield text[at:found]
        at = found
    yield text[at:]


def _literal(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the parser's signature
    """Take a formula, a path or a name with underscores as it stands."""
    text, at = state.src, state.pos
    begins_word = at == 0 or not text[at - 1].isalnum()
    end = None
    if text[at] in "\\$":
        path = _PATH if _DRIVE.search(text[max(0, at - 3) : at]) else _SHARE
        end = _end(path.match(text, at)) or _formula_end(text, at) or _end(_KEPT_ESCAPE.match(text, at))
    elif text[at] == "_" and begins_word:
        end = _end(_NAME.match(text, at))
    if end is None:
        return False
    if not silent:
        state.push("text", "", 0).content = text[at:end]
    state.pos = end
    return True


def _end(found: re.Match[str] | None) -> int | None:
    return found.end() if found else None


def _formula_end(text: str, at: int) -> int | None:
    """Return where the formula ends that begins there; None where none does."""
    opening = text[at : at + 2]
    if (closing := _FORMULA_ENDS.get(opening)) is None:
        return _end(_FORMULA.match(text, at))
    begin = at + len(opening) + (opening == closing)
    found = text.find(closing, begin)
    return found + len(closing) if found >= 0 else None


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
