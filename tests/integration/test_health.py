"""`/livez` and `/readyz` over real HTTP: what they say while all is well, without a database and without Slack."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot import health
from bot.demo.process import free_port
from bot.manifest import EVENTS_PATH
from patterns.core.errors import StorageError, UserError
from storage.run_reader import RunReader
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.support.running_bot import House, open_house
from tests.support.signed import hearing

Answer = tuple[int, dict[str, Any]]


WELL: dict[str, Any] = {
    "ok": True,
    "database": True,
    "leases": True,
    "slack": True,
    "waiting": 0,
    "oldest_wait_s": 0,
    "working": 0,
    "providers_failing": {},
    "tools_failing": {},
}


@pytest.fixture
async def house(slack: SlackServer, provider: Provider, tmp_path: Path) -> AsyncIterator[House]:
    async with hearing(slack, provider, tmp_path) as house:
        yield house


async def asked(slack: SlackServer, path: str) -> Answer:
    async with aiohttp.ClientSession() as session, session.get(slack.request_url.replace(EVENTS_PATH, path)) as reply:
        return reply.status, await reply.json()


async def asked_at(port: int, path: str) -> Answer:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as reply:
        return reply.status, await reply.json()


async def asked_of_slack(slack: SlackServer) -> Answer:
    """Ask until the call to Slack, which is made beside the answer, is over."""
    async with asyncio.timeout(20):
        while True:
            answer = await asked(slack, "/readyz")
            if answer[1]["slack"] is not None:
                return answer


@pytest.mark.usefixtures("house")
async def test_a_bot_with_database_and_slack_is_ready(slack: SlackServer) -> None:
    assert await asked_of_slack(slack) == (200, WELL)
    assert await asked(slack, "/healthz") == await asked(slack, "/readyz")
    assert await asked(slack, "/livez") == (200, {"ok": True})


@pytest.mark.usefixtures("house")
async def test_without_its_database_a_bot_lives_and_is_not_ready(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_self: RunReader, _statement: object) -> Any:
        raise StorageError("The database does not answer.")

    monkeypatch.setattr(RunReader, "_read", away)
    status, said = await asked(slack, "/readyz")
    assert (status, said["ok"], said["database"]) == (503, False, False)
    assert await asked(slack, "/livez") == (200, {"ok": True})


@pytest.mark.usefixtures("house")
async def test_a_database_that_never_answers_is_away(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_self: RunReader, _statement: object) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(health, "DATABASE_TIMEOUT_S", 0.01)
    monkeypatch.setattr(RunReader, "_read", silent)
    assert (await asked(slack, "/readyz"))[0] == 503


@pytest.mark.usefixtures("house")
async def test_without_slack_a_bot_says_so_and_still_stores_requests(slack: SlackServer) -> None:
    slack.fail("api.test", error="internal_error", times=100)
    status, said = await asked_of_slack(slack)
    assert (status, said["slack"]) == (200, False)


@pytest.mark.usefixtures("house")
async def test_runs_whose_leases_cannot_be_renewed_make_it_unready(slack: SlackServer, house: House) -> None:
    house.bot.executor.lease.is_renewed = False
    status, said = await asked(slack, "/readyz")
    assert (status, said["leases"], said["database"]) == (503, False, True)


# ---------------------------------------------------------------- a port of its own


async def test_in_socket_mode_it_tells_of_its_connection_to_slack(
    slack: SlackServer, provider: Provider, tmp_path: Path
) -> None:
    port = free_port()
    more = {"HEALTH_PORT": str(port)}
    async with open_house(api_url=slack.url, provider=provider, folder=tmp_path, more=more):
        await slack.wait_for(lambda: slack.sockets)
        status, said = await asked_at(port, "/readyz")
        assert (status, said["socket"], said["database"]) == (200, True, True)
        await slack.sockets[0].close()
        await slack.wait_for(lambda: not slack.sockets)
        assert (await asked_at(port, "/readyz"))[0] == 503
        assert await asked_at(port, "/livez") == (200, {"ok": True})
    with pytest.raises(aiohttp.ClientConnectorError):
        await asked_at(port, "/livez")


async def test_a_port_that_is_taken_is_one_sentence(slack: SlackServer, provider: Provider, tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - as the bot listens
        more = {"HEALTH_PORT": str(taken.getsockname()[1])}
        with pytest.raises(UserError, match="Choose another with HEALTH_PORT"):
            async with open_house(api_url=slack.url, provider=provider, folder=tmp_path, more=more):
                pytest.fail("it must not start")
