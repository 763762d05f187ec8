"""Servers of others, as people connect them: over standard streams and over HTTP, of both eras of the protocol."""

import asyncio
import socket
import subprocess
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from patterns.core.tools import ToolError
from patterns.tools.mcp.servers import ServerTools
from tests.fakes.tool_server import HttpToolServer
from tests.integration.test_tool_servers import call, connected
from tests.support.node import program

OLD, NEW = "2025-11-25", "2026-07-28"
"""With a handshake and a session, and without."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "tea.txt").write_text("three kinds of tea")
    identity = ["-c", "user.name=Ana", "-c", "user.email=ana@shop.example"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "Put tea on the shelf"]):
        subprocess.run(["/usr/bin/env", "git", *words], cwd=folder, check=True)
    return folder


def version(box: ServerTools, server: str) -> str:
    """The protocol that was agreed on."""
    client = box.connections[server]._client
    assert client is not None
    return client.protocol_version


async def test_the_time_server_over_standard_streams(tmp_path: Path) -> None:
    entry = {"mcp": {"command": ["mcp-server-time"]}, "allow": ["convert_time"]}
    given = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    async with connected(tmp_path, {"time": entry}) as (box, _):
        await box.schemas(["time.convert_time"])
        answer = await call(box, "time.convert_time", **given)
        wrong = await call(box, "time.convert_time", **{**given, "target_timezone": "Atlantis"})
        assert version(box, "time") == NEW
    assert "T21:00:00+09:00" in answer.text
    assert wrong.is_error


async def test_the_git_server_over_standard_streams(tmp_path: Path, repository: Path) -> None:
    entry = {"mcp": {"command": ["mcp-server-git", "--repository", str(repository)]}, "allow": ["git_log", "git_add"]}
    async with connected(tmp_path, {"git": entry}) as (box, _):
        (schema,) = await box.schemas(["git.git_log"])
        log = await call(box, "git.git_log", repo_path=str(repository))
        elsewhere = await call(box, "git.git_log", repo_path="/")
        assert version(box, "git") == NEW
    assert "repo_path" in schema.parameters["properties"]
    assert "Put tea on the shelf" in log.text
    assert elsewhere.is_error


async def test_the_file_server_over_standard_streams(tmp_path: Path, repository: Path) -> None:
    command = [*program("mcp-server-filesystem"), str(repository)]
    entry = {"mcp": {"command": command}, "allow": ["read_text_file", "write_file"]}
    async with connected(tmp_path, {"files": entry}) as (box, _):
        await box.schemas(["files.read_text_file"])
        read = await call(box, "files.read_text_file", path=str(repository / "tea.txt"))
        written = await call(box, "files.write_file", path=str(repository / "milk.txt"), content="oats")
        outside = await call(box, "files.read_text_file", path="/etc/passwd")
        assert version(box, "files") == OLD
    assert read.text == "three kinds of tea"
    assert (written.is_error, (repository / "milk.txt").read_text()) == (False, "oats")
    assert outside.is_error


EVERYTHING = {"allow": ["echo", "get-sum", "get-tiny-image", "get-resource-links", "get-structured-content"]}


async def plays_everything(box: ServerTools) -> None:
    """Each kind of result that the server has."""
    await box.schemas(["all.echo"])
    assert (await call(box, "all.echo", message="é ☕")).text == "Echo: é ☕"
    assert "42" in (await call(box, "all.get-sum", a=40, b=2)).text
    assert (await call(box, "all.echo", wrong=1)).is_error
    assert "(image/png, not shown)" in (await call(box, "all.get-tiny-image")).text
    links = await call(box, "all.get-resource-links", count=3)
    assert len(links.sources) == 3
    assert (await call(box, "all.get-structured-content", location="Chicago")).text
    many = await asyncio.gather(*(call(box, "all.echo", message=str(number)) for number in range(40)))
    assert [one.text for one in many] == [f"Echo: {number}" for number in range(40)]
    assert version(box, "all") == OLD


async def test_the_everything_server_over_standard_streams(tmp_path: Path) -> None:
    entry: dict[str, Any] = {"mcp": {"command": [*program("mcp-server-everything"), "stdio"]}, **EVERYTHING}
    async with connected(tmp_path, {"all": entry}) as (box, _):
        await plays_everything(box)


@pytest.fixture
def port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@asynccontextmanager
async def everything_over_http(port: int) -> AsyncIterator[str]:
    """Its address, once it listens; it ends with the block."""
    server = await asyncio.create_subprocess_exec(
        *program("mcp-server-everything"), "streamableHttp", env={"PORT": str(port)}, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                assert server.returncode is None
                await asyncio.sleep(0.05)
                continue
            writer.close()
            break
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.kill()
        await server.wait()


async def test_the_everything_server_over_http(tmp_path: Path, port: int) -> None:
    async with everything_over_http(port) as url:
        entry: dict[str, Any] = {"mcp": {"url": url}, **EVERYTHING}
        async with connected(tmp_path, {"all": entry}) as (box, _):
            await plays_everything(box)


async def test_a_server_that_forgot_our_session_is_told_of_plainly_and_met_anew(tmp_path: Path, port: int) -> None:
    entry: dict[str, Any] = {"mcp": {"url": f"http://127.0.0.1:{port}/mcp"}, **EVERYTHING}
    async with connected(tmp_path, {"all": entry}) as (box, _):
        async with everything_over_http(port):
            await box.schemas(["all.echo"])
            assert (await call(box, "all.echo", message="1")).text == "Echo: 1"
        async with everything_over_http(port):
            with pytest.raises(ToolError, match="No answer of the tool came"):
                await call(box, "all.echo", message="2", timeout_s=5)
            with pytest.raises(ToolError, match="does not answer"):
                await box.schemas(["all.echo"])
            await asyncio.sleep(1.1)
            await box.schemas(["all.echo"])
            assert (await call(box, "all.echo", message="3", timeout_s=5)).text == "Echo: 3"


async def test_a_server_of_the_new_era_over_http(tmp_path: Path) -> None:
    async with HttpToolServer() as desk:
        entry = {"mcp": {"url": desk.url}, "allow": ["look"]}
        async with connected(tmp_path, {"desk": entry}) as (box, _):
            (schema,) = await box.schemas(["desk.look"])
            assert schema.description == "Look something up."
            assert (await call(box, "desk.look", what="tea")).text == "tea is here: https://desk.example/tea"
            with pytest.raises(ToolError, match="has no tool"):
                await box.schemas(["desk.nothing"])
            assert version(box, "desk") == NEW


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (502, "text/html", "<h1>Bad Gateway</h1>"),
        (504, "application/json", '{"message": "the gateway gave up"}'),
        (200, "text/html", "<h1>Please log in</h1>"),
        (200, "application/json", '{"jsonrpc": "2.0", "id":'),
        (202, "application/json", ""),
        (200, "text/event-stream", ""),
        (200, "text/event-stream", "event: message\ndata: {broken\n\n"),
    ],
)
async def test_what_stands_between_us_and_a_tool_is_never_taken_for_its_answer(
    tmp_path: Path, status: int, kind: str, body: str
) -> None:
    """A gateway answers in its place: the tool may have done it, so nobody is told that it refused."""
    async with HttpToolServer() as desk:
        entry = {"mcp": {"url": desk.url}, "allow": ["act"]}
        async with connected(tmp_path, {"desk": entry}) as (box, _):
            await box.schemas(["desk.act"])
            desk.instead = (status, kind, body)
            with pytest.raises(ToolError) as lost:
                await call(box, "desk.act", what="tea", timeout_s=3)
            assert lost.value.was_sent is True
    assert desk.did == ["act tea "]
