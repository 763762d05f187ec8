"""The doctor warns of disks that lose the ledger, by what the system and the host say of them."""

from pathlib import Path

import pytest

from bot.cli import doctor
from bot.cli.findings import Finding


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the system says of its disks."""
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(doctor, "MOUNTS", mounts)
    monkeypatch.setattr(doctor, "DISK_FREE_BYTES", 0)
    return mounts


def said(folder: Path, env: dict[str, str]) -> list[Finding]:
    return list(doctor._disk(folder / "agents.db", env))


def test_a_lasting_disk_is_worth_no_word(mounted: Path, tmp_path: Path) -> None:
    mounted.write_text("/dev/vda1 / ext4 rw 0 0\n", "utf-8")
    assert said(tmp_path, {}) == []


@pytest.mark.parametrize("kind", ["tmpfs", "overlay"])
def test_a_disk_of_the_container_may_vanish_with_it(mounted: Path, tmp_path: Path, kind: str) -> None:
    mounted.write_text(f"/dev/vda1 / ext4 rw 0 0\nx {tmp_path} {kind} rw 0 0\n", "utf-8")
    (finding,) = said(tmp_path, {})
    assert (finding.level, f"is on {kind}, which may vanish" in finding.text) == ("warn", True)


@pytest.mark.parametrize(("variable", "host"), [("DYNO", "Heroku"), ("FLY_APP_NAME", "Fly.io"), ("RENDER", "Render")])
def test_a_host_with_a_new_disk_each_deploy_is_named_unless_a_volume_is_mounted(
    mounted: Path, tmp_path: Path, variable: str, host: str
) -> None:
    mounted.write_text("/dev/vda1 / ext4 rw 0 0\n", "utf-8")
    (finding,) = said(tmp_path, {variable: "x"})
    assert (finding.level, finding.text.startswith(f"{host} gives the app a new disk")) == ("warn", True)
    mounted.write_text(f"/dev/vda1 / ext4 rw 0 0\n/dev/vdb {tmp_path} ext4 rw 0 0\n", "utf-8")
    assert said(tmp_path, {variable: "x"}) == []
