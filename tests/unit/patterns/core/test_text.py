"""What is no text is marked before anything is stored."""

import pytest

from patterns.core.text import storable, storable_json


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("as it was: é 🧨 \n\t", "as it was: é 🧨 \n\t"),
        ("half \ud800 a pair", "half ? a pair"),
        ("a \x00 inside", "a \N{REPLACEMENT CHARACTER} inside"),
    ],
)
def test_what_no_database_takes_is_marked(given: str, expected: str) -> None:
    assert storable(given) == expected


def test_every_text_of_a_json_value_is_marked() -> None:
    given = {"a\x00": ["b \ud800", 1, 2.5, True, None], "c": {"d": "e \x00"}}
    marked = {"a\N{REPLACEMENT CHARACTER}": ["b ?", 1, 2.5, True, None], "c": {"d": "e \N{REPLACEMENT CHARACTER}"}}
    assert storable_json(given) == marked
