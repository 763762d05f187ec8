"""Models' Markdown as pieces that Slack can show: parsed once, written as mrkdwn and as safe Markdown.

A piece is the smallest part with a meaning of its own (a paragraph, a list item, a code block, a table), so that long
answers are split between pieces. Links always show their destination, images become links, HTML is text.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from markdown_it.token import Token

from bot.messages.imitation import mark_imitations
from bot.messages.markdown_parser import parser
from bot.messages.mrkdwn import WORD_JOINER, Mrkdwn, clean, escape, link, literal, with_links

_PARSER = parser()
_TASKS = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}
_MARKS = re.compile(
    r"\\(?=[!-/:-@\[-`{-~]|\Z)|(?<!\s)\*|\*(?!\s|\Z)|(?<![^\W_])_(?!\s)|(?<!\s)_(?![^\W_])|`|~(?=~)|(?<=~)~"
)
"""What a Markdown parser would take for marks in text that is none; between spaces or inside a word it would not."""
_LANGUAGE = re.compile(r"\{[^\n]*+(?<=\})|[\w+#.:/@-]++(?:[ ,]*+(?>\{[^\n]*\}|[\w-]++=(?:\"[^\"]*+\"|\S++)))*+")
"""What a fence says of its code: a language or a file, with attributes."""
_TABLE_TEXT_WIDTH = 90
"""Characters; a wider table would wrap in a code block, so it is written as one list per row."""


@dataclass(frozen=True, slots=True)
class MarkdownPiece:
    """One part of an answer in both notations. `tight` joins it to the previous piece by a newline, not a blank line.

    `code` and `rows` are set for code blocks and tables, whose literal content some blocks can take as it is.
    """

    mrkdwn: Mrkdwn
    markdown: str
    tight: bool = False
    code: str | None = None
    rows: tuple[tuple[str, ...], ...] = ()


def pieces(text: str) -> tuple[MarkdownPiece, ...]:
    """Return the pieces of a Markdown text, in order. Any text is accepted; what is not Markdown is a paragraph."""
    return tuple(_Walk(_PARSER.parse(mark_imitations(clean(text)))).pieces())


# ---------------------------------------------------------------- inline


@dataclass(frozen=True, slots=True)
class _Spelling:
    """How one target notation writes inline marks."""

    text: Callable[[str], str]
    label: Callable[[str], str]
    code: Callable[[str], str]
    link: Callable[[str], str]
    marks: dict[str, str]


def _markdown_text(text: str) -> str:
    """Return literal text inside Markdown: no tags, no entities, and no brackets that could become a link."""
    marked = _MARKS.sub(r"\\\g<0>", literal(text))
    plain = re.sub(r"&(?=#?\w+;)", "&amp;", marked).replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"\](?=[(:\[])", f"]{WORD_JOINER}", plain)


def _markdown_code(text: str) -> str:
    ticks = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{ticks}{pad}{literal(text)}{pad}{ticks}"


_MRKDWN = _Spelling(
    text=with_links,
    label=escape,
    code=lambda text: f"`{escape(text.replace('`', chr(39)))}`",
    link=link,
    marks={"strong": "*", "em": "_", "s": "~"},
)
_MARKDOWN = _Spelling(
    text=_markdown_text,
    label=_markdown_text,
    code=_markdown_code,
    link=_markdown_text,
    marks={},
)
_HEADING = replace(_MRKDWN, marks={"strong": "", "em": "_", "s": "~"})
"""A heading is bold as a whole."""
_PLAIN = _Spelling(text=str, label=str, code=str, link=str, marks={"strong": "", "em": "", "s": ""})


def _inline(tokens: Sequence[Token], spelling: _Spelling) -> str:
    out: list[str] = []
    links: list[tuple[str, int]] = []
    for token in tokens:
        if token.type == "text":
            out.append((spelling.label if links else spelling.text)(token.content))
        elif token.type == "code_inline":
            out.append(spelling.code(token.content))
        elif token.type in {"softbreak", "hardbreak"}:
            out.append("\n")
        elif token.type == "image":
            alt = _inline(token.children or (), _PLAIN)
            out.append(_labelled(spelling.label(alt), str(token.attrs.get("src", "")), spelling))
        elif token.type == "link_open":
            links.append((str(token.attrs.get("href", "")), len(out)))
        elif token.type == "link_close":
            href, start = links.pop()
            label = "".join(out[start:])
            out[start:] = [_labelled(label, href, spelling)]
        else:
            # In Markdown the model's own marks stay: side by side, equal ones would become one.
            out.append(token.markup if spelling is _MARKDOWN else spelling.marks.get(token.tag, ""))
    return "".join(out)


def _labelled(label: str, href: str, spelling: _Spelling) -> str:
    """Return a link whose destination is readable before it is clicked."""
    if not label.strip() or label == spelling.label(href):
        return spelling.link(href)
    return f"{label} ({spelling.link(href)})"


# ---------------------------------------------------------------- blocks


@dataclass(slots=True)
class _Walk:
    """One pass over the parser's tokens; lists and quotes are prefixes of the lines inside them."""

    tokens: list[Token]
    lists: list[int | None] = field(default_factory=list)
    quotes: int = 0
    bullet: str = ""
    fresh: bool = True

    def pieces(self) -> Iterator[MarkdownPiece]:
        """Yield every block as a piece."""
        at = 0
        while at < len(self.tokens):
            token = self.tokens[at]
            if token.type == "table_open":
                end = next(i for i in range(at, len(self.tokens)) if self.tokens[i].type == "table_close")
                yield _table(self.tokens[at:end])
                at = end
            elif token.type in {"fence", "code_block"}:
                yield code_piece(_code_of(token))
            elif token.type == "hr":
                yield MarkdownPiece(Mrkdwn("———"), "---")
            elif token.type == "inline":
                yield self._lines(token, heading=self.tokens[at - 1].type == "heading_open")
            else:
                self._nest(token)
            at += 1

    def _nest(self, token: Token) -> None:
        if token.type == "bullet_list_open":
            self.lists.append(None)
        elif token.type == "ordered_list_open":
            self.lists.append(int(token.attrs.get("start", 1)))
        elif token.type in {"bullet_list_close", "ordered_list_close"}:
            self.lists.pop()
            self.fresh = not self.lists
        elif token.type == "list_item_open":
            number = self.lists[-1]
            self.bullet = "- " if number is None else f"{number}. "
            self.lists[-1] = None if number is None else number + 1
        elif token.type.startswith("blockquote"):
            self.quotes += token.nesting

    def _lines(self, inline: Token, *, heading: bool) -> MarkdownPiece:
        """Return a paragraph, heading or list item with indent, bullet and quote marks before each line."""
        depth = max(0, len(self.lists) - 1)
        bullet, self.bullet = self.bullet, ""
        tight, self.fresh = bool(self.lists) and not self.fresh, not self.lists
        children = inline.children or []
        plain, rich = _inline(children, _HEADING if heading else _MRKDWN), _inline(children, _MARKDOWN)
        if heading:
            plain, rich = f"*{plain}*", f"### {rich}"
        task = next((mark for mark in _TASKS if bullet and inline.content.startswith(mark)), "")
        plain_bullet = bullet.replace("- ", "• ")
        if task:
            plain, plain_bullet = plain.removeprefix(task), _TASKS[task]
        quote = "> " * bool(self.quotes)
        gap = " " * len(bullet) if bullet else "   " * bool(self.lists)
        return MarkdownPiece(
            Mrkdwn(_prefixed(plain, quote + "    " * depth, plain_bullet, gap)),
            _prefixed(rich, quote + "    " * depth, bullet, gap),
            tight=tight,
        )


