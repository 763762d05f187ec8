"""Files of requests: they reach the model byte for byte, and go when nothing was started; a missing one is named."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from patterns.core.questions import Decision
from tests.fakes.provider import Provider
from tests.fakes.slack_server import SlackServer
from tests.fakes.slack_state import BOT_USER
from tests.fakes.team import Team
from tests.support.ledgers import execute
from tests.support.pictures import png
from tests.support.running_bot import House, open_house

DANA = "U0DANA"
PARKED = "SELECT COUNT(*) FROM run WHERE status = 'parked'"
OVER = "SELECT COUNT(*) FROM run WHERE status = 'done'"
ASKED = f"<@{BOT_USER}> use answer: what is this?"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider(Team()) as provider:
        yield provider


@pytest.fixture
async def house(slack: SlackServer, provider: Provider, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(api_url=slack.url, provider=provider, folder=tmp_path) as house:
        yield house


def folder(house: House) -> Path:
    path = Path(house.settings.database_url.removeprefix("sqlite:///"))
    return path.with_name(f"{path.name}-files")


async def shared(slack: SlackServer, house: House) -> None:
    """A request with a picture, which waits for a yes to its price."""
    await slack.share("chart.png", png(), ASKED, mimetype="image/png")
    await slack.wait_for(lambda: house.ledger(PARKED) == 1)


async def decide(slack: SlackServer, house: House, verdict: str) -> None:
    (run,) = await house.bot.engine.store.recent("T0AGENTS", DANA, most=1)
    if verdict == "run":
        await house.bot.engine.questions.decide(run.id, "confirm", Decision(verdict="run", user=DANA))
        await house.bot.executor.wake(run.id)
    else:
        await house.bot.executor.stop(run, by=DANA)
    await slack.wait_for(lambda: house.ledger(OVER) == 1)


async def test_a_picture_reaches_the_model_byte_for_byte_and_stays_for_follow_ups(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    await shared(slack, house)
    await decide(slack, house, "run")
    sent = provider.calls[-1]
    assert sent.images == 1
    assert base64.b64encode(png()).decode() in str(sent.body)
    await house.bot.engine.files.sweep()
    assert [path.read_bytes() for path in folder(house).iterdir()] == [png()]
    assert house.ledger("SELECT MAX(LENGTH(text)) FROM content WHERE kind = 'material'") < 500


async def test_what_nothing_was_started_for_goes(slack: SlackServer, house: House, provider: Provider) -> None:
    await shared(slack, house)
    assert len(list(folder(house).iterdir())) == 1
    await decide(slack, house, "stop")
    await house.bot.engine.files.sweep()
    assert (list(folder(house).iterdir()), house.ledger("SELECT COUNT(*) FROM stored_file")) == ([], 0)
    assert provider.calls == []


async def test_a_picture_that_is_missing_is_named_and_the_request_goes_on(
    slack: SlackServer, house: House, provider: Provider
) -> None:
    await shared(slack, house)
    await execute(house.bot.engine.db, "DELETE FROM stored_file")
    await decide(slack, house, "run")
    assert provider.calls[-1].images == 0
    assert "a picture that is no longer kept" in str(provider.calls[-1].body)
