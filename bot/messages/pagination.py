"""Long answers as messages Slack accepts: every limit measured, split by meaning, nothing cut.

Slack's limits: 3,000 characters per section, 12,000 of markdown blocks and about 13,200 of blocks in all per message,
50 blocks, one table of 100 rows and 20 columns. We stay below each, with room for headline and footer.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.messages.markdown import MarkdownPiece, code_piece, pieces
from bot.messages.mrkdwn import LINK_MAX, Mrkdwn, cut_at, escape, size, unescape

Profile = Literal["plain", "rich"]
"""`plain` is shown everywhere (sections); `rich` uses markdown, table and plan blocks, which old clients lack."""

UNIT_MAX = 2_800
"""Characters of one text block, below the 3,000 of a section."""
PAGE_MAX = 7_500
"""Characters of a message's answer blocks as JSON; the rest of 13,200 is for the headline and the footer."""
PAGE_BLOCKS = 40
TABLE_MAX = 7_000
TABLE_ROWS = 100
TABLE_COLUMNS = 20
_BOUNDARIES = ("\n\n", "\n", ". ", " ")


@dataclass(frozen=True, slots=True)
class Unit:
    """One block of an answer and its fallback text."""

    block: dict[str, Any]
    text: Mrkdwn


def paginate(markdown: str, profile: Profile, page_max: int = PAGE_MAX) -> tuple[tuple[Unit, ...], ...]:
    """Return the answer's blocks, grouped into messages; at least one message."""
    pages: list[list[Unit]] = [[]]
    weight = 0
    for unit in _units(pieces(markdown), profile):
        weight += _weight(unit)
        if pages[-1] and (weight > page_max or not _takes(pages[-1], unit)):
            pages.append([])
            weight = _weight(unit)
        pages[-1].append(unit)
    return tuple(tuple(page) for page in pages)


def finished_markdown(markdown: str) -> str:
    """Return the safe Markdown of an unfinished text, without its last piece, which may be incomplete."""
    return _markdown(pieces(markdown)[:-1])


def _takes(page: Sequence[Unit], unit: Unit) -> bool:
    if len(page) == PAGE_BLOCKS:
        return False
    return unit.block["type"] != "table" or all(shown.block["type"] != "table" for shown in page)


def _weight(unit: Unit) -> int:
    return max(size(json.dumps(unit.block, ensure_ascii=False)), size(unit.text))


def split(text: str, limit: int) -> Iterator[str]:
    """Yield parts of at most `limit` characters, cut at the last paragraph, line, sentence or word that fits."""
    at = 0
    while size(rest := text[at : at + limit + LINK_MAX + 2]) > limit:  # as far as a cut looks ahead
        end = cut_at(rest, limit)
        for boundary in _BOUNDARIES:
            found = rest.rfind(boundary, end // 2, end)
            if found > 0:
                end = found + len(boundary)
                break
        if head := rest[:end].strip("\n"):
            yield head
        at += end
    if rest := rest.strip("\n"):
        yield rest


def _units(parts: Sequence[MarkdownPiece], profile: Profile) -> Iterator[Unit]:
    """Yield blocks: text pieces share one while they fit; code and tables of the rich profile have their own."""
    held: list[MarkdownPiece] = []
    length = (0, 0)
    for piece in (small for part in parts for small in _small(part, profile)):
        alone = profile == "rich" and (piece.code is not None or bool(piece.rows))
        longer = _longer(length, piece) if held else _lengths(piece)
        if held and (alone or _counted(longer, profile) > UNIT_MAX):
            yield _text_unit(held, profile)
            held, longer = [], _lengths(piece)
        if alone:
            yield _own_unit(piece)
        else:
            held.append(piece)
            length = longer
    if held:
        yield _text_unit(held, profile)


def _small(piece: MarkdownPiece, profile: Profile) -> Iterator[MarkdownPiece]:
    """Yield the piece, or its parts when no block could hold it."""
    if profile == "rich" and piece.rows and _is_table(piece):
        yield piece
    elif _counted(_lengths(piece), profile) <= UNIT_MAX:
        yield MarkdownPiece(piece.mrkdwn, piece.markdown, tight=piece.tight, code=piece.code)
    elif piece.code is not None:
        for part in split(escape(piece.code), UNIT_MAX - 10):
            yield code_piece(unescape(part), tight=True)
    else:
        source = piece.mrkdwn if profile == "plain" else piece.markdown
        for at, part in enumerate(split(source, UNIT_MAX)):
            safe = part if profile == "plain" else part.replace("<", "&lt;").replace(">", "&gt;")
            yield MarkdownPiece(Mrkdwn(safe), part, tight=piece.tight and at == 0)


def _is_table(piece: MarkdownPiece) -> bool:
    cells = sum(size(cell) for row in piece.rows for cell in row)
    overhead = 40 * sum(len(row) for row in piece.rows)
    return len(piece.rows) <= TABLE_ROWS and len(piece.rows[0]) <= TABLE_COLUMNS and cells + overhead <= TABLE_MAX


def _joined(texts: Sequence[tuple[str, bool]]) -> str:
    return "".join(("" if not at else "\n" if tight else "\n\n") + text for at, (text, tight) in enumerate(texts))


def _mrkdwn(parts: Sequence[MarkdownPiece]) -> Mrkdwn:
    return Mrkdwn(_joined([(part.mrkdwn, part.tight) for part in parts]))


def _markdown(parts: Sequence[MarkdownPiece]) -> str:
    return _joined([(part.markdown, part.tight) for part in parts])


def _lengths(piece: MarkdownPiece) -> tuple[int, int]:
    """Return the length of a piece as mrkdwn and as Markdown."""
    return size(piece.mrkdwn), size(piece.markdown)


def _longer(lengths: tuple[int, int], piece: MarkdownPiece) -> tuple[int, int]:
    """Return the lengths of a text once the piece is joined to it: added up, because measuring again is quadratic."""
    (plain, rich), gap = _lengths(piece), len("\n" if piece.tight else "\n\n")
    return lengths[0] + gap + plain, lengths[1] + gap + rich


def _counted(lengths: tuple[int, int], profile: Profile) -> int:
    return lengths[0] if profile == "plain" else max(lengths)


def _text_unit(parts: Sequence[MarkdownPiece], profile: Profile) -> Unit:
    text = _mrkdwn(parts)
    if profile == "rich":
        return Unit({"type": "markdown", "text": _markdown(parts)}, text)
    body = {"type": "mrkdwn", "text": text, "verbatim": True}
    return Unit({"type": "section", "text": body, "expand": True}, text)


def _own_unit(piece: MarkdownPiece) -> Unit:
    if piece.rows:
        rows = [[{"type": "raw_text", "text": cell} for cell in row] for row in piece.rows]
        return Unit({"type": "table", "rows": rows}, piece.mrkdwn)
    text = [{"type": "text", "text": piece.code}]
    return Unit({"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": text}]}, piece.mrkdwn)
