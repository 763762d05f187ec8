"""What an operator copies must be what the program reads: no variable forgotten, none invented, no value slipped in."""

from pathlib import Path

from bot.settings import VARIABLES, read_settings

LINES = (Path(__file__).parents[2] / ".env.example").read_text("utf-8").splitlines()
ASSIGNED = dict(line.split("=", 1) for line in LINES if line and not line.startswith("#"))


def test_it_lists_exactly_the_variables_the_program_reads() -> None:
    assert sorted(variable.name for variable in VARIABLES) == sorted(ASSIGNED)


def test_an_untouched_copy_changes_nothing() -> None:
    assert read_settings({}) == read_settings(ASSIGNED).model_copy(update={"env": {}})


def test_no_value_is_committed() -> None:
    assert [name for name, value in ASSIGNED.items() if value] == []
