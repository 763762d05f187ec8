"""A text costs what it is long, whatever it repeats: these would take minutes if a pattern divided them again."""

import pytest

from bot.commands.dry_run import read_dry_run
from bot.commands.parser import parse
from bot.commands.text import without_mention

BEGINNINGS = (
    "use a with ",
    "use a with b",
    "use a",
    "estimate",
    "ask",
    "dry run",
    "budget set",
    "stop run",
    "",
    "<@U1",
)
REPEATED = (" ", "\t", "\n", "\u2800", " ,", " -", " and ", "-", ":", "*", "a ", "<", "1,")
LENGTH = 40_000


@pytest.mark.parametrize("repeated", REPEATED)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_no_text_is_divided_again_and_again(beginning: str, repeated: str) -> None:
    text = f"{beginning}{repeated * (LENGTH // len(repeated))}x!"
    parse(text, flows=["a"], agents=["b"])
    read_dry_run(text, dry=False)
    without_mention(text, "U1")
