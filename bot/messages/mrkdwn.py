"""Text that Slack parses, made safe by its type: only `Mrkdwn` goes out unescaped, and only this module makes it.

Slack acts on `<!channel>`, `<@U1>`, `<#C1>`, `<!subteam^S1>` and `<url|label>` in every text it parses. Model and user
text must never reach it with a live `<`. A `str` is raw and is escaped where it meets a `Mrkdwn`; forgetting the type
shows an entity too many, never a ping.
"""

import re

ELLIPSIS = "…"
WORD_JOINER = "\u2060"
"""Invisible and without width: breaks a control sequence where no escape exists."""

_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""Control characters, and the marks that reverse the direction of text and so disguise where a link goes."""
_BROADCAST = re.compile(r"@(?=(?:here|channel|everyone)\b)", re.IGNORECASE)
_USER_ID = re.compile(r"[UW][A-Z0-9]{2,}")
_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]{2,}")
_WEB_URL = re.compile(r"https?://[^\s<>|\"'`\\^{}\x00-\x20]+", re.IGNORECASE)
_SEQUENCE = re.compile(
    r"<(?=!(?:here|channel|everyone|group|subteam|date)\b|@[UWB]|#C|[a-z]+:[^>\s]*\|)", re.IGNORECASE
)
"""What Slack could act on, and no more: code is copied from answers and must stay exact otherwise."""
LINK_MAX = 500
"""A longer address is shown as text: it could not be split without breaking."""


class Mrkdwn(str):
    """Escaped text. Joining it with plain `str` operations gives `str` again, which will be escaped again."""

    __slots__ = ()


def clean(text: str) -> str:
    """The text without characters that nobody sees but everything obeys; line ends are newlines."""
    return _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def escape(text: str) -> Mrkdwn:
    """Text as mrkdwn shows it literally; a `Mrkdwn` is returned as it is."""
    if isinstance(text, Mrkdwn):
        return text
    plain = _BROADCAST.sub(f"@{WORD_JOINER}", clean(text))
    return Mrkdwn(plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def unescape(text: str) -> str:
    """What `escape` was given, so that escaped text can be measured, cut and turned back."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def literal(text: str) -> str:
    """Text for places that should not parse anything (plain_text, table cells, code): broken sequences all the same."""
    return _SEQUENCE.sub(f"<{WORD_JOINER}", _BROADCAST.sub(f"@{WORD_JOINER}", clean(text)))


def mrkdwn(template: str, /, **values: str) -> Mrkdwn:
    """A sentence of ours with values in it; values that are not `Mrkdwn` are escaped."""
    return Mrkdwn(template.format(**{name: escape(value) for name, value in values.items()}))


def join(separator: str, parts: "list[Mrkdwn] | tuple[Mrkdwn, ...]") -> Mrkdwn:
    """Parts behind one another, empty ones left out; the separator is ours."""
    return Mrkdwn(separator.join(escape(part) for part in parts if part))


def mention(user_id: str, name: str) -> Mrkdwn:
    """A live mention of a person who must act; the name when the id is not one of Slack's."""
    return Mrkdwn(f"<@{user_id}>") if _USER_ID.fullmatch(user_id) else escape(f"@{name}")


def channel_link(channel_id: str, name: str) -> Mrkdwn:
    """A live link to a channel; its name when the id is not one of Slack's."""
    return Mrkdwn(f"<#{channel_id}>") if _CHANNEL_ID.fullmatch(channel_id) else escape(name)


def link(url: str) -> Mrkdwn:
    """A web address that can be clicked and reads as where it leads; anything else is shown as text."""
    address = clean(url)
    if len(address) <= LINK_MAX and _WEB_URL.fullmatch(address):
        return Mrkdwn(f"<{address.replace('&', '&amp;')}>")
    return escape(url)


def with_links(text: str) -> Mrkdwn:
    """Raw text with its web addresses made clickable; everything between them is escaped."""
    parts: list[str] = []
    end = 0
    for found in _WEB_URL.finditer(text):
        address = found.group().rstrip(".,;:!?)]*_~")
        parts += [escape(text[end : found.start()]), link(address)]
        end = found.start() + len(address)
    return Mrkdwn("".join([*parts, escape(text[end:])]))


def size(text: str) -> int:
    """Characters as Slack counts them: UTF-16 units, so that an emoji outside the basic plane is two."""
    return len(text.encode("utf-16-le")) // 2


def clip(text: str, limit: int) -> str:
    """The text within `limit` units, ending in an ellipsis where it was cut; never inside an entity or a sequence."""
    if size(text) <= limit:
        return text
    kept = cut_at(text, limit - len(ELLIPSIS))
    return type(text)(text[:kept] + ELLIPSIS)


def cut_at(text: str, limit: int) -> int:
    """The largest index whose head fits into `limit` units without ending inside `&…;` or `<…>`."""
    index = min(len(text), max(0, limit))
    while (over := size(text[:index]) - limit) > 0 and index:
        index -= (over + 1) // 2
    for opening, closing in (("&", ";"), ("<", ">")):
        start = text.rfind(opening, max(0, index - LINK_MAX - 2), index)
        if start > 0 and closing not in text[start:index] and closing in text[index : start + LINK_MAX + 2]:
            index = start
    return index
