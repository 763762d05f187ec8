"""Event streams as the HTML standard has them: its own examples, and any split of the bytes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patterns.models.sse import Event, ServerSentEvents

STANDARD = {
    "two data lines are one event": (
        b"data: YHOO\ndata: +2\ndata: 10\n\n",
        [Event(b"", b"YHOO\n+2\n10")],
    ),
    "comments, fields without a colon, ids and retries": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\nretry: 9\n\n",
        [Event(b"", b"first event"), Event(b"", b"second event"), Event(b"", b" third event")],
    ),
    "an empty line, two of them, and one that is not finished": (
        b"data\n\ndata\ndata\n\ndata:",
        [Event(b"", b""), Event(b"", b"\n")],
    ),
    "the space after the colon is no matter": (b"data:test\n\ndata: test\n\n", [Event(b"", b"test")] * 2),
    "names belong to one event": (b"event: add\ndata: 7\n\ndata: 8\n\n", [Event(b"add", b"7"), Event(b"", b"8")]),
    "an event without data is none": (b"event: ping\n\ndata: 1\n\n", [Event(b"", b"1")]),
    "a byte order mark": (b"\xef\xbb\xbfdata: 1\n\n", [Event(b"", b"1")]),
    "a byte order mark later is a field nobody knows": (b"data: 1\n\n\xef\xbb\xbfdata: 2\n\n", [Event(b"", b"1")]),
    "carriage returns": (b"data: 1\rdata: 2\r\rdata: 3\r\r", [Event(b"", b"1\n2"), Event(b"", b"3")]),
    "both": (b"data: 1\r\ndata: 2\r\n\r\n", [Event(b"", b"1\n2")]),
    "mixed": (b"data: 1\ndata: 2\r\n\rdata: 3\n\r\n", [Event(b"", b"1\n2"), Event(b"", b"3")]),
    "other line ends are text": (
        "data: a\u2028b\x0bc\u0085d\n\n".encode(),
        [Event(b"", "a\u2028b\x0bc\u0085d".encode())],
    ),
    "a comment inside": (b"data: 1\n: 9\ndata: 2\n\n", [Event(b"", b"1\n2")]),
}


def split(data: bytes, at: list[int]) -> list[bytes]:
    """The data cut at these places."""
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def events(chunks: list[bytes]) -> list[Event]:
    stream = ServerSentEvents()
    return [event for chunk in chunks for event in stream.feed(chunk)]


@pytest.mark.parametrize(("data", "expected"), STANDARD.values(), ids=list(STANDARD))
@settings(max_examples=30, deadline=None)
@given(at=st.lists(st.integers(0, 200), max_size=8))
def test_the_standards_cases_in_any_split(data: bytes, expected: list[Event], at: list[int]) -> None:
    assert events([data]) == expected
    assert events(split(data, at)) == expected


@given(
    data=st.lists(st.sampled_from([b"data", b":", b" ", b"\n", b"\r", b"x", b"event", b"\xef\xbb\xbf"])).map(b"".join),
    at=st.lists(st.integers(0, 200), max_size=8),
)
def test_any_bytes_mean_the_same_in_any_split(data: bytes, at: list[int]) -> None:
    assert events(split(data, at)) == events([data])


def test_an_event_is_there_as_soon_as_its_last_byte_is() -> None:
    for end in (b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r"):
        assert len(events([b"data: [DONE]" + end])) == 1


def test_what_the_end_leaves_is_handed_out_apart() -> None:
    stream = ServerSentEvents()
    assert stream.feed(b"data: 1\n\ndata: 2\ndata: 3") == [Event(b"", b"1")]
    assert stream.pending() == [Event(b"", b"2\n3")]
