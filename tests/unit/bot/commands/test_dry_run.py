"""`dry run` at the beginning of a request that comes beside a sign of its own: a flag, a box, a parameter."""

import pytest

from bot.commands.dry_run import NOTHING_ASKED, read_dry_run
from patterns.core.errors import UserError


@pytest.mark.parametrize(
    ("text", "flagged", "expected"),
    [
        ("dry run: delete it", False, ("delete it", True)),
        (" \u200bDry-Run delete it", False, ("Dry-Run delete it", True)),
        ("use orders: dry run: delete it", False, ("use orders: dry run: delete it", True)),
        ("delete it", True, ("delete it", True)),
        ("delete it", False, ("delete it", False)),
        ("delete it in a dry run: now", False, ("delete it in a dry run: now", False)),
    ],
)
def test_what_is_written_counts_like_the_sign_beside_it(
    text: str, *, flagged: bool, expected: tuple[str, bool]
) -> None:
    assert expected == read_dry_run(text, dry=flagged)


@pytest.mark.parametrize("text", ["dry run", "dry run:", "*dry run:*"])
def test_nothing_behind_it_is_said(text: str) -> None:
    with pytest.raises(UserError) as refused:
        read_dry_run(text, dry=False)
    assert str(refused.value) == NOTHING_ASKED
