"""Several web processes and a worker on PostgreSQL serve many workspaces: any process takes any step."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.demo.process import free_port
from bot.manifest import EVENTS_PATH
from tests.crash.fleet import Member
from tests.fakes.browser import Browser
from tests.fakes.provider import Provider
from tests.fakes.slack_installs import CLIENT_ID, CLIENT_SECRET
from tests.fakes.slack_people import People
from tests.fakes.slack_server import SlackServer
from tests.support.running_bot import bot_environment

ASK, ANSWER = "use answer: SQLite or PostgreSQL?", "Until then SQLite is one file"
SOON_S = 60


@dataclass(frozen=True)
class Fleet:
    """The addresses of the web processes, and everything that was logged."""

    urls: tuple[str, str]
    members: tuple[Member, ...]

    @property
    def log(self) -> str:
        return "".join(member.log.read_text() for member in self.members)


@pytest.fixture
async def fleet(slack: SlackServer, provider: Provider, postgresql_url: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    slack.workspace.tokens.clear()
    env = bot_environment(api_url=slack.url, provider_url=provider.api_base("openai"), folder=tmp_path)
    many = {
        "SLACK_CLIENT_ID": CLIENT_ID,
        "SLACK_CLIENT_SECRET": CLIENT_SECRET,
        "AGENTS_TOKEN_KEYS": Fernet.generate_key().decode(),
        "AGENTS_ADMINS": "",
        "DATABASE_URL": postgresql_url,
    }
    env = {name: value for name, value in env.items() if name not in {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"}} | many
    ports = free_port(), free_port()
    places = [("web", ports[0]), ("web", ports[1]), ("worker", None)]
    members = tuple(Member(role, port, env, tmp_path / f"{number}.log") for number, (role, port) in enumerate(places))
    try:
        for member in members:
            member.start()
        for member in members:
            await member.ready()
        yield Fleet((f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"), members)
    finally:
        for member in members:
            member.kill()


async def answered(people: People) -> None:
    await people.wait_for(lambda: ANSWER in json.dumps(people.messages()), SOON_S)


async def test_an_install_begun_at_one_process_ends_at_another_and_holds_in_all(
    slack: SlackServer, fleet: Fleet
) -> None:
    first, second = fleet.urls
    other = slack.beside("T0OTHER", name="Other")
    await Browser(first, slack.tokens, back_url=second).install(slack.workspace)
    await Browser(second, slack.tokens, back_url=first).install(other.workspace)
    slack.request_url = first + EVENTS_PATH
    await slack.command(ASK)
    await other.command(ASK)
    await answered(slack)
    await answered(other)
    # One process hears of the end, the others stop speaking there.
    tokens = slack.workspace.tokens | other.workspace.tokens
    slack.tokens.revoke((slack.workspace,))
    slack.request_url = second + EVENTS_PATH
    await slack.event({"type": "app_uninstalled"})
    slack.request_url = first + EVENTS_PATH
    await slack.command(ASK)
    await slack.wait_for(lambda: "not installed in this workspace" in json.dumps(slack.workspace.ephemerals))
    for member in fleet.members:
        member.kill()
    assert [secret for secret in (*tokens, CLIENT_SECRET, "code-") if secret in fleet.log] == []
