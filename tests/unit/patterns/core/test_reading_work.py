"""The work of reading a model's text grows with the text and no faster: counted in characters, never in seconds."""

import json
import re
from typing import Any

import pytest

from patterns.core import found_json, repetition, thinking_marks
from patterns.core.found_json import found_in, is_denied
from patterns.core.repetition import without_repetition
from patterns.core.structured import InvalidOutputError, read
from patterns.core.thinking import ThinkingFilter

SCHEMA = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize("unit", ["[a][b]", '{"', "{", "\\[a ", "![", "[1, Smith] "])
def test_what_is_no_json_is_refused_by_what_stands_near(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read_chars = 0
    real = json.JSONDecoder.raw_decode

    def counted(self: json.JSONDecoder, text: str, at: int = 0) -> Any:
        nonlocal read_chars
        read_chars = max(read_chars, len(text))
        return real(self, text, at)

    monkeypatch.setattr(json.JSONDecoder, "raw_decode", counted)
    assert found_in(unit * 5_000) == []
    assert read_chars <= found_json._NEAR_CHARS


@pytest.mark.parametrize("unit", ["[", '["a",'])
def test_a_text_of_nothing_but_beginnings_is_not_searched_to_its_end(unit: str) -> None:
    text = unit * 20_000
    assert found_in(text) is None
    assert is_denied(text, lambda _: True)
    with pytest.raises(InvalidOutputError):
        read(text, SCHEMA)


def test_a_value_longer_than_what_stands_near_is_found() -> None:
    value = {"a": 1, "why": "word " * 2_000}
    assert found_in(f"Here: {json.dumps(value)} as asked.") == [value]


@pytest.mark.parametrize("mark", ["$", "*", "`", '"', "\U0001f469"])
def test_a_line_of_marks_is_judged_by_its_beginning(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0
    real = repetition.is_data

    def noted(line: str) -> bool:
        nonlocal longest
        longest = max(longest, len(line))
        return real(line)

    monkeypatch.setattr(repetition, "is_data", noted)
    without_repetition(mark * 50_000)
    assert longest <= 1_000


@pytest.mark.parametrize(
    "text",
    ['```json\n{"a": 1}\n```', '~~~~\n{"a": 1}\n~~~~~', '```{"a": 1}```'],
)
def test_a_fence_around_an_answer_is_taken_off(text: str) -> None:
    assert json.loads(read(text, SCHEMA)) == {"a": 1}


def test_a_text_of_fences_has_no_answer() -> None:
    with pytest.raises(InvalidOutputError):
        read("`" * 100_000, SCHEMA)


class Counted:
    """A pattern that counts the characters it was given."""

    def __init__(self, real: re.Pattern[str]) -> None:
        self.real = real
        self.chars = 0

    def match(self, text: str, at: int = 0) -> re.Match[str] | None:
        self.chars += len(text) - at
        return self.real.match(text, at)


@pytest.mark.parametrize("begin", [" " * 20_000, "\n" * 20_000, "<s>a</s>" + " " * 20_000, "analysis: " + "a" * 20_000])
def test_the_beginning_of_a_stream_is_looked_at_a_few_times(begin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {name: Counted(getattr(thinking_marks, name)) for name in ("STRUCK_BEGUN", "STRUCK", "LOSSY")}
    for name, pattern in seen.items():
        monkeypatch.setattr(thinking_marks, name, pattern)
    stream, kept = ThinkingFilter(), 0
    for letter in begin + "The answer.":
        stream.feed(letter)
        kept += len(stream._rest)
    stream.close()

    assert stream.text.endswith("The answer.")
    assert sum(pattern.chars for pattern in seen.values()) < 12 * len(begin)
    assert kept < 40 * len(begin)
