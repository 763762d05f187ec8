"""What lies on the disk is its owner's alone, whatever the umask."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.team import Team
from tests.support.running_bot import open_house
from tests.support.shells import Shell


@pytest.fixture(params=[0o022, 0o000, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield int(request.param)
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """`ls -l` of a folder, itself included."""
    return {
        str(path.relative_to(folder.parent)): oct(path.stat().st_mode & 0o777)
        for path in [folder, *folder.rglob("*")]
        if not path.is_symlink()
    }


@pytest.mark.usefixtures("umask")
async def test_a_fresh_data_folder_of_a_running_bot_is_private(slack: SlackServer, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with (
        Provider(Team()) as provider,
        open_house(api_url=slack.url, provider=provider, folder=folder) as house,
    ):
        await slack.command("use answer: SQLite or PostgreSQL?")
        await slack.wait_for(lambda: house.ledger("SELECT COUNT(*) FROM run WHERE status = 'done'"))
        found = modes(folder)
    assert found["data"] == "0o700"
    assert {name for name in found if name.endswith(("agents.db", "agents.db-wal", "agents.db-shm"))} == {
        "data/agents.db",
        "data/agents.db-wal",
        "data/agents.db-shm",
    }
    assert {mode for name, mode in found.items() if name != "data"} == {"0o600"}


async def test_a_folder_and_files_that_were_open_are_closed(slack: SlackServer, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    file = folder / "agents.db"
    file.touch(mode=0o644)
    file.chmod(0o644)
    async with Provider(Team()) as provider, open_house(api_url=slack.url, provider=provider, folder=folder):
        assert (modes(folder)["data"], modes(folder)["data/agents.db"]) == ("0o700", "0o600")


async def test_commands_write_private_files(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        shell = Shell(tmp_path / "home", "http://127.0.0.1:9/v1")
        shell.folder.mkdir(mode=0o755)
        for words in (("migrate",), ("backup", str(tmp_path / "copy.db"))):
            process = await shell.start(*words)
            out, err = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 0, (out, err)
    finally:
        os.umask(before)
    assert oct((tmp_path / "copy.db").stat().st_mode & 0o777) == "0o600"
    assert {mode for name, mode in modes(shell.folder).items() if "agents.db" in name} == {"0o600"}
