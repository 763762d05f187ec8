"""The door of HTTP mode over real connections: what strangers send costs little, and Slack is answered meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from cryptography.fernet import Fernet

from bot import http_connections
from bot.manifest import EVENTS_PATH
from tests.fakes.provider import Provider
from tests.fakes.slack_installs import CLIENT_ID, CLIENT_SECRET
from tests.fakes.slack_server import SlackServer
from tests.support.running_bot import House
from tests.support.signed import hearing

BIG = 20_000_000


@pytest.fixture
async def house(slack: SlackServer, provider: Provider, tmp_path: Path) -> AsyncIterator[House]:
    async with hearing(slack, provider, tmp_path) as house:
        yield house


async def connected(slack: SlackServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(slack.request_url)
    assert place.port is not None
    return await asyncio.open_connection(place.hostname, place.port)


async def answer_to(slack: SlackServer, *sent: bytes) -> bytes:
    """Everything that comes back until the connection is closed."""
    reader, writer = await connected(slack)
    for part in sent:
        writer.write(part)
        await writer.drain()
    said = await reader.read()
    writer.close()
    return said


async def is_healthy(slack: SlackServer) -> bool:
    url = slack.request_url.replace(EVENTS_PATH, "/healthz")
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return bool((await reply.json())["ok"])


def request(*lines: str, method: str = "POST", path: str = EVENTS_PATH) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: bot", *lines, "", ""]).encode()


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    ("lines", "body", "expected"),
    [
        (("Content-Length: 20000000",), b"x" * BIG, b"413"),
        (("Transfer-Encoding: chunked",), b"F4240\r\n" + b"x" * 1_000_000 + b"\r\n0\r\n\r\n", b"401"),
        (("Content-Length: 2", "Content-Type: application/json"), b"{]", b"401"),
        (("Content-Length: 0",), b"", b"401"),
        (("Content-Length: soon",), b"", b"400"),
    ],
)
async def test_what_is_not_signed_is_refused_in_one_line(
    slack: SlackServer, lines: tuple[str, ...], body: bytes, expected: bytes
) -> None:
    said = await answer_to(slack, request(*lines), body)
    assert said.split(b" ", 2)[1] == expected
    assert len(said) < 400


@pytest.mark.usefixtures("house")
async def test_headers_that_do_not_end_are_a_408(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connections, "HEADERS_S", 0.05)
    assert (await answer_to(slack, b"POST /slack/events HTTP/1.1\r\nHost: bot\r\n")).startswith(b"HTTP/1.1 408")
    assert (await answer_to(slack)).startswith(b"HTTP/1.1 408")


@pytest.mark.usefixtures("house")
async def test_the_headers_of_a_later_request_have_a_deadline_too(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connections, "HEADERS_S", 0.05)
    reader, writer = await connected(slack)
    writer.write(request(method="GET", path="/livez"))
    assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
    writer.write(b"GET /livez HTTP/1.1\r\nHost: ")
    assert (await reader.read()).startswith(b"HTTP/1.1 408")
    writer.close()


@pytest.mark.usefixtures("house")
async def test_idle_connections_make_room_for_slack(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connections, "CONNECTIONS_MAX", 20)
    idle = [await connected(slack) for _ in range(100)]
    assert await is_healthy(slack)
    await slack.command("help")
    await slack.wait_for(slack.ephemerals)
    closed = [reader for reader, _ in idle if reader.at_eof()]
    assert len(closed) >= 80
    for _, writer in idle:
        writer.close()


@pytest.mark.usefixtures("house")
async def test_only_what_is_served_has_an_address(slack: SlackServer) -> None:
    paths = {"/": b"404", "/slack/install": b"404", "/docs": b"404", EVENTS_PATH: b"405", "/healthz": b"200"}
    for path, expected in paths.items():
        said = await answer_to(slack, request("Connection: close", method="GET", path=path))
        assert (path, said.split(b" ", 2)[1]) == (path, expected)


async def test_a_thousand_installs_that_are_begun_leave_nothing_behind(
    slack: SlackServer, provider: Provider, tmp_path: Path
) -> None:
    many = {"SLACK_CLIENT_ID": CLIENT_ID, "SLACK_CLIENT_SECRET": CLIENT_SECRET}
    many |= {"AGENTS_TOKEN_KEYS": Fernet.generate_key().decode(), "SLACK_BOT_TOKEN": "", "AGENTS_ADMINS": ""}
    async with hearing(slack, provider, tmp_path, **many) as house, aiohttp.ClientSession() as session:
        url = slack.request_url.replace(EVENTS_PATH, "/slack/install")
        for _ in range(1000):
            async with session.get(url, allow_redirects=False) as reply:
                assert reply.status == 302
        assert house.ledger("SELECT COUNT(*) FROM oauth_state") == 0