def _prefixed(text: str, indent: str, first: str, rest: str) -> str:
    lines = text.split("\n")
    return "\n".join(indent + (rest if at else first) + line for at, line in enumerate(lines))


def _code_of(token: Token) -> str:
    """Return the text of a code block, with what stands behind its opening mark where that is no language."""
    code, info = token.content.rstrip("\n"), token.info.strip()
    is_language = not info or _LANGUAGE.fullmatch(info) is not None
    return code if is_language and code.strip() else "\n".join(filter(None, (info, code)))


def code_piece(code: str, *, tight: bool = False) -> MarkdownPiece:
    """Return a code block that its content cannot close."""
    plain, rich = (text.replace("```", f"`{WORD_JOINER}``") for text in (escape(code), literal(code)))
    return MarkdownPiece(Mrkdwn(f"```\n{plain}\n```"), f"```\n{rich}\n```", tight=tight, code=literal(code) or " ")


def _table(tokens: Sequence[Token]) -> MarkdownPiece:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(" ".join(_inline(token.children or (), _PLAIN).split()))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    if sum(widths) + 3 * len(widths) <= _TABLE_TEXT_WIDTH:
        lines = [
            "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        as_text = code_piece("\n".join([lines[0], "   ".join("-" * width for width in widths), *lines[1:]]))
        written, markdown = as_text.mrkdwn, as_text.markdown
    else:
        head = rows[0]
        records = [[(name, cell) for name, cell in zip(head, row, strict=True) if cell] for row in rows[1:] or rows]
        written = Mrkdwn("\n\n".join("\n".join(f"• *{escape(n)}*: {with_links(c)}" for n, c in r) for r in records))
        markdown = "\n\n".join(
            "\n".join(f"- **{_markdown_text(n)}**: {_markdown_text(c)}" for n, c in r) for r in records
        )
    return MarkdownPiece(written, markdown, rows=tuple(tuple(literal(cell) or "-" for cell in row) for row in rows))
