"""Pictures for tests: small ones that any decoder takes, and headers that claim whatever they are told to."""

import struct
import zlib


def png(width: int = 8, height: int | None = None, *, claims: tuple[int, int] | None = None) -> bytes:
    """Return a red PNG of that size; its header may claim another one."""
    height = width if height is None else height
    rows = (b"\x00" + b"\xff\x00\x00" * width) * height
    said = claims or (width, height)
    parts = {b"IHDR": struct.pack(">IIBBBBB", *said, 8, 2, 0, 0, 0), b"IDAT": zlib.compress(rows), b"IEND": b""}
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpeg(width: int, height: int) -> bytes:
    """Return the beginning of a JPEG, to its scan: an application's note, a frame header, the start of the scan."""
    note = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\x00" + b"\x00" * 9
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + b"\x00" * 9
    return b"\xff\xd8" + note + frame + b"\xff\xda\x00\x0c" + b"\x00" * 10 + b"\xff\xd9"


def gif(width: int, height: int, *, image: tuple[int, int] | None = None) -> bytes:
    """Return a GIF with a comment and one image, which may be larger than the screen it stands on."""
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\x00" * 6
    return screen + b"\x21\xfe\x02hi\x00" + b"\x2c" + struct.pack("<HHHHB", 0, 0, *(image or (width, height)), 0) + b";"


def webp(width: int, height: int, kind: bytes = b"VP8X") -> bytes:
    """Return a WebP whose first chunk is of that kind and says its size."""
    body = {
        b"VP8X": b"\x00" * 4 + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"),
        b"VP8L": b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(8, "little")[:4],
        b"VP8 ": b"\x00" * 3 + b"\x9d\x01\x2a" + struct.pack("<HH", width & 0x3FFF, height & 0x3FFF),
    }[kind]
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
