"""The words of a Slack message wherever they stand: its text, blocks, attachments and what it forwards. Pure.

Words come as people read them; what a message holds besides words is named, so that nobody takes it for read.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.commands.text import unescape
from patterns.core.invisible import without_invisible

Payload = Mapping[str, Any]
ATTACHED_ONLY = "Read what is attached and say what matters in it."
"""The request that a file or a forwarded message without text stands for."""
DEPTH_MAX = 8
"""Deepest nesting of blocks that is read; Slack nests less."""
_LINES = frozenset({"rich_text_section", "rich_text_preformatted", "rich_text_quote", "rich_text_list", "table_row"})
"""Rich text elements that end a line."""
_SEEN_ONLY = {"image": "a picture", "video": "a video", "file": "a file", "data_visualization": "a chart"}
"""Blocks that show something which is no text, by the words for it."""


def request_in(message: Payload, text: str) -> str:
    """Return what a person asks with a message of that text: the text, else its blocks, else to read what it brings."""
    said = without_invisible(text).strip()
    if said or not (message.get("attachments") or message.get("blocks")):
        return text if said else ""
    brought = [_attachment_words(one) for one in _dicts(message.get("attachments"))]
    return ATTACHED_ONLY if any(brought) or shares_of(message) else "\n".join(_block_lines(message.get("blocks")))


def words_of(message: Payload) -> str:
    """Return everything a message says, without repeating what several parts say; empty when it says nothing."""
    parts = [_read(message.get("text")), "\n".join(_block_lines(message.get("blocks")))]
    parts += [_attachment_words(one) for one in _dicts(message.get("attachments"))]
    return _without_repeats(parts)


def shares_of(message: Payload) -> list[Payload]:
    """Return the attachments that are other messages, forwarded or shared with this one."""
    return [one for one in _dicts(message.get("attachments")) if one.get("is_share")]


def share_words(share: Payload) -> str:
    """Return what a forwarded message says, without its author; empty when Slack did not send its words."""
    inner = [_dict(one.get("message")) for one in _dicts(share.get("message_blocks"))]
    blocks = [line for message in inner for line in _block_lines(message.get("blocks"))]
    own = [_read(share.get("text")), "\n".join(blocks), "\n".join(_block_lines(share.get("blocks")))]
    own += [_field_words(field) for field in _dicts(share.get("fields"))]
    own += [_attachment_words(one) for one in _dicts(share.get("attachments"))]
    said = _without_repeats([_read(share.get("pretext")), _read(share.get("title")), *own])
    return said or ("" if share.get("private_channel_prompt") else _read(share.get("fallback")))


def attached_words(message: Payload) -> str:
    """Return what a message's own attachments say, without forwarded messages, link previews and its own text."""
    others = [one for one in _dicts(message.get("attachments")) if not (one.get("is_share") or one.get("from_url"))]
    own = _read(message.get("text"))
    said = [words for one in others if (words := _attachment_words(one)) and _plain(words) not in _plain(own)]
    return _without_repeats(said)


def files_of(message: Payload) -> list[Payload]:
    """Return the files of a message and of those it forwards, each once."""
    found = [*_dicts(message.get("files"))]
    found += [file for share in shares_of(message) for file in _dicts(share.get("files"))]
    return list({str(file.get("id")): file for file in found if file.get("id")}.values())


def unread_in(message: Payload) -> list[str]:
    """Return names for what a message shows besides words and files, each once: `a picture`."""
    shown = [str(block.get("type")) for block in _dicts(message.get("blocks"))]
    for one in _dicts(message.get("attachments")):
        shown += ["image"] * bool(one.get("image_url") or one.get("thumb_url"))
        shown += [str(block.get("type")) for block in _dicts(one.get("blocks"))]
        inner = [_dict(part.get("message")) for part in _dicts(one.get("message_blocks"))]
        shown += [str(block.get("type")) for message in inner for block in _dicts(message.get("blocks"))]
    return list(dict.fromkeys(_SEEN_ONLY[kind] for kind in shown if kind in _SEEN_ONLY))


