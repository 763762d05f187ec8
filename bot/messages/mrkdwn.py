"""Text that Slack parses, made safe by its type: only `Mrkdwn` is sent unescaped, and only this module makes it.

Slack acts on `<!channel>`, `<@U1>`, `<#C1>`, `<!subteam^S1>` and `<url|label>` in every text it parses. Model and user
text must never reach it with a live `<`. A `str` is raw and is escaped where it meets a `Mrkdwn`; forgetting the type
shows an entity too many, never a ping.
"""

import re

from patterns.core.invisible import without_invisible

ELLIPSIS = "…"
WORD_JOINER = "\u2060"
"""Invisible, zero width: breaks a control sequence where no escape exists."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BROADCAST = re.compile(r"@(?=(?:here|channel|everyone)\b)", re.IGNORECASE)
_USER_ID = re.compile(r"[UW][A-Z0-9]{2,}")
_WEB_URL = re.compile(r"https?://[^\s<>|\"'`\\^{}\x00-\x20]+", re.IGNORECASE)
_SEQUENCE = re.compile(r"<(?=!(?:here|channel|everyone|group|subteam|date)\b|@[UWB]|#C)", re.IGNORECASE)
"""With labelled links, exactly what Slack acts on: code is copied from answers and must otherwise stay exact."""
_UNBROKEN = re.compile(r"[^>\s]+")
_ADDRESS_BEGINS = re.compile(r"<(?=[a-z]+:)", re.IGNORECASE)
LINK_MAX = 500
"""Characters; a longer address is shown as text, because it could not be split without breaking."""


class Mrkdwn(str):
    """Escaped text. Joining it with plain `str` operations gives `str` again, which will be escaped again."""

    __slots__ = ()


def clean(text: str) -> str:
    """Return the text without control and direction characters; line ends are newlines."""
    return _CONTROL.sub("", without_invisible(text.replace("\r\n", "\n").replace("\r", "\n")))


def escape(text: str) -> Mrkdwn:
    """Return text as mrkdwn that shows it literally; a `Mrkdwn` is returned as it is."""
    if isinstance(text, Mrkdwn):
        return text
    plain = _BROADCAST.sub(f"@{WORD_JOINER}", clean(text))
    return Mrkdwn(plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def unescape(text: str) -> str:
    """Return the input of `escape`, so that escaped text can be measured, cut and turned back."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def literal(text: str) -> str:
    """Return text for places that parse nothing (plain_text, table cells, code), with control sequences broken."""
    plain = _SEQUENCE.sub(f"<{WORD_JOINER}", _BROADCAST.sub(f"@{WORD_JOINER}", clean(text)))
    return _UNBROKEN.sub(_without_labels, plain) if "<" in plain and "|" in plain else plain


def _without_labels(unbroken: re.Match[str]) -> str:
    """Break `<url|label>` in a stretch without spaces: each address in it that a bar follows, found in one pass."""
    addresses, bar, label = unbroken[0].rpartition("|")
    return _ADDRESS_BEGINS.sub(f"<{WORD_JOINER}", addresses) + bar + label


def mrkdwn(template: str, /, **values: str) -> Mrkdwn:
    """Return one of our sentences with values in it; values that are not `Mrkdwn` are escaped."""
    return Mrkdwn(template.format(**{name: escape(value) for name, value in values.items()}))


def join(separator: str, parts: "list[Mrkdwn] | tuple[Mrkdwn, ...]") -> Mrkdwn:
    """Join parts, leaving out empty ones; the separator is one of our own."""
    return Mrkdwn(separator.join(escape(part) for part in parts if part))


def mention(user_id: str, name: str) -> Mrkdwn:
    """Return a live mention of a person who must act; the name when the id is not one of Slack's."""
    return Mrkdwn(f"<@{user_id}>") if _USER_ID.fullmatch(user_id) else escape(f"@{name}")


def link(url: str) -> Mrkdwn:
    """Return a clickable web address that reads as its destination; anything else as text."""
    address = clean(url)
    if len(address) <= LINK_MAX and _WEB_URL.fullmatch(address):
        return Mrkdwn(f"<{address.replace('&', '&amp;')}>")
    return escape(url)


def titled_link(url: str, title: str) -> Mrkdwn:
    """Return one of our own links under words of ours; the words alone where the address is none."""
    address, words = link(url), escape(title)
    return Mrkdwn(f"{address[:-1]}|{words.replace('|', ' ')}>") if address.startswith("<") else words


def with_links(text: str) -> Mrkdwn:
    """Return raw text with its web addresses clickable; everything between them is escaped."""
    parts: list[str] = []
    end = 0
    for found in _WEB_URL.finditer(text):
        address = found.group().rstrip(".,;:!?)]*_~")
        parts += [escape(text[end : found.start()]), link(address)]
        end = found.start() + len(address)
    return Mrkdwn("".join([*parts, escape(text[end:])]))


def size(text: str) -> int:
    """Return the length as Slack counts: UTF-16 units, so that an emoji outside the basic plane is two."""
    return len(text.encode("utf-16-le")) // 2


def clip(text: str, limit: int) -> str:
    """Return the text within `limit` units, with an ellipsis where cut; never inside an entity or a sequence."""
    if size(text) <= limit:
        return text
    kept = cut_at(text, limit - len(ELLIPSIS))
    return type(text)(text[:kept] + ELLIPSIS)


def cut_at(text: str, limit: int) -> int:
    """Return the largest index whose head fits into `limit` units and does not end inside `&…;` or `<…>`."""
    index = min(len(text), max(0, limit))
    while (over := size(text[:index]) - limit) > 0 and index:
        index -= (over + 1) // 2
    for opening, closing in (("&", ";"), ("<", ">")):
        start = text.rfind(opening, max(0, index - LINK_MAX - 2), index)
        if start > 0 and closing not in text[start:index] and closing in text[index : start + LINK_MAX + 2]:
            index = start
    return index
