"""What is no text is marked before anything is stored."""

import pytest

from patterns.text import storable


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
