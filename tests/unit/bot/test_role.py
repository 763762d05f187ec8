"""One bot on a folder, and as many shells beside it as anybody likes."""

from pathlib import Path

import pytest

from bot.role import bot_role
from bot.settings import read_settings
from patterns.errors import StorageError


def test_the_role_of_the_bot_is_held_by_one_and_free_afterwards(tmp_path: Path) -> None:
    here = read_settings({"AGENTS_DATA_DIR": str(tmp_path / "here")})
    elsewhere = read_settings({"AGENTS_DATA_DIR": str(tmp_path / "elsewhere")})
    with bot_role(here):
        with pytest.raises(StorageError, match="Another bot already runs"), bot_role(here):
            pass
        with bot_role(elsewhere):
            pass
    with bot_role(here):
        pass
