"""Lines of bounded length, cut from whatever pieces come."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patterns.tools.mcp import stdio
from patterns.tools.mcp.stdio import EDGE_BYTES, Lines, Overlong

LIMIT = 3000


def cut(data: bytes, sizes: list[int], limit: int = LIMIT) -> list[bytes | Overlong]:
    lines, found = Lines(limit), list[bytes | Overlong]()
    for size in sizes:
        found += lines.feed(data[:size])
        data = data[size:]
    return [*found, *lines.feed(data)]


@given(
    lines=st.lists(st.integers(0, 3 * LIMIT).map(lambda size: (b"0123456789" * size)[:size]), max_size=4),
    sizes=st.lists(st.integers(1, 2 * LIMIT), max_size=12),
)
def test_what_fits_comes_whole_and_what_does_not_by_its_ends(lines: list[bytes], sizes: list[int]) -> None:
    expected = [
        line if len(line) <= LIMIT else Overlong(line[:EDGE_BYTES], line[-EDGE_BYTES:]) for line in lines
    ]  # fmt: skip
    assert cut(b"".join(line + b"\n" for line in lines), sizes) == expected


@given(st.lists(st.integers(1, 5 * LIMIT), max_size=20))
def test_no_more_is_held_than_the_limit(sizes: list[int]) -> None:
    lines = Lines(LIMIT)
    for size in sizes:
        list(lines.feed(b"x" * size))
        assert sum(map(len, lines._parts)) <= LIMIT


def test_a_line_that_never_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "ENDLESS_BYTES", 10 * LIMIT)
    assert cut(b"x" * 9 * LIMIT, []) == []
    (told,) = cut(b"x" * 11 * LIMIT, [])
    assert isinstance(told, Overlong)
    assert told.is_endless


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize(
    ("message", "answers"),
    [
        ({"jsonrpc": "2.0", "id": 7, "result": {"text": "TEXT"}}, 7),
        ({"id": 7, "jsonrpc": "2.0", "result": {"text": "TEXT"}}, 7),
        ({"id": 7, "result": {"text": "TEXT"}, "jsonrpc": "2.0"}, 7),
        ({"result": {"text": "TEXT"}, "jsonrpc": "2.0", "id": 7}, 7),
        ({"jsonrpc": "2.0", "result": {"text": "TEXT"}, "id": "seven"}, "seven"),
        ({"result": {"text": 'TEXT","jsonrpc":"2.0","id":8}'}, "jsonrpc": "2.0", "id": 7}, 7),
        ({"result": {"text": "TEXT", "id": 8}}, None),
    ],
)
def test_whose_answer_it_is_stands_at_an_end(
    message: dict[str, object], answers: int | str | None, separators: tuple[str, str]
) -> None:
    line = json.dumps(message, separators=separators).replace("TEXT", "x" * LIMIT).encode()
    (told,) = cut(line + b"\n", [])
    assert isinstance(told, Overlong)
    assert told.answers == answers
    assert told.is_an_answer


def test_a_notice_answers_nobody() -> None:
    line = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "x" * LIMIT}}).encode()
    (told,) = cut(line + b"\n", [])
    assert isinstance(told, Overlong)
    assert not told.is_an_answer
