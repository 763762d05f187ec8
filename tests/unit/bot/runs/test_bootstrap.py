"""What opening an engine sets up in its process."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.runs.bootstrap import GARBAGE_AFTER, open_engine
from bot.settings import read_settings
from tests.support.running_bot import bot_environment

NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture(autouse=True)
def _usual_threshold() -> Iterator[None]:
    usual = gc.get_threshold()
    gc.set_threshold(700)
    yield
    gc.set_threshold(*usual)


async def test_the_collector_looks_seldom_while_requests_are_in_flight(tmp_path: Path) -> None:
    env = bot_environment(api_url=NOWHERE, provider_url=f"{NOWHERE}v1", folder=tmp_path)
    async with open_engine(read_settings(env), None):
        assert gc.get_threshold()[0] == GARBAGE_AFTER
    assert gc.isenabled()