def _attachment_words(one: Payload) -> str:
    """Return the words of an attachment as they stand under the message, with whom it quotes."""
    if one.get("is_share") or one.get("is_msg_unfurl"):
        author, said = _read(one.get("author_name")), share_words(one)
        return f"forwarded from {author or 'somebody'}: {said}" if said else ""
    told = [_read(one.get(name)) for name in ("pretext", "author_name", "title", "text")]
    told += [_field_words(field) for field in _dicts(one.get("fields"))]
    told += ["\n".join(_block_lines(one.get("blocks"))), _read(one.get("footer"))]
    return _without_repeats(told) or _read(one.get("fallback"))


def _field_words(field: Payload) -> str:
    title, value = _read(field.get("title")), _read(field.get("value"))
    return f"{title}: {value}" if title and value else title or value


def _block_lines(blocks: object) -> list[str]:
    lines: list[str] = []
    for block in _dicts(blocks):
        line = " ".join("".join(_block_words(block, 0)).split(" "))
        lines += [part.strip() for part in line.split("\n") if part.strip()]
    return lines


def _block_words(element: Payload, depth: int) -> Iterator[str]:
    """Yield the words of a block or an element, line ends between its parts."""
    if depth > DEPTH_MAX:
        return
    kind = str(element.get("type"))
    if kind in {"user", "usergroup", "channel", "emoji", "broadcast", "link", "date"}:
        yield _inline(kind, element)
        return
    for name in ("title", "text", "alt_text", "label", "description", "hint"):
        inner = element.get(name)
        if isinstance(inner, str) and inner:
            yield inner if kind == "text" else f"{_read(inner)}{' | ' if kind == 'raw_text' else chr(10)}"
        elif isinstance(inner, Mapping):
            yield f"{_read(inner.get('text'))}\n"
    for name in ("fields", "elements", "rows", "options", "accessory", "element"):
        inner = element.get(name)
        for part in [inner] if isinstance(inner, Mapping) else _flat(inner):
            yield from _block_words(part, depth + 1)
    if kind in _LINES:
        yield "\n"


def _inline(kind: str, element: Payload) -> str:
    match kind:
        case "user" | "usergroup" | "channel":
            sign = {"user": "<@", "usergroup": "<!subteam^", "channel": "<#"}[kind]
            return f"{sign}{element.get(f'{kind}_id', '')}>"
        case "emoji":
            return f":{element.get('name', '')}:"
        case "broadcast":
            return f"@{element.get('range', '')}"
        case "link":
            url, text = str(element.get("url") or ""), str(element.get("text") or "")
            return f"{text} ({url})" if text and text != url else url
        case _:
            return str(element.get("fallback") or "")


def _without_repeats(parts: Sequence[str]) -> str:
    """Return the parts in order, without one whose words another says already."""
    kept: list[str] = []
    for part in parts:
        if part and not any(_plain(part) in _plain(other) for other in kept):
            kept = [other for other in kept if _plain(other) not in _plain(part)] + [part]
    return "\n".join(kept)


def _plain(text: str) -> str:
    """Return only letters and digits: the same words are written with other marks in `text` than in `blocks`."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _read(text: object) -> str:
    return without_invisible(unescape(text)).strip() if isinstance(text, str) else ""


def _dict(value: object) -> Payload:
    return value if isinstance(value, Mapping) else {}


def _dicts(value: object) -> list[Payload]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def _flat(value: object) -> Iterator[Payload]:
    """Yield the elements of a list, and of the lists in it: a table's rows are lists of cells."""
    for one in value if isinstance(value, list) else ():
        if isinstance(one, Mapping):
            yield one
        else:
            yield from _dicts(one)
            yield {"type": "table_row"}
