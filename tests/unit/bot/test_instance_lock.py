"""One bot on a folder, and as many shells beside it as anybody likes."""

from pathlib import Path

import pytest

from bot.instance_lock import single_instance_lock
from bot.settings import read_settings
from patterns.core.errors import StorageError


def test_the_role_of_the_bot_is_held_by_one_and_free_afterwards(tmp_path: Path) -> None:
    here = read_settings({"AGENTS_DATA_DIR": str(tmp_path / "here")})
    elsewhere = read_settings({"AGENTS_DATA_DIR": str(tmp_path / "elsewhere")})
    with single_instance_lock(here):
        with pytest.raises(StorageError, match="Another bot already runs"), single_instance_lock(here):
            pass
        with single_instance_lock(elsewhere):
            pass
    with single_instance_lock(here):
        pass


def test_another_folder_is_no_way_around_the_same_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    one, two = (read_settings({"AGENTS_DATA_DIR": str(tmp_path / name), "DATABASE_URL": url}) for name in "ab")
    with (
        single_instance_lock(one),
        pytest.raises(StorageError, match=r"already runs on the ledger .*shared\.db"),
        single_instance_lock(two),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = read_settings({"AGENTS_DATA_DIR": str(tmp_path / "file" / "folder")})
    with pytest.raises(StorageError, match="cannot be written to"), single_instance_lock(settings):
        pass
