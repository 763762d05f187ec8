"""Pictures are what their headers say, within bounds, or they are left out with one sentence."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.threads.pictures import Picture, picture_of
from bot.threads.unread import UnreadError
from tests.support.pictures import gif, jpeg, png, webp


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (png(12, 7), "image/png"),
        (jpeg(12, 7), "image/jpeg"),
        (b"\xff\xd8\xff\xff" + jpeg(12, 7)[3:], "image/jpeg"),
        (gif(12, 7), "image/gif"),
        (gif(12, 2, image=(3, 7)), "image/gif"),
        (webp(12, 7), "image/webp"),
        (webp(12, 7, b"VP8L"), "image/webp"),
        (webp(12, 7, b"VP8 "), "image/webp"),
    ],
)
def test_format_and_size_are_read_from_the_header(data: bytes, media_type: str) -> None:
    assert picture_of(data) == Picture(media_type, 12, 7)


TOO_MANY = "it has {} pixels; I look at up to 8,000 a side and 40 million in all"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (png(2, claims=(60_000, 60_000)), TOO_MANY.format("60,000 by 60,000")),
        (png(2, claims=(7_000, 7_000)), TOO_MANY.format("7,000 by 7,000")),
        (png(2, claims=(2**31 - 1, 1)), TOO_MANY.format("2,147,483,647 by 1")),
        (jpeg(65_000, 65_000), TOO_MANY.format("65,000 by 65,000")),
        (gif(2, 2, image=(65_000, 65_000)), TOO_MANY.format("65,000 by 65,000")),
        (webp(2**24, 2**24), TOO_MANY.format("16,777,216 by 16,777,216")),
        (png(2, claims=(0, 5)), "the picture is damaged"),
        (png(8)[:-4], "the picture is damaged"),
        (png(8)[:40], "the picture is damaged"),
        (png(8)[:8] + zlib.compress(b"x" * 99), "the picture is damaged"),
        (jpeg(8, 8)[:22], "the picture is damaged"),
        (b"\xff\xd8\xff\xda" + b"\x00" * 30, "the picture is damaged"),
        (b"\xff\xd8\xff" + b"\xff" * 1_000, "the picture is damaged"),
        (gif(8, 8)[:14], "the picture is damaged"),
        (webp(8, 8)[:-3], "the picture is damaged"),
        (webp(8, 8).replace(b"VP8X", b"VP9X"), "the picture is damaged"),
        (b"<svg/>", "I see PNG, JPEG, GIF and WebP only"),
        (b"RIFF\x00\x00\x00\x00WAVE", "I see PNG, JPEG, GIF and WebP only"),
        (b"", "I see PNG, JPEG, GIF and WebP only"),
    ],
)
def test_what_is_too_large_or_damaged_is_left_out(data: bytes, said: str) -> None:
    with pytest.raises(UnreadError) as left_out:
        picture_of(data)
    assert str(left_out.value) == said


BEGINNINGS = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\x20\x00\x00\x00WEBP", b""]


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=200))
def test_any_bytes_are_a_picture_within_bounds_or_left_out(begin: bytes, rest: bytes) -> None:
    try:
        found = picture_of(begin + rest)
    except UnreadError:
        return
    assert 0 < found.width * found.height <= 40_000_000
