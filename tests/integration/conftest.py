"""A bot over the strict Slack double and a scripted team; a module that needs another team says so with its own."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.fakes.provider import Provider, Script
from tests.fakes.slack_server import SlackServer
from tests.fakes.team import Team
from tests.support.running_bot import House, Opened, open_house


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as slack:
        yield slack


@pytest.fixture
def team() -> Script:
    """Who answers in place of the models."""
    return Team()


@pytest.fixture
async def provider(team: Script) -> AsyncIterator[Provider]:
    async with Provider(team) as provider:
        yield provider


@pytest.fixture
def opened(slack: SlackServer, provider: Provider, tmp_path: Path) -> Opened:
    return partial(open_house, api_url=slack.url, provider=provider, folder=tmp_path)


@pytest.fixture
async def house(opened: Opened) -> AsyncIterator[House]:
    async with opened() as house:
        yield house
