import json

import pytest

from bot.messages.printable_json import printable_json


@pytest.mark.parametrize(
    "mark", ["\x1b", "\x00", "\x7f", "\x80", "\x9b", "\x9f", "\u061c", "\u200b", "\u200f", "\u202e"]
)
@pytest.mark.parametrize("place", ["{}", "a{}b", "{}[31m"])
def test_what_steers_a_screen_is_escaped_and_comes_back(mark: str, place: str) -> None:
    said = place.format(mark)
    written = printable_json({said: [said]})
    assert mark not in written
    assert json.loads(written) == {said: [said]}


@pytest.mark.parametrize("mark", ["\u2066", "\u2069", "\u2028", "\ufeff", "\U000e0041"])
def test_so_are_isolates_separators_and_tags(mark: str) -> None:
    written = printable_json(mark)
    assert mark not in written
    assert json.loads(written) == mark


def test_letters_stay_readable() -> None:
    assert printable_json({"name": "Zoë 東京 🙂"}, indent=1) == '{\n "name": "Zoë 東京 🙂"\n}'
