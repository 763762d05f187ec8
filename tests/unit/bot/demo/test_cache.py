import base64
import hashlib
import io
import os
import platform
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from bot.demo import cache
from patterns.errors import UserError

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


class Registry:
    """A package registry with one package; `stated` is the checksum it claims."""

    def __init__(self) -> None:
        self.archive = archive()
        self.stated = sha512(self.archive)
        self.requests = 0
        app = web.Application()
        app.router.add_get(f"/{PACKAGE}/{cache.LOCAL_SLACK_VERSION}", self.describe)
        app.router.add_get("/archive", self.deliver)
        self.server = TestServer(app)

    async def describe(self, _: web.Request) -> web.Response:
        self.requests += 1
        url = str(self.server.make_url("/archive"))
        return web.json_response({"dist": {"tarball": url, "integrity": f"sha512-{self.stated}"}})

    async def deliver(self, _: web.Request) -> web.Response:
        return web.Response(body=self.archive)


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    registry = Registry()
    async with registry.server:
        yield registry


@pytest.fixture
def env(registry: Registry, tmp_path: Path) -> dict[str, str]:
    """A machine without npm."""
    return {"PATH": "", "AGENTS_CACHE_DIR": str(tmp_path), "npm_config_registry": str(registry.server.make_url("/"))}


async def test_without_npm_the_program_comes_straight_from_the_registry(
    env: dict[str, str], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LOCAL_SLACK_INTEGRITY", {PACKAGE: sha512(registry.archive)})
    program = await cache.local_slack_program(env)
    assert (program.read_bytes(), os.access(program, os.X_OK)) == (PROGRAM, True)


async def test_what_is_in_the_cache_is_not_fetched_again(
    env: dict[str, str], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LOCAL_SLACK_INTEGRITY", {})
    assert await cache.local_slack_program(env) == await cache.local_slack_program(env)
    assert registry.requests == 1


async def test_a_file_other_than_the_pinned_one_never_reaches_the_cache(env: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not the file we know"):
        await cache.local_slack_program(env)
    assert inside(tmp_path) == []


async def test_a_file_other_than_the_registry_states_is_refused(
    env: dict[str, str], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LOCAL_SLACK_INTEGRITY", {})
    registry.stated = sha512(b"something else")
    with pytest.raises(UserError, match="is not the file we know"):
        await cache.local_slack_program(env)


async def test_a_registry_that_does_not_answer_is_a_sentence(env: dict[str, str]) -> None:
    env["npm_config_registry"] = f"http://127.0.0.1:{unused_port()}"
    with pytest.raises(UserError, match=r"could not be fetched .* Check the network\."):
        await cache.local_slack_program(env)


async def test_a_system_without_a_package_is_a_sentence(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Plan9")
    with pytest.raises(UserError, match="no local-slack for Plan9 x86_64"):
        await cache.local_slack_program(env)
