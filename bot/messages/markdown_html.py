"""Models' Markdown as HTML for a page that loads nothing: a few tags without attributes, every text escaped.

Links and pictures are text with their address beside it, HTML is text, and what reads as JSON stays as it was written.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

from markdown_it.token import Token
from markupsafe import Markup, escape

from bot.messages.markdown_parser import parser
from bot.messages.mrkdwn import clean

_PARSER = parser()
_TAGS = frozenset(
    {"p", "ul", "ol", "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "strong", "em", "s", "hr"}
)
_HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}
"""The page has headings of its own above these."""
_INLINE_TAGS = {"strong": "strong", "em": "em", "s": "s"}


def blocks(text: str) -> Markup:
    """Return a text as HTML; any text is accepted."""
    shown = clean(text)
    if _is_json(shown):
        return Markup("<pre>{}</pre>").format(shown)
    return Markup("").join(_of_blocks(_PARSER.parse(shown)))


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _of_blocks(tokens: Sequence[Token]) -> Iterator[Markup]:
    for token in tokens:
        if token.type in ("fence", "code_block"):
            yield Markup("<pre>{}</pre>").format(token.content)
        elif token.type == "inline":
            yield from _of_inline(token.children or ())
        else:
            yield _tag(_HEADINGS.get(token.tag, token.tag), token.nesting, is_hidden=token.hidden)


def _of_inline(tokens: Iterable[Token]) -> Iterator[Markup]:
    addresses: list[str] = []
    for token in tokens:
        kind = token.type.partition("_")[0]
        if token.type == "link_open":
            addresses.append(str(token.attrs.get("href", "")))
        elif token.type == "link_close":
            yield escape(f" ({addresses.pop()})") if addresses else Markup("")
        elif token.type == "image":
            yield escape(f"{token.content or 'picture'} ({token.attrs.get('src', '')})")
        elif token.type == "code_inline":
            yield Markup("<code>{}</code>").format(token.content)
        elif kind in _INLINE_TAGS and token.nesting:
            yield _tag(kind, token.nesting)
        elif token.type in ("softbreak", "hardbreak"):
            yield Markup("<br>")
        else:
            yield escape(token.content)


def _tag(name: str, nesting: int, *, is_hidden: bool = False) -> Markup:
    if is_hidden or (name not in _TAGS and name not in _HEADINGS.values()):
        return Markup("")
    return Markup(f"</{name}>" if nesting < 0 else f"<{name}>")  # noqa: S704 - one of the tags above
