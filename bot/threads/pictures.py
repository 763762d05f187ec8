"""What a picture really is: its format and its size in pixels, from the header that a decoder would believe. Pure.

A few kilobytes can claim more pixels than a machine has memory, and a name or a media type can claim anything.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from bot.threads.unread import UnreadError

SIDE_MAX = 8_000
PIXELS_MAX = 40_000_000
"""Providers take 8,000 pixels a side at most, and make pictures smaller than this before a model sees them."""
_MARKERS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a model can be shown."""

    media_type: str
    width: int
    height: int


class _BrokenError(Exception):
    """The bytes do not go on as their format asks."""


def picture_of(data: bytes) -> Picture:
    """Return what a picture is.

    Raises:
        UnreadError: it is none that models take, is damaged, or has too many pixels.
    """
    found = next(((kind, size) for begins, kind, size in _FORMATS if begins(data)), None)
    if found is None:
        raise UnreadError("I see PNG, JPEG, GIF and WebP only")
    media_type, size_of = found
    try:
        width, height = size_of(data)
    except (_BrokenError, struct.error, IndexError):
        raise UnreadError("the picture is damaged") from None
    if not width or not height:
        raise UnreadError("the picture is damaged")
    if max(width, height) > SIDE_MAX or width * height > PIXELS_MAX:
        raise UnreadError(
            f"it has {width:,} by {height:,} pixels; I look at up to {SIDE_MAX:,} a side"
            f" and {PIXELS_MAX // 1_000_000} million in all"
        )
    return Picture(media_type, width, height)


def _png(data: bytes) -> tuple[int, int]:
    """Return the size of a PNG whose chunks are all there: header, pixels, end."""
    at = 8
    kinds: list[bytes] = []
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data) or len(kinds) >= _MARKERS_MAX:
            raise _BrokenError
        kinds.append(kind)
        at += 12 + length
        if kind == b"IEND":
            break
    if kinds[:1] != [b"IHDR"] or kinds[-1] != b"IEND" or b"IDAT" not in kinds:
        raise _BrokenError
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    """Return the size in the frame header of a JPEG that goes on to its scan."""
    at, size = 2, None
    for _ in range(_MARKERS_MAX):
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # noqa: PLR2004 - fill bytes
            at += 1
        mark, kind = struct.unpack_from(">BB", data, at)
        if mark != 0xFF:  # noqa: PLR2004 - what every marker begins with
            raise _BrokenError
        if kind == 0xDA and size:  # noqa: PLR2004 - start of scan
            return size
        if kind == 0x01 or 0xD0 <= kind <= 0xD7:  # noqa: PLR2004 - markers without a length
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):  # noqa: PLR2004 - start of frame
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        at += 2 + max(2, length)
    raise _BrokenError


def _gif(data: bytes) -> tuple[int, int]:
    """Return the larger of the screen and the first image on it, of a GIF that has one."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _table_bytes(flags)
    for _ in range(_MARKERS_MAX):
        if data[at] == 0x2C:  # noqa: PLR2004 - an image
            left, top, wide, high = struct.unpack_from("<HHHH", data, at + 1)
            return max(width, left + wide), max(height, top + high)
        if data[at] != 0x21:  # noqa: PLR2004 - an extension
            raise _BrokenError
        at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
    raise _BrokenError


def _table_bytes(flags: int) -> int:
    return 3 << (1 + (flags & 0x07)) if flags & 0x80 else 0


def _webp(data: bytes) -> tuple[int, int]:
    """Return the size in the first chunk of a WebP whose bytes are all there."""
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise _BrokenError
    kind, body = data[12:16], 20
    if kind == b"VP8X":
        wide, high = (int.from_bytes(data[body + at : body + at + 3], "little") for at in (4, 7))
        return wide + 1, high + 1
    if kind == b"VP8L":
        mark, bits = struct.unpack_from("<BI", data, body)
        if mark != 0x2F:  # noqa: PLR2004 - its signature
            raise _BrokenError
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[body + 3 : body + 6] == b"\x9d\x01\x2a":
        wide, high = struct.unpack_from("<HH", data, body + 6)
        return wide & 0x3FFF, high & 0x3FFF
    raise _BrokenError


_Format = tuple[Callable[[bytes], bool], str, Callable[[bytes], tuple[int, int]]]
_FORMATS: tuple[_Format, ...] = (
    (lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"), "image/png", _png),
    (lambda data: data.startswith(b"\xff\xd8\xff"), "image/jpeg", _jpeg),
    (lambda data: data.startswith((b"GIF87a", b"GIF89a")), "image/gif", _gif),
    (lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", "image/webp", _webp),
)
