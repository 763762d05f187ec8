"""The README's table of settings names every variable the program reads, and no other."""

import re
from pathlib import Path

from bot.settings import VARIABLES

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
TABLE = README.partition("| Variable | What it is |")[2].partition("\n\n")[0]


def test_the_table_lists_exactly_the_variables_the_program_reads() -> None:
    listed = [name for row in TABLE.splitlines() for name in re.findall(r"`([A-Z_]+)`", row.split(" | ")[0])]
    assert sorted(listed) == sorted(variable.name for variable in VARIABLES)
