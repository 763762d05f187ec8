"""Links of an answer that stand in nothing it was made from: shown as text, so that nobody follows what was made up.

A model that was talked into sending something away can do so by a link that a person clicks. Pure.
"""

import html
import re
from collections.abc import Iterable

NOT_FROM_A_SOURCE = "not from a source"
_LINK = re.compile(r"(?:https?|ftp)://[^\s<>|\"'`\\\]{}]+|mailto:[^\s<>|\"'`\\\]{}]+", re.IGNORECASE)
_MARKDOWN = re.compile(
    r"!?\[(?P<label>[^\]\n]*)\]\(\s*<?(?P<url>(?:https?|ftp)://[^\s<>]+?|mailto:[^\s<>]+?)>?"
    r"(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?\s*\)",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?*_~"


def links_in(text: str) -> tuple[str, ...]:
    """Return the links of a text as they stand there, each once."""
    return tuple(dict.fromkeys(_trimmed(match[0]) for match in _LINK.finditer(_plain(text))))


def strange_links(text: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the links of a text that stand in none of the known texts, whole and verbatim."""
    vouched = {_same(link) for one in known for link in links_in(one)}
    return tuple(link for link in links_in(text) if _same(link) not in vouched)


def mark_strange_links(text: str, known: Iterable[str]) -> str:
    """Return a Markdown text in which links that stand in none of the known texts are plain text with a mark."""
    strange = set(strange_links(text, known))
    if not strange:
        return text

    def hidden(match: re.Match[str]) -> str:
        if _trimmed(_plain(match["url"])) not in strange:
            return match[0]
        label = match["label"].strip()
        shown = _LINK.sub("", label).strip()
        return f"{shown} ({_as_text(match['url'])}, {NOT_FROM_A_SOURCE})" if shown else _marked(match["url"])

    def bare(match: re.Match[str]) -> str:
        link = _trimmed(match[0])
        return _marked(link) + match[0][len(link) :] if _plain(link) in strange else match[0]

    return _LINK.sub(bare, _MARKDOWN.sub(hidden, text))


def _marked(link: str) -> str:
    return f"{_as_text(link)} ({NOT_FROM_A_SOURCE})"


def _as_text(link: str) -> str:
    """Return a link as code without its scheme, which nothing makes a link of again."""
    plain = re.sub(r"^[a-z]+:(?://)?", "", link, flags=re.IGNORECASE)
    return f"`{plain}`"


def _plain(text: str) -> str:
    return html.unescape(text.replace("\\/", "/")) if "&" in text or "\\" in text else text


def _trimmed(link: str) -> str:
    """Return a link without the punctuation of the sentence it ends."""
    while link:
        if link[-1] in _TRAILING or (link[-1] == ")" and link.count(")") > link.count("(")):
            link = link[:-1]
        else:
            break
    return link


def _same(link: str) -> str:
    """Return what is equal for two spellings of one link: scheme and host in lower case, no slash alone at the end."""
    scheme, sep, rest = link.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{sep}{host.lower()}{slash if path else ''}{path}" if sep else link.lower()
